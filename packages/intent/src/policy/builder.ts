/**
 * Import and export policies in exactly the order of calico.md 2.7 and 2.8.
 *
 * Sessions with the same filters and family share one list of terms (the very same array): the engine compiles and
 * memoises it once. Nothing in a policy depends on which session it runs on; where iBGP and eBGP differ a condition says so.
 */
import type { Condition, FamilyName, PolicyTerm, Why } from '@starling/engine'

import type { OwnBlock, ServiceRoutes } from '../originate.js'
import type { Interner } from '../reuse.js'
import { ownsRoutes, type Settings } from '../settings.js'
import type { ClusterState } from '../state.js'
import type { Identity } from '../types.js'
import { type Direction, filterTerms } from './filters.js'
import { exactly, PRIORITY_CEILING, prefixIn, term, within } from './terms.js'

const builtin = (rule: string): Why => ({ resource: 'built-in', rule })

const ofFamily = (family: FamilyName): Condition => prefixIn([within(family, family === 'ipv4' ? '0.0.0.0/0' : '::/0')])

/** RFC 8212 sections 2.1 and 2.2: without a policy of its own, an eBGP session neither imports nor exports. */
const NO_POLICY: PolicyTerm = term(
  { resource: 'StarlingPeerOptions', field: 'requirePolicy', rule: 'eBGP without a BGPFilter for it (RFC 8212)' },
  [{ kind: 'peer-type', is: 'ebgp' }],
  'reject',
)

function strictTerm(rule: string, ranges: Parameters<typeof prefixIn>[0]): PolicyTerm {
  const why = { resource: 'StarlingPeerOptions', field: 'strictImport', rule }
  return term(why, [{ kind: 'peer-type', is: 'ebgp' }, prefixIn(ranges)], 'reject')
}

/** Behind the filters: one that accepts such a prefix has said so on purpose. RFC 1918, 6598, 4193 and RFC 6890. */
const PRIVATE = {
  ipv4: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
  ipv6: ['fc00::/7'],
} as const
const MARTIAN = {
  ipv4: ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  ipv6: ['::/8', 'fe80::/10', 'ff00::/8'],
} as const

const strictTerms = (family: FamilyName): readonly PolicyTerm[] => [
  strictTerm('no default route', [exactly(family, family === 'ipv4' ? '0.0.0.0/0' : '::/0')]),
  strictTerm(
    'no private prefix (a BGPFilter may accept it)',
    PRIVATE[family].map((network) => within(family, network)),
  ),
  strictTerm(
    'no martian',
    MARTIAN[family].map((network) => within(family, network)),
  ),
]

const STRICT = { ipv4: strictTerms('ipv4'), ipv6: strictTerms('ipv6') }

/** What of a session's own options has a say here. */
export interface PolicyOptions {
  readonly strictImport?: boolean | undefined
  readonly requirePolicy?: boolean | undefined
}

export interface PolicyInput {
  readonly state: ClusterState
  readonly settings: Settings
  readonly identity: Identity
  readonly blocks: readonly OwnBlock[]
  readonly services: ServiceRoutes
  readonly interner: Interner
}

export class PolicyBuilder {
  readonly #input: PolicyInput
  readonly #cache = new Map<string, readonly PolicyTerm[]>()

  constructor(input: PolicyInput) {
    this.#input = input
  }

