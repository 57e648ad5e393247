/**
 * How each device's daemon is started: `starling node` and `starling reflector` from this very installation, or BIRD 2
 * with a configuration written for the topology. Everything a daemon needs to know about its place is here.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DevicePlan, LabPlan } from '../topology/plan.js'
import type { ProcessSpec } from './processes.js'

export const HTTP_PORT = 9179

export interface StarlingPlace {
  readonly folder: string
  /** The command line's own file: the one this process was started with. */
  readonly program: string
  readonly datastore: string
  /** No kernel to program: routes in memory (`--fib memory`). */
  readonly memoryFib: boolean
}

export const controlSocket = (folder: string, device: string): string => join(folder, `${device}.sock`)

export function starling(device: DevicePlan, place: StarlingPlace): ProcessSpec {
  const { folder, program, datastore, memoryFib } = place
  const host = memoryFib ? device.address : '127.0.0.1'
  return {
    name: device.name,
    command: process.execPath,
    args: [
      ...[program, device.role === 'reflector' ? 'reflector' : 'node'],
      ...['--name', device.name, '--datastore', datastore],
      ...['--control', controlSocket(folder, device.name), '--http', `${host}:${HTTP_PORT}`],
      ...(device.role === 'node' ? ['--claim-block'] : []),
      ...(memoryFib && device.role !== 'reflector' ? ['--fib', 'memory'] : []),
    ],
  }
}

export function bird(plan: LabPlan, device: DevicePlan, folder: string, block?: string): ProcessSpec {
  const configuration = join(folder, `${device.name}.conf`)
  writeFileSync(configuration, birdConfiguration(plan, device, block))
  return {
    name: device.name,
    command: 'bird',
    args: ['-f', '-c', configuration, '-s', controlSocket(folder, device.name)],
  }
}

/**
 * A ToR passes everything on; a node announces its block and nothing it learned. Timers as BIRD has them, except retries:
 * a lab should not wait for them.
 */
export function birdConfiguration(plan: LabPlan, device: DevicePlan, block?: string): string {
  const sessions = plan.sessions.flatMap(({ type, ends: [a, b] }) => {
    if (a.device !== device.name && b.device !== device.name) return []
    const [own, other] = a.device === device.name ? [a, b] : [b, a]
    const remote = plan.devices.find(({ name }) => name === other.device)
    if (remote === undefined) return []
    const exported = device.role === 'node' ? 'export where source = RTS_STATIC;' : 'export where source = RTS_BGP;'
    return [
      `protocol bgp ${symbol(other.device)} {`,
      `  local ${own.address} as ${device.asNumber};`,
      `  neighbor ${other.address} as ${remote.asNumber};`,
      '  connect retry time 5;',
      '  error wait time 2, 10;',
      `  ipv4 { import all; ${exported}${type === 'eBGP' ? ' next hop self;' : ''} };`,
      '}',
    ]
  })
  return [
    'log stderr all;',
    `router id ${device.address};`,
    'protocol device { scan time 2; }',
    // Direct and learned routes are what BGP next hops of other racks resolve through.
    'protocol direct { ipv4; interface -"cali*", "*"; }',
    'protocol kernel { scan time 2; learn; ipv4 { import all; export where source ~ [ RTS_BGP, RTS_STATIC ]; }; }',
    ...(block === undefined ? [] : [`protocol static { ipv4; route ${block} blackhole; }`]),
    ...sessions,
    '',
  ].join('\n')
}

/** BIRD's names take letters, digits and underscores. */
export const symbol = (name: string): string => name.replaceAll('-', '_')
