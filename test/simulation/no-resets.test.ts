/**
 * Random clusters, and any one thing in them changed: the sessions that are reset are those whose OPEN or TCP connection
 * must be another one, and no others (design section 6).
 *
 * Which those are is said here once more, in the protocol's words, and compared with what the engine does to Established
 * sessions and with what `starling plan --against` promises. The plan that was made from the plan before must be the plan
 * that is made from nothing.
 */
import { SortedSnapshot } from '@starling/datastore'
import type { EngineConfig, PeerConfig, PeerFamilyConfig } from '@starling/engine'
import { ClusterState, diffPlans, type Plan, plan, planToJson } from '@starling/intent'
import { mapDocument } from '@starling/resources'
import { expect, test } from 'vitest'
import { EstablishedEngine } from '../support/established.js'

type Spec = Record<string, unknown>
type Documents = Map<string, { kind: string; name: string; spec: Spec; labels: Record<string, string> }>

const SELF = 'n0'

class Dice {
  #state: number
  constructor(seed: number) {
    this.#state = seed
  }
  below(n: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.#state / 0x100000000) * n)
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
  some(percent: number): boolean {
    return this.below(100) < percent
  }
}

const NODES = 7
const nodeSpec = (dice: Dice, i: number): Spec => ({
  bgp: {
    ipv4Address: `10.0.0.${i + 1}/24`,
    ...(dice.some(60) ? { ipv6Address: `fd00:a::${i + 1}/64` } : {}),
    ...(dice.some(30) ? { asNumber: dice.of([64512, 65001, '1.10']) } : {}),
    ...(dice.some(20) ? { routeReflectorClusterID: '244.0.0.1' } : {}),
  },
})
const secret = { secretKeyRef: { name: 'bgp', key: 'a' } }

/** What each field may be; undefined takes it away. */
const PEER: Readonly<Record<string, readonly unknown[]>> = {
  nodeSelector: [undefined, 'all()', "rack == 'r1'"],
  asNumber: [64512, 65001, 65002],
  localASNumber: [undefined, 65009],
  keepOriginalNextHop: [undefined, true],
  nextHopMode: [undefined, 'Auto', 'Self', 'Keep'],
  password: [undefined, secret],
  sourceAddress: [undefined, 'UseNodeIP', 'None'],
  maxRestartTime: [undefined, '60s'],
  keepaliveTime: [undefined, '20s'],
  numAllowedLocalASNumbers: [undefined, 2],
  ttlSecurity: [undefined, 1, 3],
  reachableBy: [undefined, '10.0.0.254'],
  filters: [[], ['f'], ['f', 'g']],
  reversePeering: [undefined, 'Auto', 'Manual'],
}
const CONFIGURATION: Readonly<Record<string, readonly unknown[]>> = {
  logSeverityScreen: ['Info', 'Debug'],
  nodeToNodeMeshEnabled: [true, true, false],
  asNumber: [64512, 65001],
  listenPort: [undefined, 179, 1790],
  nodeMeshPassword: [undefined, secret],
  nodeMeshMaxRestartTime: [undefined, '30s'],
  serviceClusterIPs: [[], [{ cidr: '10.96.0.0/12' }]],
  serviceLoadBalancerIPs: [[], [{ cidr: '203.0.113.0/24' }]],
  prefixAdvertisements: [undefined, [{ cidr: '10.244.0.0/16', communities: ['64512:1'] }]],
  bindMode: [undefined, 'NodeIP'],
  ignoredInterfaces: [undefined, ['docker*']],
  programClusterRoutes: [undefined, 'Enabled', 'Disabled'],
  ipv4NormalRoutePriority: [undefined, 900],
}
const POOL: Readonly<Record<string, readonly unknown[]>> = {
  ipipMode: ['Never', 'Always', 'CrossSubnet'],
  disableBGPExport: [undefined, true],
  disabled: [undefined, true],
}
const rules = (dice: Dice): Spec => ({
  importV4: dice.some(70) ? [{ cidr: `10.${dice.below(4)}.0.0/16`, matchOperator: 'In', action: 'Reject' }] : [],
  exportV4: dice.some(70) ? [{ action: dice.of(['Accept', 'Reject']), peerType: 'eBGP' }] : [],
})

function put(documents: Documents, kind: string, name: string, spec: Spec, labels: Record<string, string> = {}): void {
  documents.set(`${kind}/${name}`, { kind, name, spec, labels })
}

function cluster(dice: Dice): Documents {
  const documents: Documents = new Map()
  const fields = (table: typeof PEER): Spec =>
    Object.fromEntries(
      Object.entries(table).map(([field, values]) => [field, dice.some(40) ? dice.of(values) : values[0]]),
    )
  for (let i = 0; i < NODES; i++) put(documents, 'Node', `n${i}`, nodeSpec(dice, i), { rack: dice.of(['r1', 'r2']) })
  put(documents, 'BGPConfiguration', 'default', fields(CONFIGURATION))
  put(documents, 'IPPool', 'p', { cidr: '10.244.0.0/16', ...fields(POOL) })
  put(documents, 'BlockAffinity', 'b', { node: SELF, cidr: '10.244.1.0/26', state: 'confirmed', deleted: 'false' })
  for (const name of ['f', 'g']) put(documents, 'BGPFilter', name, rules(dice))
  for (let i = 0; i < 3; i++)
    put(documents, 'BGPPeer', `peer-${i}`, {
      ...fields(PEER),
      peerIP: dice.of([`192.0.2.${i + 1}`, `10.0.0.${i + 2}`]),
    })
  put(documents, 'BGPPeer', 'reflectors', {
    nodeSelector: 'all()',
    peerSelector: "rack == 'r2'",
    ...(dice.some(50) ? { reversePeering: 'Manual' } : {}),
  })
  return documents
}

/** One field of one resource, or one resource, becomes another. */
function change(dice: Dice, documents: Documents): string {
  const all = [...documents.values()]
  const document = dice.of(all)
  const { kind, name, spec } = document
  const table = { BGPPeer: PEER, BGPConfiguration: CONFIGURATION, IPPool: POOL }[kind]
  if (table !== undefined && !(name === 'reflectors')) {
    const field = dice.of(Object.keys(table))
    put(documents, kind, name, { ...spec, [field]: dice.of(table[field] as unknown[]) }, document.labels)
    return `${kind}/${name} ${field}`
  }
  if (kind === 'BGPFilter') put(documents, kind, name, rules(dice))
  else if (kind === 'Node') {
    const i = Number(name.slice(1))
    if (name !== SELF && dice.some(20)) documents.delete(`Node/${name}`)
    else put(documents, 'Node', name, nodeSpec(dice, i), { rack: dice.of(['r1', 'r2']) })
  } else if (dice.some(50))
    put(documents, 'Node', `n${dice.below(NODES)}`, nodeSpec(dice, dice.below(NODES)), { rack: 'r1' })
  return `${kind}/${name}`
}

function snapshotOf(documents: Documents, revision: number): SortedSnapshot {
  const entries = [...documents.values()].map(({ kind, name, spec, labels }) => {
    const mapped = mapDocument(
      JSON.parse(JSON.stringify({ kind, apiVersion: 'projectcalico.org/v3', metadata: { name, labels }, spec })),
    )
    if (!mapped.ok) throw new Error(JSON.stringify(mapped.problems))
    return { key: mapped.key, value: mapped.value, revision }
  })
  return SortedSnapshot.from(entries, revision)
}

const SECRETS = new Map([['bgp/a', 'secret']])

/** What the OPEN says and what the TCP connection is: all that a session in place cannot take up. */
function wire(peer: PeerConfig, { routerId }: EngineConfig): unknown {
  const offer = ({ family, addPath, extendedNextHop }: PeerFamilyConfig) => [family, addPath, extendedNextHop]
  const { localAs, remoteAs, localAddress, interface: device, password, ttlSecurity, role, fourOctetAs } = peer
  return [
    routerId,
    localAs,
    remoteAs,
    localAddress,
    device,
    password,
    ttlSecurity,
    role,
    fourOctetAs,
    peer.families.map(offer),
  ]
}

function necessary(before: Plan, after: Plan): string[] {
  const keys: string[] = []
  for (const [key, peer] of after.engine.peers) {
    const old = before.engine.peers.get(key)
    if (old === undefined) continue
    if (JSON.stringify(wire(old, before.engine)) !== JSON.stringify(wire(peer, after.engine))) keys.push(key)
  }
  return keys.sort()
}

const SEEDS = 60
const CHANGES = 12

test(`of ${SEEDS} random clusters, ${CHANGES} changes each: what is reset is what the protocol demands`, () => {
  let resets = 0
  let quiet = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const dice = new Dice(seed)
    const documents = cluster(dice)
    let snapshot = snapshotOf(documents, 1)
    const state = ClusterState.from(snapshot)
    let before = plan(state, SELF, { secrets: SECRETS })
    for (let step = 1; step <= CHANGES; step++) {
      const what = `seed ${seed}, change ${step}: ${change(dice, documents)}`
      const next = snapshotOf(documents, step + 1)
      const keys = new Set([...snapshot.under(''), ...next.under('')].map(({ key }) => key))
      state.update(
        next,
        [...keys].filter((key) => snapshot.get(key)?.value !== next.get(key)?.value),
      )
      snapshot = next
      const after = plan(state, SELF, { secrets: SECRETS, previous: before })
      const whole = plan(ClusterState.from(snapshot), SELF, { secrets: SECRETS })
      expect(planToJson(after), what).toEqual(planToJson(whole))
      expect(after.engine.peers, what).toEqual(whole.engine.peers)

      const expected = necessary(before, after)
      const engine = new EstablishedEngine(before.engine)
      const up = expected.filter((key) => engine.up(key))
      const done = engine.configure(after.engine)
      expect(done.reset.map(({ peer }) => peer).sort(), what).toEqual(up)
      const promised = diffPlans(before, after).reset.map(({ name }) => name)
      const names = expected.map((key) => after.engine.peers.get(key)?.name ?? '')
      expect([...promised].sort(), what).toEqual(names.sort())
      resets += up.length
      if (expected.length === 0) quiet++
      before = after
    }
  }
  // The test would be empty if nothing ever had to be reset, or everything always.
  expect(resets).toBeGreaterThan(SEEDS)
  expect(quiet).toBeGreaterThan((SEEDS * CHANGES) / 3)
})
