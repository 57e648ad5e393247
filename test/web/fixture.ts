/**
 * Daemons made of values behind the real API and the real page: the demo's data centre (two racks, a reflector, a ToR)
 * healthy and in trouble, one full of hostile text, and a large one.
 */
import { type Api, startApi } from '@starling/api'
import { EPOCH, type FakeDaemon, fakeDaemon, kernelRoute, peerView, routeView } from '@starling/api/testing'
import { lookingGlass } from '@starling/looking-glass'
import { buildWeb } from '../../packages/looking-glass/scripts/build.mjs'

export interface Served {
  readonly daemon: FakeDaemon
  readonly url: string
  close(): Promise<void>
}

/** The daemon behind the real API on a free port of the loopback; the page is built when it is not. */
export async function serve(daemon: FakeDaemon): Promise<Served> {
  await buildWeb()
  const api: Api = await startApi({ ports: daemon, http: { port: 0 }, extend: lookingGlass() })
  if (api.url === undefined) throw new Error('the API has no address')
  return { daemon, url: `${api.url}/`, close: () => api.close() }
}

const NODES = ['r1n1', 'r1n2', 'r2n1', 'r2n2']
const addressOf = (name: string): string => `10.0.${name[1]}.${10 + Number(name[3])}`

/** The data centre of `npm start`, seen from r1n1; times are made so that "now" is the browser's now. */
export function healthy(): FakeDaemon {
  const daemon = fakeDaemon()
  daemon.time = 3_600_000
  const begin = Date.now() - daemon.time
  daemon.toEpoch = (at) => begin + at
  daemon.now = () => Date.now() - begin
  daemon.identityValue = {
    ...daemon.identityValue,
    name: 'r1n1',
    routerId: '10.0.1.11',
    ipv4Address: '10.0.1.11',
    configuredAt: 60_000,
  }
  daemon.nodeList = [
    ...NODES.map((name) => ({
      name,
      ipv4Address: addressOf(name),
      asNumber: 64512,
      asNumberInherited: true,
      labels: { rack: name.slice(0, 2), 'kubernetes.io/hostname': name },
      blocks: 1,
      local: name === 'r1n1',
      peers: [],
    })),
    {
      name: 'rr1',
      ipv4Address: '10.0.0.11',
      asNumber: 64512,
      asNumberInherited: true,
      routeReflectorClusterId: '10.0.0.11',
      labels: { rack: 'core' },
      blocks: 0,
      local: false,
      peers: ['10.0.0.11'],
    },
  ]
  const capabilities = {
    advertised: ['route-refresh', '4-octet-as', 'graceful-restart', 'extended-message'],
    received: ['route-refresh', '4-octet-as', 'graceful-restart'],
  }
  daemon.peerList = [
    peerView('Global_10_0_0_11', '10.0.0.11', { since: 62_000, capabilities, localAddress: '10.0.1.11' }),
    peerView('Node_10_0_1_1', '10.0.1.1', {
      since: 63_000,
      remoteAs: 64601,
      type: 'external',
      description: 'tor1, rack r1',
      localAddress: '10.0.1.11',
      why: { resource: 'BGPPeer/tor1', field: 'spec.peerIP', rule: 'nodes of rack r1 peer with their ToR' },
      capabilities,
    }),
  ]
  daemon.blockList = NODES.map((name, index) => ({
    cidr: `10.244.${index}.0/26`,
    family: 'ipv4' as const,
    node: name,
    state: 'confirmed' as const,
    pool: 'default-ipv4-ippool',
    size: 64,
    allocated: index + 1,
    borrowed: index === 2 ? 1 : 0,
    originated: index === 0,
  }))
  const reflected = {
    originatorId: '10.0.2.11',
    clusterList: ['10.0.0.11'],
    from: 'Global_10_0_0_11',
    peer: '10.0.0.11',
  }
  daemon.routeList = [
    ownRoute('10.244.0.0/26'),
    routeView('10.244.1.0/26', { ...reflected, nextHop: '10.0.1.12', originatorId: '10.0.1.12', since: 65_000 }),
    routeView('10.244.2.0/26', { ...reflected, nextHop: '10.0.2.11', since: 66_000 }),
    routeView('10.244.2.0/26', {
      best: false,
      from: 'Node_10_0_1_1',
      peer: '10.0.1.1',
      nextHop: '10.0.1.1',
      asPath: '64601 64512',
      reason: 'lost at preference to Global_10_0_0_11',
      since: 66_500,
    }),
    routeView('10.244.3.0/26', { ...reflected, nextHop: '10.0.2.12', originatorId: '10.0.2.12', since: 67_000 }),
    routeView('0.0.0.0/0', {
      from: 'Node_10_0_1_1',
      peer: '10.0.1.1',
      nextHop: '10.0.1.1',
      asPath: '64601',
      communities: ['64601:100', '64601:200'],
      since: 68_000,
    }),
  ]
  daemon.kernelList = daemon.routeList
    .filter((route) => route.best && route.source === 'bgp')
    .map((route) => kernelRoute(route.prefix, { why: route.from, ...shapes(route.nextHop ?? '10.0.1.1') }))
  daemon.kernelState = {
    ...kernelState(daemon),
    driver: 'netlink',
    desired: 4,
    installed: 4,
    repairs: 0,
    lastSync: 59_000,
  }
  daemon.explain = (prefix, to) => {
    const paths = daemon.routeList.filter((route) => route.prefix === prefix)
    const best = paths.find((route) => route.best)
    return {
      prefix,
      paths,
      decision: paths
        .filter((route) => !route.best && route.eligible)
        .map((route) => ({
          step: 'as-path-length',
          winner: best?.from ?? '',
          loser: route.from,
          detail: '0 against 2',
        })),
      exports: daemon.peerList
        .filter(({ key }) => to === undefined || key === to)
        .map(({ key, name, state }) => {
          const reason =
            state !== 'Established'
              ? 'session not Established'
              : best === undefined
                ? 'no best path'
                : best.peer === key
                  ? 'split horizon'
                  : best.source !== 'bgp' || name.startsWith('Node_')
                    ? ''
                    : 'not a client'
          return { peer: key, name, sent: reason === '', reason, ...(reason === '' ? { nextHop: '10.0.1.11' } : {}) }
        }),
    }
  }
  daemon.tables = () => {
    const prefixes = new Set(daemon.routeList.filter((route) => route.best).map(({ prefix }) => prefix)).size
    return [{ family: 'ipv4', prefixes, paths: daemon.routeList.length }]
  }
  daemon.events.push(1000, { type: 'started', version: '0.1.0' })
  daemon.events.push(2000, { type: 'datastore-status', status: 'in-sync', detail: 'revision 42' })
  daemon.events.push(60_000, { type: 'config-applied', generation: 3, added: 2, changed: 0, removed: 0 })
  for (const peer of daemon.peerList) {
    const common = { type: 'session-state' as const, peer: peer.key, name: peer.name, reason: '' }
    daemon.events.push(peer.since - 900, { ...common, from: 'Connect', to: 'OpenSent' })
    daemon.events.push(peer.since - 300, { ...common, from: 'OpenSent', to: 'OpenConfirm' })
    daemon.events.push(peer.since, { ...common, from: 'OpenConfirm', to: 'Established' })
  }
  return daemon
}

