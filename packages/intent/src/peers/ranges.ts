/**
 * Peers without a known address: ranges that may connect to us, and interfaces where router advertisements name the peer.
 * Both come from StarlingPeerOptions alone; Calico has no word for them.
 */
import type { DynamicNeighbors, FamilyName } from '@starling/engine'
import type { PolicyBuilder } from '../policy/builder.js'
import type { ClusterState } from '../state.js'
import type { PlanOptions, UnnumberedPlan } from '../types.js'
import type { OptionsIndex } from './options.js'
import { resolveSecret } from './secrets.js'
import type { SessionTemplate, TemplateBuilder } from './template.js'

export function dynamicNeighbors(
  index: OptionsIndex,
  templates: TemplateBuilder,
  policies: PolicyBuilder,
  state: ClusterState,
  options: PlanOptions,
): readonly DynamicNeighbors[] {
  return index.resources.flatMap(({ metadata, spec }) =>
    spec.listenRanges.map(({ cidr, maximum, remoteAs, filters, password: source }, i) => {
      const resource = `StarlingPeerOptions/${metadata.name}`
      const { password, missing } = resolveSecret(source, state, options)
      return {
        range: cidr.network,
        maximum,
        template: {
          ...withFilters(
            baseTemplate(templates, cidr.family, false),
            policies,
            spec.families ?? [cidr.family],
            filters,
          ),
          description: `range ${cidr.network}`,
          why: { resource, field: `spec.listenRanges[${i}]`, rule: `peers that connect from ${cidr.network}` },
          remoteAs,
          ...(password === undefined ? {} : { password }),
          ...(missing === undefined ? {} : { heldDown: missing }),
        },
      }
    }),
  )
}

export function unnumberedPeers(
  index: OptionsIndex,
  templates: TemplateBuilder,
  policies: PolicyBuilder,
): readonly UnnumberedPlan[] {
  return index.resources.flatMap(({ metadata, spec }) =>
    spec.unnumbered.map((found, i): UnnumberedPlan => {
      const resource = `StarlingPeerOptions/${metadata.name}`
      const bfd = typeof spec.bfd === 'object' && spec.bfd.enabled ? spec.bfd : undefined
      return {
        interface: found.interface,
        template: {
          ...withFilters(baseTemplate(templates, 'ipv6', true), policies, ['ipv4', 'ipv6'], found.filters),
          kind: 'node',
          description: `unnumbered on ${found.interface}`,
          why: { resource, field: `spec.unnumbered[${i}]`, rule: `the router behind ${found.interface}` },
          remotePort: 179,
          remoteAs: found.remoteAs,
          interface: found.interface,
          passive: false,
        },
        ...(bfd === undefined ? {} : { bfd }),
      }
    }),
  )
}

/** As an explicit peer without a BGPPeer: mesh options and the mesh password must not leak in. */
function baseTemplate(templates: TemplateBuilder, family: FamilyName, linkLocal: boolean): SessionTemplate {
  const {
    password: _password,
    heldDown: _heldDown,
    ...template
  } = templates.of({
    peer: undefined,
    family,
    explicit: false,
    localWorkload: true,
    linkLocal,
  }).template
  return template
}

function withFilters(
  template: SessionTemplate,
  policies: PolicyBuilder,
  families: readonly FamilyName[],
  filters: readonly string[],
): SessionTemplate {
  return {
    ...template,
    importPolicy: policies.import(families, filters, {}),
    exportPolicy: policies.export(families, filters, {}),
  }
}
