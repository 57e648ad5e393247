/**
 * Warm-up: a scratch engine handles some thousand synthetic routes before the first socket opens.
 *
 * V8 compiles what has run often. Cold, the first 50,000 withdrawals take four times as long as later ones, and a storm
 * of reconnecting clients finds the slowest code of the whole life of the process (hot-path.md section 2). The engine is
 * the real one, its sink leads nowhere, its clock stands at zero; nothing of it survives.
 */
import { encodeOpen, KEEPALIVE } from '@starling/bgp-packet'
import { type DynamicNeighbors, Engine, type EngineConfig, PLAIN_PEER, type Sink } from '@starling/engine'

const PEERS = 24
const ROUTES_PER_MESSAGE = 10
const MESSAGES = 16
const ROUNDS = 4
const SCRATCH_AS = 64512
const CLOSED = 'ECONNRESET'

const NOTHING = (): undefined => undefined
const SINK: Sink = {
  connect: NOTHING,
  close: NOTHING,
  send: () => true,
  installRoute: NOTHING,
  removeRoute: NOTHING,
  trackNextHop: NOTHING,
  untrackNextHop: NOTHING,
  event: NOTHING,
}

function scratchRange(config: EngineConfig): DynamicNeighbors {
  const template = config.dynamicNeighbors[0]?.template ?? config.peers.values().next().value
  const why = { resource: 'warm-up', rule: 'scratch' }
  return {
    range: '192.0.2.0/24',
    maximum: PEERS,
    template: {
      ...PLAIN_PEER,
      why,
      remoteAs: SCRATCH_AS,
      localAs: SCRATCH_AS,
      // The clock stands still: nobody may have to wait.
      timers: { ...PLAIN_PEER.timers, idleHoldTime: [0, 0] },
      gracefulRestart: { enabled: false, restartTime: 0, notification: false, longLivedStaleTime: 0 },
      routeReflectorClient: true,
      // The policies of the first real peer, so that they are warm, too.
      importPolicy: template?.importPolicy ?? [],
      exportPolicy: template?.exportPolicy ?? [],
    },
  }
}

function message(type: number, body: readonly number[]): Uint8Array {
  const length = 19 + body.length
  return Uint8Array.from([...new Array<number>(16).fill(255), length >> 8, length & 255, type, ...body])
}

/** /24 prefixes of one message of one peer. */
function prefixes(peer: number, index: number): number[] {
  const list: number[] = []
  for (let i = 0; i < ROUTES_PER_MESSAGE; i++) {
    const number = index * ROUTES_PER_MESSAGE + i
    list.push(24, 100 + peer, number >> 8, number & 255)
  }
  return list
}

/** ORIGIN, an empty AS_PATH, NEXT_HOP, MED and LOCAL_PREF, then the prefixes. */
function announcement(peer: number, index: number, round: number): Uint8Array {
  const med = [0x80, 4, 4, 0, 0, round, index]
  const attributes = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, peer, ...med, 0x40, 5, 4, 0, 0, 0, 100]
  return message(2, [0, 0, 0, attributes.length, ...attributes, ...prefixes(peer, index)])
}

function withdrawal(peer: number, index: number): Uint8Array {
  const list = prefixes(peer, index)
  return message(2, [list.length >> 8, list.length & 255, ...list, 0, 0])
}

function openOf(peer: number): Uint8Array {
  const capabilities = [
    { kind: 'multiprotocol', afi: 1, safi: 1 },
    { kind: 'multiprotocol', afi: 2, safi: 1 },
    { kind: 'fourOctetAs', asn: SCRATCH_AS },
  ] as const
  return encodeOpen({
    type: 'OPEN',
    version: 4,
    myAs: SCRATCH_AS,
    holdTime: 90,
    bgpId: 0xc0000200 + peer,
    capabilities,
  })
}

function drain(engine: Engine): void {
  while (engine.work(512, 0)) {
    // until nothing is left
  }
}

export interface WarmUp {
  /** Must be 0: a scratch engine has no hostile input. */
  readonly internalErrors: number
  /** Prefixes handled, counted once per announcement or withdrawal. */
  readonly prefixes: number
  /** What its audit says at the end; empty when nothing leaked. */
  readonly problems: readonly string[]
}

/** Blocks for about two tenths of a second: call it before anything listens. */
export function warmUp(config: EngineConfig): WarmUp {
  const scratch: EngineConfig = {
    ...config,
    peers: new Map(),
    dynamicNeighbors: [scratchRange(config)],
    nextHopResolution: 'assumed',
    clusterId: config.clusterId === 0 ? 1 : config.clusterId,
  }
  let state = 1
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return state / 0x100000000
  }
  const engine = new Engine(scratch, SINK, { now: 0, random, restarting: false })
  let connection = 1
  for (let round = 0; round < ROUNDS; round++) {
    const connections: number[] = []
    for (let peer = 1; peer <= PEERS; peer++) {
      const id = connection
      connection += 2
      connections.push(id)
      const endpoints = {
        remoteAddress: `192.0.2.${peer}`,
        remotePort: id,
        localAddress: '192.0.2.254',
        localPort: 179,
      }
      engine.incoming(id, endpoints, 0)
      engine.received(id, openOf(peer), 0)
      engine.received(id, KEEPALIVE, 0)
    }
    drain(engine)
    exchange(engine, connections, round)
    for (const id of connections) engine.closed(id, CLOSED, 0)
    drain(engine)
  }
  const prefixes = ROUNDS * PEERS * MESSAGES * ROUTES_PER_MESSAGE * 2.5
  return { internalErrors: engine.internalErrors, prefixes, problems: engine.audit() }
}

/** Everyone announces, changes and withdraws everything, in bulk and one by one. */
function exchange(engine: Engine, connections: readonly number[], round: number): void {
  for (let index = 0; index < MESSAGES; index++) {
    connections.forEach((id, at) => {
      engine.received(id, announcement(at + 1, index, round), 0)
    })
    if (index % 8 === 0) drain(engine)
  }
  drain(engine)
  for (let index = 0; index < MESSAGES; index++) {
    connections.forEach((id, at) => {
      engine.received(id, withdrawal(at + 1, index), 0)
    })
    if (index % 8 === 0) drain(engine)
  }
  drain(engine)
  for (let index = 0; index < MESSAGES; index += 2) {
    connections.forEach((id, at) => {
      engine.received(id, announcement(at + 1, index, round + ROUNDS), 0)
    })
  }
  drain(engine)
}
