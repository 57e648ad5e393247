/**
 * Warm-up: a scratch engine lives through a short life of synthetic peers before the first socket opens.
 *
 * V8 compiles what has run often. Cold, the first 50,000 withdrawals take four times as long as later ones, and a storm
 * of reconnecting clients finds the slowest code of the whole life of the process (hot-path.md section 2). The engine is
 * the real one, its sink leads nowhere, its clock stands still; nothing of it survives. A start has to be quick, too:
 * no further round begins when the time is over.
 * What is compiled stays only if the real thing looks alike: the real engine is made afterwards, its sink has the same
 * shape (`sink.ts`), and whatever happens once a session (a transport that is full) happens here, too.
 */
import { KEEPALIVE } from '@starling/bgp-packet'
import { type DynamicNeighbors, Engine, type EngineConfig, PLAIN_PEER } from '@starling/engine'
import { now } from './clock.js'
import { sinkOf } from './sink.js'
import { blocks, generator, keepalives, openOf, SCRATCH_AS, single, table, withdrawals } from './warm-up-feed.js'

/** More than the columns by peer begin with: code that has never seen them grow is thrown away when they do. */
const PEERS = 72
const ROUTES = 2500
/** Octets of a read: of full ones many routes are decided at once, of small ones few, and often. */
const CHUNKS = [1024, 16_384] as const
/** Times that all announce their blocks, or take them back. */
const WAVES = 4
/** Changes of one route, each told to everybody. */
const CHANGES = 12
const ROUNDS = 3
/** Milliseconds after which no further round begins. */
const PATIENCE = 250
const CLOSED = 'ECONNRESET'
/** The time it always is. A fraction, as in life: code compiled for whole numbers would be thrown away at the first real one. */
const AT = 0.5
/** Sends until a transport takes no more for a while, as every real one does now and then. */
const FULL_EVERY = 50
/** Turns with nothing to do: what runs once a turn is to be compiled as well as what runs once a route. */
const IDLE_TURNS = 2000
/** Messages that cost nothing but being taken apart. */
const KEEPALIVES = 2000

const NOTHING = (): undefined => undefined
const EXTRAS = { installRoute: NOTHING, removeRoute: NOTHING, trackNextHop: NOTHING, untrackNextHop: NOTHING }

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

export interface WarmUp {
  /** Must be 0: a scratch engine has no hostile input. */
  readonly internalErrors: number
  readonly rounds: number
  /** What its audit says at the end; empty when nothing leaked. */
  readonly problems: readonly string[]
}

/** Blocks for a quarter of a second or so: call it before anything listens. `installs`: as the real sink has it. */
export function warmUp(config: EngineConfig, { installs = true, patience = PATIENCE } = {}): WarmUp {
  const began = now()
  const scratch: EngineConfig = {
    ...config,
    peers: new Map(),
    dynamicNeighbors: [scratchRange(config)],
    nextHopResolution: 'assumed',
    clusterId: config.clusterId === 0 ? 1 : config.clusterId,
  }
  const uniform = generator(1)
  const random = () => uniform(1 << 16) / (1 << 16)
  let rounds = 0
  let internalErrors = 0
  const problems: string[] = []
  const feed: Feed = {
    tables: [table(1, ROUTES, 0), table(1, ROUTES, 1)],
    withdrawals: withdrawals(ROUTES, 3),
    keepalives: keepalives(KEEPALIVES),
  }
  do {
    // Another engine each time: code compiled for the parts of a single one would be thrown away when the real one comes.
    const life = new Life(scratch, installs, random, feed, rounds)
    life.round()
    rounds++
    internalErrors += life.engine.internalErrors
    problems.push(...life.engine.audit())
  } while (rounds < 2 || (rounds < ROUNDS && now() - began < patience))
  return { internalErrors, rounds, problems }
}

interface Feed {
  readonly tables: readonly [Uint8Array, Uint8Array]
  readonly withdrawals: Uint8Array
  readonly keepalives: Uint8Array
}

class Life {
  readonly engine: Engine
  readonly #feeds: Feed
  #next = 1
  #sends = 0
  /** Connections that took no more. */
  readonly #blocked: number[] = []

  constructor(config: EngineConfig, installs: boolean, random: () => number, feed: Feed, round: number) {
    // Another function each time, too: the real one must not be the second that the calling code ever met.
    const send = round === 0 ? (id: number) => this.#take(id) : (id: number) => this.#take(id)
    const transport = { connect: NOTHING, close: NOTHING, send, event: NOTHING }
    const options = { now: AT, random, restarting: false }
    this.engine = new Engine(config, sinkOf(transport, { ...EXTRAS, installs }), options)
    this.#feeds = feed
  }

  #take(id: number): boolean {
    this.#sends++
    if (this.#sends % FULL_EVERY !== 0) return true
    this.#blocked.push(id)
    return false
  }

  /** They come, announce, change, withdraw, are lost and come back. */
  round(): void {
    const ids = new Map<number, number>()
    for (let peer = 1; peer <= PEERS; peer++) ids.set(peer, this.#connect(peer))
    this.#work()
    for (let i = 0; i < WAVES; i++) {
      for (const [peer, id] of ids) this.engine.received(id, blocks(peer, i % 2 === 0), AT)
      this.#work()
    }
    for (let i = 0; i < CHANGES; i++) {
      const peer = 1 + (i % PEERS)
      this.#each(ids, peer, (id) => this.engine.received(id, single(peer, i % 2 === 0), AT))
      this.#work()
    }
    this.#each(ids, 1, (id) => {
      const { tables, withdrawals } = this.#feeds
      this.#feed(id, tables[0], CHUNKS[0])
      this.#feed(id, withdrawals, CHUNKS[1])
      this.#feed(id, tables[1], CHUNKS[1])
      this.engine.received(id, this.#feeds.keepalives, AT)
    })
    for (let peer = 2; peer <= PEERS; peer += 2) this.#each(ids, peer, (id) => this.engine.closed(id, CLOSED, AT))
    this.#work()
    for (let peer = 2; peer <= PEERS; peer += 2) {
      const id = this.#connect(peer)
      ids.set(peer, id)
      this.engine.received(id, blocks(peer, true), AT)
    }
    this.#work()
    for (let i = 0; i < IDLE_TURNS; i++) this.#work()
    for (const id of ids.values()) this.engine.closed(id, CLOSED, AT)
    this.#work()
  }

  #each(ids: ReadonlyMap<number, number>, peer: number, run: (id: number) => void): void {
    const id = ids.get(peer)
    if (id !== undefined) run(id)
  }

  #connect(peer: number): number {
    const id = this.#next
    this.#next += 2
    const endpoints = {
      remoteAddress: `192.0.2.${peer}`,
      remotePort: id,
      localAddress: '192.0.2.254',
      localPort: 179,
    }
    this.engine.incoming(id, endpoints, AT)
    this.engine.received(id, openOf(peer), AT)
    this.engine.received(id, KEEPALIVE, AT)
    return id
  }

  /** In pieces, as reads of a socket: most end inside a message. */
  #feed(id: number, bytes: Uint8Array, chunk: number): void {
    for (let at = 0; at < bytes.length; at += chunk) {
      // The shape of what the transport hands over.
      this.engine.received(id, Buffer.from(bytes.buffer, at, Math.min(chunk, bytes.length - at)), AT)
      this.#work()
    }
  }

  #work(): void {
    do {
      while (this.engine.work(512, AT)) {
        // until nothing is left
      }
      for (const id of this.#blocked.splice(0)) this.engine.writable(id, AT)
    } while (this.engine.pending)
  }
}
