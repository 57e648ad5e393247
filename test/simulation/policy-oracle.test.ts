/**
 * Two readings of one policy: the engine's compiled closures and the interpreter behind `starling plan --evaluate`.
 *
 * Random terms meet random routes; verdict, deciding term and every attribute must agree. So what `--evaluate` tells
 * people is what the hot path does. Values stand close together on purpose: far apart, nothing would ever match.
 */
import type { Action, Condition, PolicyTerm, PrefixRange, Sink } from '@starling/engine'
import { Prefix } from '@starling/inet'
import { evaluatePolicy, type PolicyRoute } from '@starling/intent'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compilePolicy, decidedBy, runPolicy } from '../../packages/engine/src/policy/compile.js'
import { RouteEdit } from '../../packages/engine/src/policy/edit.js'
import { AttributeStore } from '../../packages/engine/src/rib/attributes.js'
import { NextHops } from '../../packages/engine/src/rib/next-hops.js'
import { attributeBlock } from '../../packages/engine/src/rib/synthetic.js'

const PREFIXES = [
  ...['0.0.0.0/0', '10.0.0.0/8', '10.244.0.0/16', '10.244.1.0/24', '10.244.1.0/26', '10.244.1.5/32', '192.0.2.0/24'],
  ...['::/0', 'fd00:10::/32', 'fd00:10:244::/48', 'fd00:10:244::/122', 'fd00:10:244::5/128'],
]
const COMMUNITIES = ['64512:1', '64512:2', '65535:65281', '64512:300:1', '4294967295:0:1']
const INTERFACES = ['eth0', 'cali12', 'tunl0', 'vxlan.calico', 'bpfin.cali', 'wireguard.cali']
const GLOBS = ['eth*', 'cali*', '*.cali', '*.calico', 'tunl?', '*', 'e?h0', 'eth0', 'cali', '', 'bpf*.cali', '*.*']
const NUMBERS = [0, 1, 100, 512, 1024, 2147482623, 2147483135, 2147483646, 2147483647, 2147483648, 4294967295]
const ASNS = [64512, 64513, 65000, 4200000000]

const familyOf = (prefix: string) => (prefix.includes(':') ? 'ipv6' : 'ipv4')
const prefix = fc.constantFrom(...PREFIXES)
const number = fc.constantFrom(...NUMBERS)
const operator = fc.constantFrom('=' as const, '<' as const, '>' as const)
const sequence = fc.array(fc.constantFrom(...ASNS), { minLength: 1, maxLength: 3 })
const community = fc.constantFrom(...COMMUNITIES)

const range: fc.Arbitrary<PrefixRange> = fc
  .tuple(prefix, fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 128 }))
  .map(([network, minimum, maximum]) => ({ family: familyOf(network), network, minimum, maximum }))

const condition: fc.Arbitrary<Condition> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('prefix' as const),
      ranges: fc.array(range, { maxLength: 3 }),
      negate: fc.boolean(),
    }),
  },
  fc.record({
    kind: fc.constant('source' as const),
    any: fc.subarray(['bgp', 'static', 'kernel', 'direct'] as const, { minLength: 1 }).map((list) => [...list]),
  }),
  fc.record({
    kind: fc.constant('interface' as const),
    globs: fc.array(fc.constantFrom(...GLOBS), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant('peer-type' as const), is: fc.constantFrom('ebgp' as const, 'ibgp' as const) }),
  fc.record({ kind: fc.constant('community' as const), any: fc.array(community, { minLength: 1, maxLength: 2 }) }),
  fc.record({ kind: fc.constant('as-path-prefix' as const), sequence }),
  fc.record({ kind: fc.constant('local-pref' as const), operator, value: number }),
  fc.record({ kind: fc.constant('metric' as const), operator, value: number }),
  fc.record({
    kind: fc.constant('learned-from' as const),
    is: fc.constantFrom('ebgp' as const, 'ibgp' as const, 'local' as const),
  }),
)

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constantFrom('add-community' as const, 'remove-community' as const), value: community }),
  fc.record({ kind: fc.constant('prepend-as-path' as const), sequence }),
  fc.record({ kind: fc.constant('set-local-pref' as const), value: number }),
  fc.record({ kind: fc.constant('set-med' as const), value: fc.option(number, { nil: undefined }) }),
  fc.record({
    kind: fc.constant('calico-priority' as const),
    normalPriority: fc.constantFrom(1, 512, 1024, 2147483646),
  }),
  fc.record({ kind: fc.constant('set-preference' as const), value: fc.constantFrom(1, 100, 200) }),
)

