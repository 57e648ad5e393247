/**
 * What a node agent weighs: resident memory and CPU of the bundle as it ships, with a large cluster in a real etcd.
 *
 * `npm run bundle -- node && npm run bench -- footprint [--nodes N] [--seconds N]` (root: it moves into a network namespace
 * of its own, where nobody answers). Requests and limits of deploy/ are taken from here.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { EtcdRig } from '../../test/interop/etcd-rig.js'
import { enterPrivateNetwork } from '../../test/interop/support/network.js'
import { fill } from '../cold-start/index.js'

/** One of the fixture's. */
const NODE = 'node-7'

interface Summary {
  readonly identity: { readonly configGeneration: number }
  readonly datastore: { readonly status: string }
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      nodes: { type: 'string', default: '5000' },
      seconds: { type: 'string', default: '20' },
      bundle: { type: 'string', default: 'dist/bundle/node' },
    },
  })
  enterPrivateNetwork()
  for (const mesh of [false, true]) {
    const rig = await EtcdRig.start()
    const folder = mkdtempSync(join(tmpdir(), 'starling-footprint-'))
    let child: ChildProcess | undefined
    try {
      await fill(rig, Number(values.nodes), mesh)
      const socket = join(folder, 's.sock')
      const options = ['--datastore', `etcd:${rig.urls.join(',')}`, '--fib', 'memory', '--control', socket]
      const program = join(values.bundle, 'starling.js')
      const begin = performance.now()
      child = spawn(process.execPath, [program, 'node', '--name', NODE, ...options, '--log-level', 'warn'], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      await planned(socket)
      const start = (performance.now() - begin) / 1000
      await sleep(5)
      const before = usage(child.pid ?? 0)
      await sleep(Number(values.seconds))
      const after = usage(child.pid ?? 0)
      const cpu = ((after.ticks - before.ticks) * 10) / Number(values.seconds)
      console.log(
        `${values.nodes} nodes, ${mesh ? 'mesh' : 'reflectors'}: planned after ${start.toFixed(1)} s, ` +
          `${after.resident} MB resident, ${after.peak} MB at most, ${after.startCpu.toFixed(1)} s CPU so far, then ${cpu.toFixed(0)} m`,
      )
    } finally {
      child?.kill('SIGKILL')
      await rig.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

async function planned(socket: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const summary = await ask(socket).catch(() => undefined)
    if (summary?.datastore.status === 'in-sync' && summary.identity.configGeneration > 0) return
    await sleep(0.1)
  }
  throw new Error('no plan after a minute')
}

function ask(socketPath: string): Promise<Summary> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/v1/summary' }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => {
        try {
          resolve(JSON.parse(text) as Summary)
        } catch (error) {
          reject(error)
        }
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

/** Megabytes, and clock ticks of 10 ms. */
function usage(pid: number): { resident: number; peak: number; ticks: number; startCpu: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024)
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  return { resident: field('VmRSS'), peak: field('VmHWM'), ticks, startCpu: ticks / 100 }
}
