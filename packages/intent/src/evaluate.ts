/**
 * `starling plan --evaluate`: one route through this node's rules, stage by stage and term by term.
 *
 * import (from a peer), reflection (may it go from there to there at all), export (to a peer) or kernel. Each stage says
 * which rule decided; the first rejection ends the road.
 */
import { parseAddress } from '@starling/bgp-packet/address'
import type { PeerConfig, RouteSource, Why } from '@starling/engine'
import { Prefix } from '@starling/inet'
import { parseCommunity } from '@starling/resources'
import { kernelRoute } from './kernel.js'
import type { Plan } from './plan.js'
import { evaluatePolicy, type PolicyRoute, type PolicyStep } from './policy/interpret.js'

export interface Question {
  readonly prefix: string
  /** Absent attributes are as a fresh route has them. */
  readonly attributes?: Partial<Omit<PolicyRoute, 'prefix' | 'source' | 'learnedFrom'>>
  /** A protocol name or address, `static`, `direct:eth0` or `kernel:cali123`. */
  readonly from: string
  /** A protocol name or address, or `kernel`. */
  readonly to: string
}

export interface Stage {
  readonly stage: 'import' | 'reflection' | 'export' | 'kernel'
  readonly verdict: 'accept' | 'reject'
  readonly why: Why
  readonly steps: readonly PolicyStep[]
}

export interface Answer {
  readonly verdict: 'accept' | 'reject'
  readonly why: Why
  readonly stages: readonly Stage[]
  readonly route: PolicyRoute
}

/** An error is a text for the person who asked. */
export function evaluate(plan: Plan, question: Question): Answer | { readonly error: string } {
  const prefix = Prefix.parseOrHost(question.prefix)
  if (prefix === undefined) return { error: `'${question.prefix}' is not a prefix` }
  const origin = originOf(plan, question.from)
  if (typeof origin === 'string') return { error: origin }
  const target = question.to === 'kernel' ? undefined : findPeer(plan, question.to)
  if (target === undefined && question.to !== 'kernel') return { error: `no peer '${question.to}' in this plan` }
  const fault = attributeFault(question.attributes ?? {})
  if (fault !== undefined) return { error: fault }
  for (const peer of [origin.peer, target])
    if (peer !== undefined && !peer.families.some(({ family }) => family === prefix.family))
      return { error: `${peer.name} does not carry ${prefix.family} routes` }
  const stages: Stage[] = []
  let route: PolicyRoute = {
    asPath: [],
    communities: [],
    preference: 100,
    ...origin.route,
    ...question.attributes,
    prefix: prefix.toString(),
  }
  const add = (stage: Stage): boolean => stages.push(stage) > 0 && stage.verdict === 'accept'
  const answer = (): Answer => {
    const { verdict, why } = stages.at(-1) as Stage
    return { verdict, why, stages, route }
  }
  const run = (name: 'import' | 'export', peer: PeerConfig): boolean => {
    const terms = name === 'import' ? peer.importPolicy : peer.exportPolicy
    const fallback = name === 'import' ? peer.importDefault : peer.exportDefault
    const session = { type: sessionType(peer), defaultLocalPref: plan.engine.defaultLocalPref }
    const result = evaluatePolicy(terms, fallback, route, session)
    route = result.route
    const why = result.why ?? { resource: 'built-in', rule: `no rule matched: ${fallback}` }
    return add({ stage: name, verdict: result.verdict, why, steps: result.steps })
  }
  if (origin.peer !== undefined) {
    const loops = route.asPath.filter((asNumber) => asNumber === origin.peer?.localAs).length
    if (loops > origin.peer.allowOwnAs) {
      const rule = `AS_PATH loop: AS ${origin.peer.localAs} ${loops} times, ${origin.peer.allowOwnAs} allowed`
      add({ stage: 'import', verdict: 'reject', why: { resource: 'RFC 4271 section 9.1.2', rule }, steps: [] })
      return answer()
    }
    if (!run('import', origin.peer)) return answer()
  }
  if (target !== undefined) {
    const reflection = reflect(origin.peer, target)
    if (reflection !== undefined && !add(reflection)) return answer()
    run('export', target)
    return answer()
  }
  add(kernelStage(plan, route, origin.peer?.name ?? question.from))
  return answer()
}

const NUMBERS = ['localPref', 'med', 'metric', 'preference']
const TEXTS = ['interface', 'nextHop']

