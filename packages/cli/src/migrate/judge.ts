/**
 * Is a demand met? Compares the sessions that must be Established with what both ends say. Pure.
 *
 * A session has two ends and either may be silent. It counts as Established when at least one end says so and none says
 * otherwise; as missing when an end says so; and as unknown when nobody said anything. Unknown is never good enough: whoever
 * knows better says it (`--assume NODE`).
 */
import { familyOf, type Member } from './cluster.js'
import { listed } from './forward.js'
import type { Demand } from './steps.js'

/** What one node says of itself. */
export interface Sight {
  /** State by the neighbour's address. */
  readonly sessions: ReadonlyMap<string, string>
  /** It told so itself, over its API: a speaker that knows peerings by address. */
  readonly starling: boolean
}
export type Sights = ReadonlyMap<string, Sight>

export interface Verdict {
  readonly met: boolean
  /** How many of the demanded nodes are well, of how many. */
  readonly well: number
  readonly of: number
  /** In words, one per node. */
  readonly lacking: readonly string[]
  /** Nodes of which nobody knows enough. */
  readonly unknown: readonly string[]
}

type Finding = { readonly up: true } | { readonly up: false; readonly state: string } | undefined

export function judge(demand: Demand, sights: Sights, assumed: ReadonlySet<string>): Verdict {
  const lacking: string[] = []
  const unknown: string[] = []
  let well = 0
  const parties = 'mesh' in demand ? demand.mesh : [...demand.with, ...demand.clients]
  for (const member of parties) {
    const result = assumed.has(member.name) ? 'well' : judgeMember(member, demand, sights, assumed)
    if (result === 'well') well++
    else if (result === 'unknown') unknown.push(member.name)
    else lacking.push(`${member.name}: ${result}`)
  }
  return { met: well === parties.length, well, of: parties.length, lacking, unknown }
}

/** Nodes that have to be asked before anything can be said; with reflectors they already know most of the others. */
export function firstToAsk(demand: Demand): readonly Member[] {
  return 'mesh' in demand ? demand.mesh : demand.with
}

function judgeMember(member: Member, demand: Demand, sights: Sights, assumed: ReadonlySet<string>): string {
  const others = ('mesh' in demand ? demand.mesh : demand.with).filter(({ name }) => name !== member.name)
  // Reflectors are among themselves what the nodes of a mesh are: each with every other.
  const all = 'mesh' in demand || demand.with.some(({ name }) => name === member.name)
  for (const address of member.addresses) {
    const family = familyOf(address)
    const found = others.flatMap((other) => {
      const theirs = other.addresses.find((each) => familyOf(each) === family)
      if (theirs === undefined) return []
      if (assumed.has(other.name)) return [{ other: other.name, finding: { up: true } as Finding }]
      return [{ other: other.name, finding: session(sights, [member.name, address], [other.name, theirs]) }]
    })
    const least = all ? found.length : demand.least
    const up = found.filter(({ finding }) => finding?.up === true).length
    if (up >= least) continue
    const open = found.filter(({ finding }) => finding === undefined).length
    if (up + open >= least) return 'unknown'
    const down = found.flatMap(({ other, finding }) => (finding?.up === false ? [`${other} ${finding.state}`] : []))
    return `${up} of ${least} ${family} sessions Established (${listed(down, 3)})`
  }
  return 'well'
}

function session(sights: Sights, [a, aAddress]: readonly string[], [b, bAddress]: readonly string[]): Finding {
  const told = [sights.get(a ?? '')?.sessions, sights.get(b ?? '')?.sessions]
  const states = told.map((sessions, at) =>
    sessions === undefined ? undefined : (sessions.get((at === 0 ? bAddress : aAddress) ?? '') ?? 'not configured'),
  )
  const not = states.find((state) => state !== undefined && state !== 'Established')
  if (not !== undefined) return { up: false, state: not }
  return states.includes('Established') ? { up: true } : undefined
}
