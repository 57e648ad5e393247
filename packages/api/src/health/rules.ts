/**
 * Health as pure rules: facts in, verdict with machine-readable reasons out (calico.md 5.4; ux.md 5).
 *
 * Liveness asks whether a restart would help; readiness whether this node may take traffic. A dead remote node must
 * never make healthy ones unready, so the default policy is `any`; Calico's own rule is here under its name for those
 * whose roll-outs rely on it. Every failing reason names peer, state, last words and since when.
 */
import type { FamilyName, PeerView } from '@starling/engine'
import type { DatastoreStatus, HealthFacts, KernelView } from '../ports.js'

export type ReadinessPolicy =
  /** At least one peer Established, or no peer configured. */
  | { readonly kind: 'any' }
  /** At least this fraction (0..1) of the peers that are not excused. */
  | { readonly kind: 'quorum'; readonly fraction: number }
  /** Each named peer (by name or address). */
  | { readonly kind: 'required'; readonly peers: readonly string[] }
  /** calico.md 5.4: in the first 30 s all and no graceful restart, later at least one. */
  | { readonly kind: 'calico'; readonly settleTime: number }

export const CALICO_SETTLE_TIME = 30_000

export const HEALTH_REASONS = {
  'not-started': 'The first configuration is not applied yet, or the kernel table was not read yet.',
  'port-held':
    'Another process accepts BGP at our address. It is waited for; until then the kernel and its sessions are left alone.',
  'engine-stopped': 'The engine met a broken invariant and stopped. Kernel routes stay; a restart is needed.',
  'never-in-sync': 'The datastore was never reached, so there is no configuration.',
  'no-peer-established': 'Not one of the peers is Established.',
  'too-few-peers': 'Fewer peers are Established than the quorum asks for.',
  'required-peer-down': 'A peer named as required is not Established or not configured.',
  'peers-not-established': 'Under the calico policy every peer must be Established in the first 30 seconds.',
  'graceful-restart': 'Graceful restart is in progress.',
  draining: 'The daemon was told to drain.',
  'loop-stalled': 'The event loop stood still for longer than a hold timer tolerates.',
} as const satisfies Record<string, string>

export type HealthReasonCode = keyof typeof HEALTH_REASONS

export interface PeerComplaint {
  readonly name: string
  readonly address: string
  readonly state: string
  readonly reason: string
  readonly since: number
}

export interface HealthReason {
  readonly code: HealthReasonCode
  readonly message: string
  readonly peers?: readonly PeerComplaint[]
}

export interface HealthVerdict {
  readonly ok: boolean
  readonly policy: string
  readonly reasons: readonly HealthReason[]
}

export interface HealthInput {
  readonly facts: HealthFacts
  readonly peers: readonly PeerView[]
  readonly datastore: DatastoreStatus
  readonly kernel: KernelView | undefined
  readonly startedAt: number
  readonly now: number
  /** Milliseconds; the worst delay seen lately. */
  readonly loopDelay: number
}

/** A stall as long as the smallest hold time in use (3 s, RFC 4271 section 4.2) times ten: beyond repair by waiting. */
const STALL = 30_000
/** Peers listed in one reason: a message, not a dump. */
const NAMED_PEERS = 20

function complaint(peer: PeerView): PeerComplaint {
  const { name, remoteAddress: address, state, reason, since } = peer
  return { name, address, state, reason, since }
}

function blame(code: HealthReasonCode, peers: readonly PeerView[], prefix: string): HealthReason {
  const named = peers.slice(0, NAMED_PEERS)
  const list = named.map((peer) => `${peer.name} ${peer.state}${peer.reason === '' ? '' : ` (${peer.reason})`}`)
  const more = peers.length > named.length ? ` and ${peers.length - named.length} more` : ''
  return { code, message: `${prefix}: ${list.join(', ')}${more}`, peers: named.map(complaint) }
}

const isUp = (peer: PeerView): boolean => peer.state === 'Established'

export function policyName(policy: ReadinessPolicy): string {
  if (policy.kind === 'quorum') return `quorum ${Math.round(policy.fraction * 100)} %`
  return policy.kind === 'required' ? `required ${policy.peers.join(', ')}` : policy.kind
}

