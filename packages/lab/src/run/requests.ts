/**
 * What a second terminal can ask of a running lab: a table from name to handler. Each gets the words behind its name and
 * answers with an exit code; unknown names and devices are errors with what is known.
 */
import { spawn } from 'node:child_process'
import { isIP } from 'node:net'
import { constants } from 'node:os'
import { controlSocket } from '../daemons/starling.js'
import { Capture } from '../fabric/capture.js'
import { tables } from '../show/tables.js'
import { DAEMONS } from '../topology/types.js'
import type { ControlAnswer, ControlRequest } from './control.js'
import { missing } from './converge.js'
import type { Lab } from './lab.js'

export const isRequest = (command: string): boolean => Object.hasOwn(HANDLERS, command)

type Handler = (lab: Lab, args: readonly string[], output: ControlAnswer) => Promise<number>

export function handleRequest(lab: Lab, { command, args }: ControlRequest, output: ControlAnswer): Promise<number> {
  const handler = HANDLERS[command]
  if (handler === undefined) throw new Error(`unknown request "${command}"; known: ${Object.keys(HANDLERS).join(', ')}`)
  return handler(lab, args, output)
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  status: async (lab, args, output) => {
    const view = await lab.look()
    const absent = missing(lab.plan, view)
    if (args.includes('json'))
      output.out(`${JSON.stringify({ id: lab.id, folder: lab.folder, missing: absent, ...view })}\n`)
    else {
      const lines = tables(lab.plan, view, { color: args.includes('color') })
      output.out(`${[...lines, '', ...(absent.length === 0 ? ['converged'] : absent)].join('\n')}\n`)
    }
    return absent.length === 0 ? 0 : 2
  },

  exec: (lab, [name = '', command, ...args], output) => {
    if (command === undefined) throw new Error('usage: lab exec NAME -- COMMAND [ARGS]')
    if (lab.network === undefined) throw new Error('there are no namespaces in loopback mode')
    const env = { ...process.env, STARLING_CONTROL: controlSocket(lab.folder, name) }
    const child = lab.network
      .namespace(name)
      .run(() => spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] as const, env }))
    child.stdout.on('data', (chunk: Buffer) => output.out(chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => output.err(chunk.toString()))
    // `show peers --watch` runs until Ctrl-C, and that reaches the asking side alone.
    output.gone.addEventListener('abort', () => child.kill())
    return new Promise((resolve) => {
      child.once('error', (error) => {
        output.err(`${error.message}\n`)
        resolve(127)
      })
      child.once('close', (code) => resolve(code ?? 1))
    })
  },

  /** How to go in: for a command on the asking person's own terminal. */
  door: async (lab, [name = ''], output) => {
    if (lab.network === undefined) throw new Error('there are no namespaces in loopback mode')
    const path = `/proc/${process.pid}/fd/${lab.network.namespace(name).fd}`
    output.out(JSON.stringify({ path, control: controlSocket(lab.folder, name) }))
    return 0
  },

  capture: async (lab, [name = '', segment = '', file = '', port = '', count = '', seconds = ''], output) => {
    const { legs, cables } = lab.plan.devices.find((device) => device.name === name) ?? { legs: [], cables: [] }
    const leg = legs.find((each) => each.segment === segment) ?? cables.find(({ to }) => to === segment)
    if (segment !== '' && leg === undefined)
      throw new Error(`${name} is not in rack "${segment}", and no cable leads there`)
    const capture = new Capture({
      ns: network(lab).namespace(name),
      file,
      ...(leg === undefined ? {} : { interface: leg.interface }),
      ...(port === '' ? {} : { port: Number(port) }),
      ...(count === '' ? {} : { count: Number(count) }),
    })
    const timer = seconds === '' ? undefined : setTimeout(() => capture.stop(), Number(seconds) * 1000)
    // Ctrl-C at the asking side ends it.
    output.gone.addEventListener('abort', () => capture.stop())
    output.err(`capturing ${leg === undefined ? name : `${name} ${leg.interface}`} into ${file}\n`)
    const frames = await capture.done
    clearTimeout(timer)
    output.out(`${frames} frames in ${file}; read it with: starling decode --pcap ${file}\n`)
    return 0
  },

  ping: async (lab, [from = '', to = '', count = '3', six = ''], output) => {
    const address = isIP(to) === 0 ? addressOf(lab, to, six !== '') : to
    let lost = 0
    for (let sequence = 1; sequence <= Number(count); sequence++) {
      const milliseconds = await lab.ping(from, address)
      if (milliseconds === undefined) lost++
      output.out(
        `${address} seq=${sequence} ${milliseconds === undefined ? 'no answer' : `${milliseconds.toFixed(2)} ms`}\n`,
      )
      if (sequence < Number(count)) await new Promise((resolve) => setTimeout(resolve, 300))
    }
    return lost === 0 ? 0 : 1
  },

  kill: async (lab, [name = '', signal = 'SIGKILL'], output) => {
    await lab.kill(name, signalOf(signal))
    output.out(`${name}: killed\n`)
    return 0
  },

  restart: async (lab, [name = ''], output) => {
    await lab.restart(name)
    output.out(`${name}: started\n`)
    return 0
  },

  replace: async (lab, [name = '', kind = '', signal = 'SIGKILL'], output) => {
    const daemon = DAEMONS.find((each) => each === kind)
    if (daemon === undefined) throw new Error(`no daemon is named "${kind}"; known: ${DAEMONS.join(', ')}`)
    await lab.replace(name, daemon, signalOf(signal))
    output.out(`${name}: runs ${daemon} now\n`)
    return 0
  },

  cut: async (lab, [name = '', segment], output) => {
    network(lab).cut(name, segment)
    output.out(`${name}: cut off${segment === undefined ? '' : ` from ${segment}`}\n`)
    return 0
  },

  heal: async (lab, [name = '', segment], output) => {
    network(lab).heal(name, segment)
    output.out(`${name}: connected\n`)
    return 0
  },
}

function signalOf(signal: string): NodeJS.Signals {
  if (!Object.hasOwn(constants.signals, signal)) throw new Error(`no signal is named "${signal}"; as in SIGTERM`)
  return signal as NodeJS.Signals
}

function network(lab: Lab) {
  if (lab.network === undefined) throw new Error('there are no links in loopback mode')
  return lab.network
}

function addressOf(lab: Lab, name: string, six: boolean): string {
  const pod = lab.network?.pods().find((pod) => pod.name === name)
  const device = lab.plan.devices.find((device) => device.name === name)
  if (pod === undefined && device === undefined) {
    const known = lab.plan.devices.flatMap((device) => [device.name, ...device.pods])
    throw new Error(`no pod or device is named "${name}"; known: ${known.join(', ')}`)
  }
  const found = six ? (pod?.address6 ?? device?.legs[0]?.six?.address) : (pod?.address ?? device?.address)
  if (found === undefined) throw new Error(`${name} has no IPv6 address: its rack has no subnet6`)
  return found
}
