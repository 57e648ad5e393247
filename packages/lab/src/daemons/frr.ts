/**
 * FRR as node, reflector or ToR: zebra, which writes the kernel, and bgpd, with one configuration and a folder of sockets
 * each device has to itself. They give up root for their own user, so they run for root only, not in a user namespace.
 */
import { execFile } from 'node:child_process'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ProcessSpec } from '../run/processes.js'
import { familyOf } from '../topology/addresses.js'
import type { DevicePlan, LabPlan } from '../topology/plan.js'
import { clusterIdOf, type Foreign, folderFor, type Neighbour, neighbours, type PeerObservation } from './foreign.js'

const PATIENCE_MS = 3000
const run = promisify(execFile)
/** linux/rtnetlink.h. */
const RTPROT_BGP = 186
const RTPROT_STATIC_OF_ZEBRA = 196

export const frr: Foreign = {
  package: 'frr',
  programs: ['/usr/lib/frr/bgpd', 'vtysh'],
  ownUser: true,
  unnumbered: 'finds',
  kernel: { unicast: RTPROT_BGP, blackhole: RTPROT_STATIC_OF_ZEBRA },
  start: (plan, device, place, blocks) => {
    const folder = folderFor(place, device.name)
    const file = join(folder, 'frr.conf')
    writeFileSync(file, frrConfiguration(plan, device, blocks))
    const { user, group } = owner()
    chownSync(folder, user, group)
    const daemon = (name: string, program: string, ...more: string[]): ProcessSpec => ({
      name,
      command: `/usr/lib/frr/${program}`,
      args: [
        ...['-f', file, '-i', join(folder, `${program}.pid`), '-A', '127.0.0.1', '-P', '0'],
        ...['--vty_socket', folder, '-z', join(folder, 'zserv.api'), '--log', 'stdout', '--log-level', 'notifications'],
        ...more,
      ],
      ns: place.ns,
    })
    // A bgpd without zebra tries again after ten seconds only, and until then turns IPv6 routes down for ever: it does not
    // know the interface of their link-local next hops.
    const afterZebra = ({ command, args, ...spec }: ProcessSpec): ProcessSpec => {
      const asks = `vtysh --vty_socket ${folder} -d zebra -c 'show version'`
      const script = `until ${asks} >/dev/null 2>&1; do sleep 0.1; done; exec "$@"`
      return { ...spec, command: 'sh', args: ['-c', script, 'sh', command, ...args] }
    }
    const statics = blocks.length === 0 ? [] : [daemon(`${device.name}.staticd`, 'staticd')]
    // -r: the kernel’s routes stay when zebra ends, as they do with everybody else here.
    return [afterZebra(daemon(device.name, 'bgpd')), daemon(`${device.name}.zebra`, 'zebra', '-r'), ...statics]
  },
  peers: async (device, place) => {
    const folder = folderFor(place, device)
    const ask = ['--vty_socket', folder, '-d', 'bgpd', '-c', 'show bgp neighbors json']
    const { stdout } = await run('vtysh', ask, { timeout: PATIENCE_MS })
    return parseFrrNeighbours(stdout)
  },
}

/** The user that the package made. */
function owner(): { user: number; group: number } {
  const [, user, group] = /^frr:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? []
  if (user === undefined || group === undefined) throw new Error('FRR is not installed: there is no user frr')
  return { user: Number(user), group: Number(group) }
}

