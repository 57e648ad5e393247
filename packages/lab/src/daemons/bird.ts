/** BIRD 2 as node, reflector or ToR: its configuration, and its sessions as `birdc` shows them. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PROTOCOL } from '../fabric/wiring.js'
import { familyOf } from '../topology/addresses.js'
import type { DevicePlan, LabPlan } from '../topology/plan.js'
import { clusterIdOf, type Foreign, neighbours, type PeerObservation } from './foreign.js'
import { controlSocket } from './starling.js'

const PATIENCE_MS = 3000
const run = promisify(execFile)

export const bird: Foreign = {
  package: 'bird2',
  programs: ['bird', 'birdc'],
  kernel: { unicast: PROTOCOL.bird, blackhole: PROTOCOL.bird },
  unnumbered: 'waits',
  start: (plan, device, { folder, ns }, blocks) => {
    const configuration = birdFile(folder, device.name)
    writeFileSync(configuration, birdConfiguration(plan, device, blocks))
    // -R: it is always a restart as far as the neighbours are concerned, as calico-node starts it (calico.md 3.3).
    const args = ['-f', '-R', '-c', configuration, '-s', controlSocket(folder, device.name)]
    return [{ name: device.name, command: 'bird', args, ns }]
  },
  peers: async (device, { folder }) => {
    const { stdout } = await run('birdc', ['-s', controlSocket(folder, device), 'show', 'protocols', 'all'], {
      timeout: PATIENCE_MS,
    })
    return parseBirdProtocols(stdout)
  },
}

export const birdFile = (folder: string, device: string): string => join(folder, `${device}.conf`)

/**
 * A ToR passes everything on, a reflector what it learned; a node announces its block and nothing else. Timers as BIRD has
 * them, except retries: a lab should not wait for them.
 */
export function birdConfiguration(plan: LabPlan, device: DevicePlan, blocks: readonly string[] = []): string {
  const peers = neighbours(plan, device)
  const links = peers.flatMap(({ link }) => link ?? [])
  const sessions = peers.flatMap(({ name, own, address, family, link, asNumber, external, client }) => {
    const exported = device.role === 'node' ? 'export where source = RTS_STATIC;' : 'export where source = RTS_BGP;'
    if (link !== undefined) return behind(link, device.asNumber, exported)
    return [
      `protocol bgp ${symbol(name)}${family === 6 ? '_6' : ''} {`,
      `  local ${own} as ${device.asNumber};`,
      `  neighbor ${address} as ${asNumber};`,
      // Nodes of other racks are not on a wire of ours.
      ...(external ? [] : ['  multihop;']),
      ...(client ? ['  rr client;', `  rr cluster id ${clusterIdOf(plan, device)};`] : []),
      '  connect retry time 5;',
      '  error wait time 2, 10;',
      `  ipv${family} { import all; ${exported}${external ? ' next hop self;' : ''} };`,
      '}',
    ]
  })
  // A reflector passes routes on and uses none.
  const exported = device.role === 'reflector' ? 'none' : 'where source ~ [ RTS_BGP, RTS_STATIC ]'
  const dual = links.length > 0 || device.legs.some(({ six }) => six !== undefined)
  const families = dual ? ([4, 6] as const) : ([4] as const)
  return [
    'log stderr all;',
    `router id ${device.address};`,
    'protocol device { scan time 2; }',
    // Direct and learned routes are what BGP next hops of other racks resolve through.
    `protocol direct { ${families.map((family) => `ipv${family};`).join(' ')} interface -"cali*", "*"; }`,
    ...families.map(
      (family) => `protocol kernel { scan time 2; learn; ipv${family} { import all; export ${exported}; }; }`,
    ),
    ...blocks.map((block) => `protocol static { ipv${familyOf(block)}; route ${block} blackhole; }`),
    ...links.map(
      (link) => `protocol radv { interface "${link}" { min ra interval 3; max ra interval 10; default lifetime 0; }; }`,
    ),
    ...sessions,
    '',
  ].join('\n')
}

/** BIRD finds nobody by itself: it makes itself known and takes whoever comes from the link. */
function behind(link: string, asNumber: number, exported: string): string[] {
  return [
    `protocol bgp on_${link} {`,
    `  local as ${asNumber};`,
    '  neighbor range fe80::/10 external;',
    `  interface "${link}";`,
    `  dynamic name "${link}_";`,
    '  direct;',
    `  ipv4 { import all; ${exported} extended next hop on; };`,
    `  ipv6 { import all; ${exported} };`,
    '}',
  ]
}

/** BIRD's names take letters, digits and underscores. */
export const symbol = (name: string): string => name.replaceAll('-', '_')

/** `show protocols all`: one block per protocol, headed by its line in the table. */
export function parseBirdProtocols(text: string): PeerObservation[] {
  return text.split(/\n(?=\S)/).flatMap((block) => {
    const field = (pattern: RegExp) => pattern.exec(block)?.[1]
    const address = field(/Neighbor address:\s+(\S+)/)
    if (address === undefined) return []
    const state = field(/BGP state:\s+(\S+)/) ?? 'Idle'
    const routes = /Routes:\s+(\d+) imported, (?:\d+ filtered, )?(\d+) exported/.exec(block)
    return [
      {
        address,
        state,
        reason: field(/Last error:\s+(.+)/)?.trim() ?? '',
        ageSeconds: undefined,
        received: Number(routes?.[1] ?? 0),
        sent: Number(routes?.[2] ?? 0),
      },
    ]
  })
}
