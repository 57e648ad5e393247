/**
 * Which BGPPeers do not count, told where somebody would miss them.
 *
 * A session is asked for once in most clusters by more than one rule: the mesh and a peering with a reflector, a BGPPeer
 * and its own reverse. That is as it should be, and stands in `shadowed` alone. A problem is what a BGPPeer says in vain:
 * another one has the session (calico.md 2.4, the order in `candidates.ts`) and says something else about it.
 */
import type { BgpPeerResource } from '@starling/resources'
import type { PlanProblem } from '../types.js'
import type { Candidate } from './candidate.js'
import type { OptionsIndex } from './options.js'

/** What a BGPPeer says of its sessions, other than with whom they are. */
const FIELDS = [
  'localASNumber',
  'keepOriginalNextHop',
  'nextHopMode',
  'password',
  'sourceAddress',
  'maxRestartTime',
  'keepaliveTime',
  'numAllowedLocalASNumbers',
  'ttlSecurity',
  'reachableBy',
  'filters',
] as const satisfies readonly (keyof BgpPeerResource['spec'])[]

export const RANK_NAMES = ['global', 'node', 'reverse', 'local workload', 'mesh'] as const
const REVERSE = 2

interface Vain {
  readonly winner: Candidate
  readonly loser: Candidate
  readonly fields: readonly string[]
  readonly addresses: Set<string>
}

export class Shadows {
  readonly #vain = new Map<string, Vain>()

  note(winner: Candidate, loser: Candidate, options: OptionsIndex): void {
    if (winner.peer === undefined || loser.peer === undefined || winner.peer === loser.peer) return
    // The other end may well say something else about its own side.
    if (loser.rank === REVERSE && winner.rank !== REVERSE) return
    const key = `${loser.peer.metadata.name} ${winner.peer.metadata.name} ${winner.rank} ${loser.rank}`
    let vain = this.#vain.get(key)
    if (vain === undefined) {
      const fields = differences(winner.peer, loser.peer, options)
      vain = { winner, loser, fields, addresses: new Set() }
      this.#vain.set(key, vain)
    }
    if (vain.fields.length > 0 || winner.remoteAs !== loser.remoteAs) vain.addresses.add(loser.address)
  }

  get problems(): readonly PlanProblem[] {
    return [...this.#vain.values()].filter(({ addresses }) => addresses.size > 0).map(problemOf)
  }
}

function differences(a: BgpPeerResource, b: BgpPeerResource, options: OptionsIndex): readonly string[] {
  const fields: string[] = FIELDS.filter((field) => JSON.stringify(a.spec[field]) !== JSON.stringify(b.spec[field]))
  if (JSON.stringify(options.of(a)) !== JSON.stringify(options.of(b))) fields.push('options of StarlingPeerOptions')
  return fields
}

function problemOf({ winner, loser, fields, addresses }: Vain): PlanProblem {
  const [first = ''] = addresses
  const whom =
    addresses.size === 1
      ? `session with ${first} is that`
      : `sessions with ${first} and ${addresses.size - 1} more are those`
  const order =
    winner.rank === loser.rank
      ? `of two ${RANK_NAMES[loser.rank]} ones the first name in alphabetical order`
      : `${RANK_NAMES[winner.rank]} before ${RANK_NAMES[loser.rank]}`
  const said = winner.remoteAs === loser.remoteAs ? fields : ['asNumber', ...fields]
  const message = `its ${whom} of BGPPeer '${winner.peer?.metadata.name}' (${order}), which says otherwise: ${said.join(', ')}`
  return { severity: 'warning', resource: `BGPPeer/${loser.peer?.metadata.name}`, field: 'spec', message }
}