/** What people write as JSON, before it is believed. */
function attributeFault(attributes: Readonly<Record<string, unknown>>): string | undefined {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue
    if (NUMBERS.includes(name)) {
      if (!isU32(value)) return `${name} is a number from 0 to 4294967295, not ${JSON.stringify(value)}`
    } else if (TEXTS.includes(name)) {
      if (typeof value !== 'string') return `${name} is a text, not ${JSON.stringify(value)}`
      if (name === 'nextHop' && parseAddress(value) === undefined) return `nextHop '${value}' is not an address`
    } else if (name === 'asPath') {
      if (!Array.isArray(value) || !value.every(isU32)) return 'asPath is a list of AS numbers such as [64601,64602]'
    } else if (name === 'communities') {
      if (
        !Array.isArray(value) ||
        !value.every((text) => typeof text === 'string' && parseCommunity(text) !== undefined)
      )
        return 'communities is a list of texts such as ["64512:100","64512:300:100"]'
    } else {
      const known = [...NUMBERS, ...TEXTS, 'asPath', 'communities']
      return `'${name}' is no attribute; there are ${known.join(', ')}`
    }
  }
  return undefined
}

const isU32 = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff

function sessionType({ remoteAs, localAs }: PeerConfig): 'ebgp' | 'ibgp' {
  return remoteAs === 'internal' || remoteAs === localAs ? 'ibgp' : 'ebgp'
}

export function findPeer(plan: Plan, text: string): PeerConfig | undefined {
  for (const { config } of plan.peers.values())
    if (config.name === text || config.key === text || config.remoteAddress === text) return config
  return undefined
}

interface Origin {
  readonly peer?: PeerConfig
  readonly route: Pick<PolicyRoute, 'source' | 'learnedFrom' | 'interface' | 'nextHop'>
}

function originOf(plan: Plan, from: string): Origin | string {
  const [word, device] = from.split(':', 2)
  if (word === 'static' || word === 'kernel' || word === 'direct') {
    const source: RouteSource = word
    return { route: { source, learnedFrom: 'local', ...(device === undefined ? {} : { interface: device }) } }
  }
  const peer = findPeer(plan, from)
  if (peer === undefined) return `no peer '${from}' in this plan; else: static, kernel:IFACE, direct:IFACE`
  // A peer that says nothing else is its own next hop.
  const nextHop = peer.remoteAddress.split('%')[0] as string
  return { peer, route: { source: 'bgp', learnedFrom: sessionType(peer), nextHop } }
}

/** RFC 4271 section 9.2, RFC 4456 section 6: back to the sender never, iBGP to iBGP only where a client is involved. */
function reflect(from: PeerConfig | undefined, to: PeerConfig): Stage | undefined {
  if (from === undefined) return undefined
  const stage = (verdict: 'accept' | 'reject', rule: string): Stage => ({
    stage: 'reflection',
    verdict,
    why: { resource: 'RFC 4456 section 6', rule },
    steps: [],
  })
  if (from.key === to.key) return stage('reject', 'split horizon: it came from there')
  if (sessionType(from) === 'ebgp' || sessionType(to) === 'ebgp') return stage('accept', 'eBGP is involved')
  if (from.routeReflectorClient || to.routeReflectorClient) return stage('accept', 'a client is involved: reflected')
  return stage('reject', 'iBGP to iBGP, and neither is our client')
}

function kernelStage(plan: Plan, route: PolicyRoute, from: string): Stage {
  const prefix = Prefix.parse(route.prefix) as Prefix
  const nextHop = route.nextHop === undefined ? undefined : parseAddress(route.nextHop)
  const verdict = kernelRoute(plan.kernel, {
    family: prefix.family,
    address: prefix.bytes,
    length: prefix.length,
    source: route.source,
    from,
    nextHops: nextHop === undefined ? [] : [{ address: nextHop, weight: 1 }],
    localPref: route.localPref,
    metric: route.metric,
  })
  if ('reject' in verdict) return { stage: 'kernel', verdict: 'reject', why: verdict.reject, steps: [] }
  const { kind, nextHops, metric } = verdict.route
  const how = nextHops[0]?.device === undefined ? kind : `through ${nextHops[0].device}`
  const rule = `${verdict.why.rule} (${how}${metric === undefined ? '' : `, metric ${metric}`})`
  return { stage: 'kernel', verdict: 'accept', why: { ...verdict.why, rule }, steps: [] }
}