  /** 2.7: filters, then the preference of elevated routes; the session's default accepts the rest. */
  import(families: readonly FamilyName[], filters: readonly string[], options: PolicyOptions): readonly PolicyTerm[] {
    const { strictImport: strict = false, requirePolicy = false } = options
    return this.#perFamily(`import ${strict} ${requirePolicy} ${filters.join(' ')}`, families, (family) => {
      const elevated = PRIORITY_CEILING - this.#input.settings.normalPriority[family]
      const wishes = this.#filters(filters, 'import', family)
      return [
        ...(requirePolicy && wishes.length === 0 ? [NO_POLICY] : []),
        ...(strict ? this.#poolTerms(family) : []),
        ...wishes,
        ...(strict ? STRICT[family] : []),
        term(
          builtin('elevated priority: preference 200 (calico.md 2.7)'),
          [{ kind: 'local-pref', operator: '>', value: elevated }],
          undefined,
          [{ kind: 'set-preference', value: 200 }],
        ),
      ]
    })
  }

  /** 2.8, steps 1 to 9; step 10 is the session's default. */
  export(families: readonly FamilyName[], filters: readonly string[], options: PolicyOptions): readonly PolicyTerm[] {
    const { requirePolicy = false } = options
    return this.#perFamily(`export ${requirePolicy} ${filters.join(' ')}`, families, (family) => {
      const wishes = this.#filters(filters, 'export', family)
      return [
        ...(requirePolicy && wishes.length === 0 ? [NO_POLICY] : []),
        this.#priority(family),
        ...wishes,
        ...this.#standard(family),
      ]
    })
  }

  /** A session of both families runs one list; then every term must say which family it is for. */
  #perFamily(
    key: string,
    families: readonly FamilyName[],
    build: (family: FamilyName) => readonly PolicyTerm[],
  ): readonly PolicyTerm[] {
    const single = families.length === 1
    return this.#cached(`${families.join('+')} ${key}`, () =>
      this.#input.interner.keep(
        families.flatMap((family) => {
          const terms = build(family)
          return single ? terms : terms.map((one) => ({ ...one, conditions: [ofFamily(family), ...one.conditions] }))
        }),
      ),
    )
  }

  #cached(key: string, build: () => readonly PolicyTerm[]): readonly PolicyTerm[] {
    let terms = this.#cache.get(key)
    if (terms === undefined) {
      terms = build()
      this.#cache.set(key, terms)
    }
    return terms
  }

  #filters(names: readonly string[], direction: Direction, family: FamilyName): PolicyTerm[] {
    return names.flatMap((name) => {
      const filter = this.#input.state.named('BGPFilter', name)
      return filter === undefined ? [] : filterTerms(filter, direction, family)
    })
  }

  #priority(family: FamilyName): PolicyTerm {
    const normalPriority = this.#input.settings.normalPriority[family]
    const why = builtin('metric and LOCAL_PREF mirror each other (calico.md 2.8 step 1)')
    return term(why, [], undefined, [{ kind: 'calico-priority', normalPriority }])
  }

  #standard(family: FamilyName): readonly PolicyTerm[] {
    return this.#cached(`standard ${family}`, () => [
      ...this.#disabledPools(family),
      ...this.#foreignInterfaces(),
      ...this.#communities(family),
      ...this.#aggregation(family),
      ...this.#services(family),
      ...this.#pools(family),
    ])
  }

  /** Step 3. */
  #disabledPools(family: FamilyName): PolicyTerm[] {
    const pools = this.#input.state.all('IPPool').filter(({ spec }) => spec.cidr.family === family)
    return pools
      .filter(({ spec }) => spec.disableBGPExport)
      .map(({ metadata, spec }) => {
        const why = { resource: `IPPool/${metadata.name}`, field: 'spec.disableBGPExport', rule: 'never exported' }
        return term(why, [prefixIn([within(family, spec.cidr.network)])], 'reject')
      })
  }

  /** Steps 4 and 5: other nodes' blocks, seen as kernel routes through tunnels, are not ours to tell. */
  #foreignInterfaces(): PolicyTerm[] {
    const globs = ['*.cali', '*.calico']
    if (!ownsRoutes(this.#input.settings.programClusterRoutes).ipip) globs.push('tunl0')
    return [
      term(
        builtin('iBGP: routes through a tunnel belong to another node (calico.md 2.8 step 4)'),
        [
          { kind: 'peer-type', is: 'ibgp' },
          { kind: 'interface', globs },
        ],
        'reject',
      ),
      term(
        builtin('routes through a BPF device stay here (calico.md 2.8 step 5)'),
        [{ kind: 'interface', globs: ['bpf*.cali'] }],
        'reject',
      ),
    ]
  }

  /** Step 6. */
  #communities(family: FamilyName): PolicyTerm[] {
    return this.#input.settings.communities
      .filter(({ prefix }) => prefix.includes(':') === (family === 'ipv6'))
      .map(({ prefix, communities, why }) =>
        term(
          why,
          [prefixIn([within(family, prefix)])],
          undefined,
          communities.map((value) => ({ kind: 'add-community', value })),
        ),
      )
  }

  /**
   * Step 7: the block once, its addresses never, save one that moves here with an elevated priority. A Felix older than
   * that (up to v3.31) writes its workload routes without a metric, which is 0: better than any, and all of them would leave.
   */
  #aggregation(family: FamilyName): PolicyTerm[] {
    const blocks = this.#input.blocks.filter((block) => block.family === family)
    if (blocks.length === 0) return []
    const why = (rule: string): Why => ({ resource: `Node/${this.#input.identity.node}`, field: 'own blocks', rule })
    const inside = prefixIn(blocks.map(({ cidr }) => within(family, cidr)))
    const { normalPriority, liveMigration } = this.#input.settings
    const moving = term(
      why('inside an own block with an elevated priority: live migration'),
      [inside, { kind: 'metric', operator: '<', value: normalPriority[family] }],
      'accept',
    )
    return [
      term(why('own block'), [prefixIn(blocks.map(({ cidr }) => exactly(family, cidr)))], 'accept'),
      ...(liveMigration ? [moving] : []),
      term(why('inside an own block: the block stands for it'), [inside], 'reject'),
    ]
  }

  /** Step 8. */
  #services(family: FamilyName): PolicyTerm[] {
    const { services, settings, identity } = this.#input
    const terms = services.routes
      .filter((route) => route.family === family)
      .map((route) => term(route.why, [prefixIn([within(family, route.prefix)])], 'accept'))
    if (identity.clusterId === 0) return terms
    for (const field of ['serviceLoadBalancerIPs', 'serviceExternalIPs'] as const)
      settings.global?.[field].forEach(({ cidr }, i) => {
        if (cidr.family !== family) return
        const rule = 'route reflector: service addresses of others are passed on'
        const why = { resource: 'BGPConfiguration/default', field: `spec.${field}[${i}]`, rule }
        terms.push(term(why, [prefixIn([within(family, cidr.network)])], 'accept'))
      })
    return terms
  }

  /** Step 9. */
  #pools(family: FamilyName): PolicyTerm[] {
    return this.#input.state
      .all('IPPool')
      .filter(({ spec }) => spec.cidr.family === family && !spec.disableBGPExport)
      .map(({ metadata, spec }) => {
        const why = { resource: `IPPool/${metadata.name}`, field: 'spec.cidr', rule: 'inside a pool' }
        return term(why, [prefixIn([within(family, spec.cidr.network)])], 'accept')
      })
  }

  /** Our own option for eBGP peers: neither the default route nor what the cluster itself owns comes in. */
  /** Never, whatever a filter says: our own pools are not somebody else's to announce. */
  #poolTerms(family: FamilyName): PolicyTerm[] {
    const own = this.#input.state.all('IPPool').filter(({ spec }) => spec.cidr.family === family)
    return own.length === 0
      ? []
      : [
          strictTerm(
            'no own pool space',
            own.map(({ spec }) => within(family, spec.cidr.network)),
          ),
        ]
  }
}