/** A node announces its block and nothing it learned; ToRs and reflectors pass everything on. */
export function frrConfiguration(plan: LabPlan, device: DevicePlan, blocks: readonly string[] = []): string {
  const peers = neighbours(plan, device)
  const ipWord = (family: 4 | 6) => (family === 6 ? 'ipv6' : 'ip')
  const node = device.role === 'node'
  const links = peers.flatMap(({ link }) => link ?? [])
  const addressFamily = (family: 4 | 6): string[] => {
    const own = peers
      .filter((peer) => peer.family === family || peer.link !== undefined)
      .map((peer) => ({ ...peer, address: peer.link ?? peer.address }))
    return [
      ` address-family ipv${family} unicast`,
      ...blocks.filter((block) => familyOf(block) === family).map((block) => `  network ${block}`),
      // FRR turns IPv4 on for everybody, and nothing else.
      ...(family === 6 ? own.map(({ address }) => `  neighbor ${address} activate`) : []),
      ...(node ? own.map(({ address }) => `  neighbor ${address} route-map OWN${family} out`) : []),
      ...own.flatMap(({ address, client }) => (client ? [`  neighbor ${address} route-reflector-client`] : [])),
      ' exit-address-family',
    ]
  }
  return [
    `hostname ${device.name}`,
    ...blocks.map((block) => `${ipWord(familyOf(block))} route ${block} blackhole`),
    // Lifetime 0: the neighbour is told that we are there, and no host takes us for its default router.
    ...links.flatMap((link) => [
      `interface ${link}`,
      ' ipv6 nd ra-interval 10',
      ' ipv6 nd ra-lifetime 0',
      ' no ipv6 nd suppress-ra',
      'exit',
    ]),
    `router bgp ${device.asNumber}`,
    ` bgp router-id ${device.address}`,
    ' no bgp ebgp-requires-policy',
    ' no bgp network import-check',
    ...(device.role === 'reflector' ? [` bgp cluster-id ${clusterIdOf(plan, device)}`] : []),
    ...peers.flatMap(({ own, address, link, asNumber }) =>
      link === undefined
        ? [
            ` neighbor ${address} remote-as ${asNumber}`,
            ` neighbor ${address} update-source ${own}`,
            ` neighbor ${address} timers connect 3`,
          ]
        : [` neighbor ${link} interface remote-as external`, ` neighbor ${link} timers connect 3`],
    ),
    ...(peers.some(({ family }) => family === 6) ? [...withoutIpv4(peers), ...addressFamily(6)] : []),
    ...addressFamily(4),
    'exit',
    ...(node
      ? blocks.flatMap((block) => {
          const family = familyOf(block)
          return [
            `${ipWord(family)} prefix-list OWN${family} permit ${block}`,
            `route-map OWN${family} permit 10`,
            ` match ${ipWord(family)} address prefix-list OWN${family}`,
            'exit',
          ]
        })
      : []),
    '',
  ].join('\n')
}

/** An IPv6 session carries IPv6 alone, as BIRD's and ours do under Calico. */
function withoutIpv4(peers: readonly Neighbour[]): string[] {
  const six = peers.filter(({ family, link }) => family === 6 && link === undefined)
  return [
    ' address-family ipv4 unicast',
    ...six.map(({ address }) => `  no neighbor ${address} activate`),
    ' exit-address-family',
  ]
}

interface FrrNeighbour {
  /** Of a neighbour that is configured by its interface. */
  readonly bgpNeighborAddr?: string
  readonly bgpState?: string
  readonly lastResetDueTo?: string
  readonly bgpTimerUpMsec?: number
  readonly addressFamilyInfo?: Readonly<
    Record<string, { readonly acceptedPrefixCounter?: number; readonly sentPrefixCounter?: number }>
  >
}

export function parseFrrNeighbours(text: string): PeerObservation[] {
  const found = JSON.parse(text) as Readonly<Record<string, FrrNeighbour>>
  return Object.entries(found).flatMap(([name, peer]) => {
    const address = isIP(name) === 0 ? `${peer.bgpNeighborAddr ?? 'nobody'}%${name}` : name
    if (peer.bgpState === undefined) return []
    const families = Object.values(peer.addressFamilyInfo ?? {})
    return [
      {
        address,
        state: peer.bgpState,
        reason: peer.bgpState === 'Established' ? '' : (peer.lastResetDueTo ?? ''),
        ageSeconds: peer.bgpTimerUpMsec === undefined ? undefined : Math.floor(peer.bgpTimerUpMsec / 1000),
        received: families.reduce((sum, each) => sum + (each.acceptedPrefixCounter ?? 0), 0),
        sent: families.reduce((sum, each) => sum + (each.sentPrefixCounter ?? 0), 0),
      },
    ]
  })
}