function kernelState(daemon: FakeDaemon) {
  if (daemon.kernelState === undefined) throw new Error('the fixture is a node')
  return daemon.kernelState
}

function ownRoute(prefix: string) {
  const {
    nextHop: _nextHop,
    peer: _peer,
    ...route
  } = routeView(prefix, {
    source: 'static',
    from: 'own block',
    preference: 200,
  })
  return route
}

function shapes(gateway: string) {
  const shape = {
    kind: 'unicast' as const,
    metric: 1024,
    table: 254,
    nextHops: [{ gateway, interface: 'eth0', onlink: false, weight: 1 }],
  }
  return { desired: shape, actual: { ...shape, protocol: 12 } }
}

/** A malformed UPDATE: ORIGIN with the undefined value 7 (RFC 7606 section 7.1), next hop 10.0.1.1, 10.244.1.64/26. */
export const BAD_UPDATE = Buffer.from(
  `${'ff'.repeat(16)}002a02${'0000'}${'000e'}${'40010107'}${'400200'}${'4003040a000101'}${'1a0af40140'}`,
  'hex',
)

/** The reflector killed, one drifted and one refused route, one filtered prefix, one malformed UPDATE. */
export function troubled(): FakeDaemon {
  const daemon = healthy()
  const at = daemon.now()
  daemon.peerList = daemon.peerList.map((peer) =>
    peer.key === '10.0.0.11'
      ? {
          ...peer,
          state: 'Active',
          since: at - 24_000,
          reason: 'connection refused: is the daemon there running?',
          flaps: 1,
          gracefulRestart: { peerCapable: true, waitingForEndOfRib: true, staleUntil: at + 96_000 },
          families: peer.families.map((family) => ({ ...family, stale: 3 })),
          lastError: {
            code: 6,
            subcode: 2,
            name: 'Cease/Administrative Shutdown',
            text: 'kernel upgrade, back in ten minutes',
            data: new Uint8Array(),
            direction: 'received',
            at: at - 24_000,
          },
        }
      : { ...peer, badUpdates: { discarded: 0, withdrawn: 1, reset: 0 } },
  )
  daemon.routeList = daemon.routeList.map((route) => (route.peer === '10.0.0.11' ? { ...route, stale: true } : route))
  daemon.routeList.push(
    routeView('10.99.0.0/16', {
      best: false,
      eligible: false,
      from: 'Node_10_0_1_1',
      peer: '10.0.1.1',
      nextHop: '10.0.1.1',
      asPath: '64601',
      reason: 'import policy: BGPFilter/tor-import spec.importV4[1] (Reject NotIn 10.244.0.0/16)',
    }),
  )
  const drifted = daemon.kernelList[0]
  if (drifted !== undefined) {
    daemon.kernelList[0] = {
      ...drifted,
      state: 'drifted',
      repairs: 2,
      ...{ actual: { ...shapes('10.0.1.99').actual } },
    }
  }
  const refused = daemon.kernelList[2]
  if (refused !== undefined) {
    const { actual: _actual, ...rest } = refused
    daemon.kernelList[2] = { ...rest, state: 'failed', lastError: { errno: 101, text: 'Network is unreachable' } }
  }
  daemon.kernelState = { ...kernelState(daemon), installed: 2, drifted: 1, failed: 1, repairs: 2, errors: 1 }
  const reflector = { peer: '10.0.0.11', name: 'Global_10_0_0_11' }
  daemon.events.push(at - 900_000, {
    type: 'kernel-repair',
    prefix: '10.244.1.0/26',
    detail: 'next hop 10.0.1.99 was put back to 10.0.1.12',
  })
  daemon.events.push(at - 600_000, {
    type: 'bad-update',
    peer: '10.0.1.1',
    name: 'Node_10_0_1_1',
    verdict: 'treat-as-withdraw',
    attribute: 1,
    rule: 'RFC 7606 section 7.1',
    bytes: BAD_UPDATE,
  })
  daemon.events.push(at - 24_000, {
    type: 'notification-received',
    ...reflector,
    notification: {
      code: 6,
      subcode: 2,
      name: 'Cease/Administrative Shutdown',
      text: 'kernel upgrade, back in ten minutes',
      data: new Uint8Array(),
    },
  })
  daemon.events.push(at - 24_000, {
    type: 'session-state',
    ...reflector,
    from: 'Established',
    to: 'Idle',
    reason: 'Cease/Administrative Shutdown received',
  })
  daemon.events.push(at - 24_000, { type: 'graceful-restart', ...reflector, phase: 'stale-kept', until: at + 96_000 })
  daemon.events.push(at - 23_000, {
    type: 'session-state',
    ...reflector,
    from: 'Idle',
    to: 'Active',
    reason: 'connection refused',
  })
  daemon.events.push(at - 12_000, {
    type: 'kernel-error',
    prefix: '10.244.3.0/26',
    errno: 101,
    name: 'ENETUNREACH',
    text: 'Network is unreachable',
  })
  return daemon
}

