/**
 * What is played: the scenarios of issue-sized clusters and of internet-sized tables, and the address plan of the private
 * network they happen in. Prefix `i` of a scenario is an address computed from `i`, so that a receiver's table is one bit
 * per prefix and "exactly what it should have" is a comparison of bits.
 */
export const REFLECTOR = '100.64.0.1'
export const RANGE = '100.64.0.0/16'
export const AS = 65000

export interface Scenario {
  readonly name: string
  readonly what: string
  readonly clients: number
  /** Clients that announce, the first ones. */
  readonly senders: number
  readonly prefixesOfSender: number
  /** Attributes as the Internet has them, a few prefixes to each set; otherwise one set per client. */
  readonly internet: boolean
  /** Routes announced and withdrawn one by one; 0 = not played. */
  readonly latency: number
  /** Fraction of all prefixes withdrawn and announced again at once. */
  readonly churn: number
  /** Clients whose connections are cut at once: the senders first. */
  readonly kill: number
  readonly reconnect: boolean
  /** All clients drop and return at once. */
  readonly storm: boolean
  /** Seconds a phase may take. */
  readonly limit: number
}

const CLUSTER = { prefixesOfSender: 4, internet: false, latency: 100, churn: 0, reconnect: true, storm: true }
const TABLE = { senders: 1, internet: true, kill: 1, reconnect: false, storm: false }

export const SCENARIOS: readonly Scenario[] = [
  { name: 'S1', what: '100 clients with 4 blocks each', clients: 100, senders: 100, ...CLUSTER, kill: 10, limit: 60 },
  { name: 'S2', what: '500 clients with 4 blocks each', clients: 500, senders: 500, ...CLUSTER, kill: 50, limit: 90 },
  // What deploy/ asks for a reflector is measured with this one.
  {
    name: 'S3',
    what: '1,000 clients with 4 blocks each',
    clients: 1000,
    senders: 1000,
    ...CLUSTER,
    kill: 100,
    limit: 120,
  },
  {
    name: 'S4',
    what: 'a million routes from one client to another',
    clients: 2,
    prefixesOfSender: 1_000_000,
    ...TABLE,
    latency: 0,
    churn: 0.05,
    limit: 180,
  },
  {
    name: 'S6',
    what: '100,000 routes from one client to a hundred',
    clients: 101,
    prefixesOfSender: 100_000,
    ...TABLE,
    latency: 50,
    churn: 0,
    limit: 180,
  },
]

export function addressOf(client: number): string {
  return `100.64.${1 + Math.floor(client / 250)}.${(client % 250) + 1}`
}

/** The address plan of a scenario's prefixes: number `i` is `base + (i << shift)`, all of one length. */
export interface Universe {
  readonly base: number
  readonly shift: number
  readonly length: number
  /** All prefixes: those of the senders, then one of each client for the single announcements. */
  readonly size: number
  /** Number of the first single one. */
  readonly singles: number
}

export function universeOf({ senders, prefixesOfSender, internet, clients }: Scenario): Universe {
  const singles = senders * prefixesOfSender
  const plan = internet ? { base: 0x10000000, shift: 8, length: 24 } : { base: 0x0a000000, shift: 6, length: 26 }
  return { ...plan, singles, size: singles + clients }
}

/** Whose prefix it is. */
export function ownerOf(scenario: Scenario, universe: Universe, prefix: number): number {
  return prefix < universe.singles ? Math.floor(prefix / scenario.prefixesOfSender) : prefix - universe.singles
}