const policy = fc
  .array(
    fc.record({
      conditions: fc.array(condition, { maxLength: 3 }),
      actions: fc.array(action, { maxLength: 3 }),
      verdict: fc.constantFrom(undefined, undefined, 'accept' as const, 'reject' as const),
    }),
    { maxLength: 6 },
  )
  .map((list) =>
    list.map(
      ({ verdict, ...rest }, i): PolicyTerm => ({
        why: { resource: 'term', rule: String(i) },
        ...rest,
        ...(verdict === undefined ? {} : { verdict }),
      }),
    ),
  )

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const route = fc.record({
  prefix,
  source: fc.constantFrom('bgp' as const, 'static' as const, 'kernel' as const, 'direct' as const),
  interface: optional(fc.constantFrom(...INTERFACES)),
  learnedFrom: fc.constantFrom('ebgp' as const, 'ibgp' as const, 'local' as const),
  asPath: fc.array(fc.constantFrom(...ASNS), { maxLength: 4 }),
  communities: fc.uniqueArray(community, { maxLength: 3 }),
  localPref: optional(number),
  med: optional(number),
  metric: optional(number),
  preference: fc.constantFrom(100, 200),
})
const session = fc.record({
  type: fc.constantFrom('ebgp' as const, 'ibgp' as const),
  defaultLocalPref: fc.constantFrom(100, 2147482623),
})

interface Outcome {
  readonly verdict: string
  readonly term: string | undefined
  readonly localPref: number | undefined
  readonly med: number | undefined
  readonly metric: number | undefined
  readonly preference: number
  readonly asPath: readonly number[]
  readonly communities: readonly string[]
}

type ValueOf<A> = A extends fc.Arbitrary<infer T> ? T : never
type Case = ValueOf<typeof route>
type Session = ValueOf<typeof session>
type Fallback = 'accept' | 'reject'

/** Next hops are assumed reachable: nothing is ever asked of the sink. */
const store = new AttributeStore(7, new NextHops(7, {} as Sink))
const edit = new RouteEdit(store)

function largeCommunities(texts: readonly string[]) {
  if (texts.length === 0) return []
  const value = new Uint8Array(texts.length * 12)
  const view = new DataView(value.buffer)
  texts.flatMap((text) => text.split(':').map(Number)).forEach((number, i) => void view.setUint32(i * 4, number))
  return [{ code: 32, flags: 0xc0, value }]
}

function compiled(terms: readonly PolicyTerm[], fallback: Fallback, given: Case, on: Session): Outcome {
  const parsed = Prefix.parse(given.prefix) as Prefix
  const block = attributeBlock(
    {
      nextHop: '10.9.9.9',
      asPath: given.asPath.join(' '),
      ...(given.localPref === undefined ? {} : { localPref: given.localPref }),
      ...(given.med === undefined ? {} : { med: given.med }),
      communities: given.communities.filter((text) => text.split(':').length === 2),
      raw: largeCommunities(given.communities.filter((text) => text.split(':').length === 3)),
    },
    true,
  )
  edit.begin(store.intern(block, 0, block.length, 0, given.preference))
  edit.family = parsed.family === 'ipv4' ? 0 : 1
  edit.words.fill(0)
  parsed.bytes.forEach((octet, i) => {
    edit.words[i >>> 2] |= octet << (24 - (i & 3) * 8)
  })
  edit.length = parsed.length
  edit.source = given.source
  edit.learnedFrom = given.learnedFrom
  edit.interface = given.interface
  edit.metric = given.metric
  edit.external = on.type === 'ebgp'
  edit.defaultLocalPref = on.defaultLocalPref
  const verdict = runPolicy(compilePolicy(terms, fallback), edit)
  const small = edit.communities.map((value) => `${value >>> 16}:${value & 0xffff}`)
  const large = edit.largeCommunities.map(({ global, local1, local2 }) => `${global}:${local1}:${local2}`)
  return {
    verdict,
    term: decidedBy()?.why.rule,
    localPref: edit.localPref,
    med: edit.med,
    metric: edit.metric,
    preference: edit.preference,
    asPath: [...edit.prepend, ...edit.asPath.flatMap(({ asns }) => asns)],
    communities: [...small, ...large].sort(),
  }
}

function interpreted(terms: readonly PolicyTerm[], fallback: Fallback, given: Case, on: Session): Outcome {
  const { interface: name, localPref, med, metric, ...rest } = given
  const question: PolicyRoute = {
    ...rest,
    ...(name === undefined ? {} : { interface: name }),
    ...(localPref === undefined ? {} : { localPref }),
    ...(med === undefined ? {} : { med }),
    ...(metric === undefined ? {} : { metric }),
  }
  const { verdict, why, route: after } = evaluatePolicy(terms, fallback, question, on)
  return {
    verdict,
    term: why?.rule,
    localPref: after.localPref,
    med: after.med,
    metric: after.metric,
    preference: after.preference,
    asPath: after.asPath,
    communities: [...after.communities].sort(),
  }
}

test('the compiled policy and the interpreter agree on random policies and routes', () => {
  fc.assert(
    fc.property(
      policy,
      fc.constantFrom('accept' as const, 'reject' as const),
      fc.array(route, { minLength: 1, maxLength: 6 }),
      session,
      (terms, fallback, routes, on) => {
        for (const one of routes)
          expect(compiled(terms, fallback, one, on)).toEqual(interpreted(terms, fallback, one, on))
      },
    ),
    { numRuns: 3000, seed: 20260801 },
  )
})