export function liveness(input: HealthInput): HealthVerdict {
  const reasons: HealthReason[] = []
  if (input.facts.stopped !== undefined) {
    reasons.push({ code: 'engine-stopped', message: `engine stopped: ${input.facts.stopped}` })
  }
  if (input.loopDelay > STALL) {
    reasons.push({ code: 'loop-stalled', message: `event loop stood still for ${Math.round(input.loopDelay)} ms` })
  }
  return { ok: reasons.length === 0, policy: 'live', reasons }
}

/** `family` narrows to peers reached over that family, as Calico's bird and bird6 checks do. */
export function readiness(input: HealthInput, policy: ReadinessPolicy, family?: FamilyName): HealthVerdict {
  const reasons: HealthReason[] = [...liveness(input).reasons]
  const { facts, datastore } = input
  if (facts.portHeld !== undefined)
    reasons.push({
      code: 'port-held',
      message: `another process accepts BGP at ${facts.portHeld}; waiting for it to go`,
    })
  else if (!facts.started) reasons.push({ code: 'not-started', message: 'first configuration not applied yet' })
  if (datastore.status === 'waiting') {
    reasons.push({ code: 'never-in-sync', message: `datastore ${datastore.description}: ${datastore.detail}` })
  }
  if (facts.draining !== undefined) reasons.push({ code: 'draining', message: facts.draining })
  reasons.push(...sessions(input, policy, family))
  return { ok: reasons.length === 0, policy: policyName(policy), reasons }
}

function sessions(input: HealthInput, policy: ReadinessPolicy, family: FamilyName | undefined): HealthReason[] {
  const excused = new Set(input.facts.excusedPeers)
  const enabled = input.peers.filter((peer) => peer.enabled && (family === undefined || familyOf(peer) === family))
  const counted = enabled.filter((peer) => !excused.has(peer.key))
  const up = counted.filter(isUp)
  const down = counted.filter((peer) => !isUp(peer))
  switch (policy.kind) {
    case 'any':
      return counted.length === 0 || up.length > 0 ? [] : [blame('no-peer-established', down, 'no peer is Established')]
    case 'quorum': {
      const needed = Math.ceil(counted.length * policy.fraction)
      if (up.length >= needed) return []
      return [blame('too-few-peers', down, `${up.length} of ${counted.length} peers are Established, ${needed} needed`)]
    }
    case 'required':
      return required(policy.peers, enabled)
    case 'calico':
      return calico(input, enabled, policy.settleTime)
  }
}

function required(names: readonly string[], peers: readonly PeerView[]): HealthReason[] {
  const missing = names.filter((name) => !peers.some((peer) => peer.name === name || peer.remoteAddress === name))
  const down = peers.filter((peer) => (names.includes(peer.name) || names.includes(peer.remoteAddress)) && !isUp(peer))
  const reasons: HealthReason[] = []
  if (missing.length > 0) {
    reasons.push({ code: 'required-peer-down', message: `required but not configured: ${missing.join(', ')}` })
  }
  if (down.length > 0) reasons.push(blame('required-peer-down', down, 'required but not Established'))
  return reasons
}

/** Only what Calico counts: protocols named Global_, Node_ or Mesh_, and no excuses. */
function calico(input: HealthInput, enabled: readonly PeerView[], settleTime: number): HealthReason[] {
  const peers = enabled.filter((peer) => /^(Global|Node|Mesh)_/.test(peer.name))
  if (peers.length === 0) return []
  const down = peers.filter((peer) => !isUp(peer))
  if (input.now - input.startedAt >= settleTime) {
    return down.length < peers.length ? [] : [blame('no-peer-established', down, calicoText(down))]
  }
  if (down.length > 0) return [blame('peers-not-established', down, calicoText(down))]
  if (!input.facts.graceful.recovering) return []
  return [{ code: 'graceful-restart', message: 'graceful restart in progress' }]
}

function calicoText(down: readonly PeerView[]): string {
  return `BGP not established with ${down.map((peer) => peer.remoteAddress).join(',')}`
}

export function familyOf(peer: Pick<PeerView, 'remoteAddress'>): FamilyName {
  return peer.remoteAddress.includes(':') ? 'ipv6' : 'ipv4'
}