export const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'

/** Every field a stranger may write holds markup. */
export function hostile(): FakeDaemon {
  const daemon = troubled()
  const at = daemon.now()
  daemon.peerList = daemon.peerList.map((peer, index) => ({
    ...peer,
    name: index === 0 ? HOSTILE : peer.name,
    description: HOSTILE,
    reason: peer.reason === '' ? '' : HOSTILE,
    capabilities: { advertised: [HOSTILE], received: [HOSTILE] },
    lastError: { code: 6, subcode: 2, name: 'Cease', text: HOSTILE, data: new Uint8Array(), direction: 'received', at },
  }))
  daemon.routeList = daemon.routeList.map((route) => ({
    ...route,
    from: HOSTILE,
    asPath: HOSTILE,
    communities: [HOSTILE],
  }))
  daemon.nodeList = daemon.nodeList.map((node, index) =>
    index === 1 ? { ...node, name: HOSTILE, labels: { rack: HOSTILE } } : node,
  )
  daemon.events.push(at, {
    type: 'notification-received',
    peer: '10.0.0.11',
    name: HOSTILE,
    notification: { code: 6, subcode: 2, name: 'Cease', text: HOSTILE, data: new Uint8Array() },
  })
  return daemon
}

/** So many nodes in racks of twenty, every one of them our neighbour. */
export function racks(count: number): FakeDaemon {
  const daemon = fakeDaemon()
  daemon.time = 3_600_000
  const address = (index: number): string => `10.1.${Math.floor(index / 250)}.${(index % 250) + 1}`
  daemon.nodeList = Array.from({ length: count }, (_none, index) => ({
    name: `node-${index}`,
    ipv4Address: address(index),
    asNumber: 64512,
    asNumberInherited: true,
    labels: { rack: `rack-${Math.floor(index / 20)}` },
    blocks: 1,
    local: index === 0,
    peers: index === 0 ? [] : [address(index)],
  }))
  daemon.peerList = daemon.nodeList
    .slice(1)
    .map(({ ipv4Address = '' }) => peerView(`Mesh_${ipv4Address.replaceAll('.', '_')}`, ipv4Address, { since: 60_000 }))
  return daemon
}

/** 5,000 nodes in 125 racks, 100,000 routes, 30 sessions down. */
export function large(): FakeDaemon {
  const daemon = fakeDaemon()
  daemon.time = 3_600_000
  daemon.toEpoch = (at) => EPOCH + at
  const address = (index: number): string =>
    `10.${Math.floor(index / 62_500)}.${Math.floor(index / 250) % 250}.${(index % 250) + 1}`
  const count = 5000
  daemon.nodeList = Array.from({ length: count }, (_none, index) => ({
    name: `node-${index}`,
    ipv4Address: address(index),
    asNumber: 64512,
    asNumberInherited: true,
    labels: { rack: `rack-${Math.floor(index / 40)}` },
    blocks: 20,
    local: index === 0,
    peers: index === 0 ? [] : [address(index)],
  }))
  daemon.peerList = Array.from({ length: count - 1 }, (_none, index) => {
    const remote = address(index + 1)
    const broken = index % 170 === 7
    return peerView(`Mesh_${remote.replaceAll('.', '_')}`, remote, {
      since: 60_000,
      ...(broken ? { state: 'Connect', reason: 'no route to host' } : {}),
    })
  })
  const best = Array.from({ length: 100_000 }, (_none, index) =>
    routeView(`100.${64 + Math.floor(index / 16_384)}.${Math.floor(index / 64) % 256}.${(index % 64) * 4}/30`, {
      from: daemon.peerList[index % (count - 1)]?.name ?? '',
      peer: daemon.peerList[index % (count - 1)]?.key ?? '',
    }),
  )
  daemon.routeList = best
  daemon.tables = () => [{ family: 'ipv4', prefixes: best.length, paths: best.length }]
  daemon.kernelList = best.map(({ prefix }) => kernelRoute(prefix))
  daemon.kernelState = { ...kernelState(daemon), desired: best.length, installed: best.length }
  for (let index = 0; index < 4000; index++) {
    const peer = daemon.peerList[index % (count - 1)]
    if (peer === undefined) continue
    daemon.events.push(60_000 + index * 10, {
      type: 'session-state',
      peer: peer.key,
      name: peer.name,
      from: 'OpenConfirm',
      to: 'Established',
      reason: '',
    })
  }
  return daemon
}
