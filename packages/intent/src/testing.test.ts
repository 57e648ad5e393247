/**
 * Builders that the tests of this package share: documents in few words. The checks below keep the builders honest.
 */
import { expect, test } from 'vitest'
import { ClusterState, type Plan, type PlanOptions, plan } from './index.js'

type Spec = Record<string, unknown>

export const calico = (kind: string, name: string, spec: Spec, metadata: Spec = {}): unknown => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name, ...metadata },
  spec,
})

/** `node('w1', '10.0.0.1/24')`, further members of spec.bgp, labels. */
export const node = (name: string, address: string, bgp: Spec = {}, labels: Record<string, string> = {}): unknown =>
  calico(
    'Node',
    name,
    { bgp: { [address.includes(':') ? 'ipv6Address' : 'ipv4Address']: address, ...bgp } },
    { labels },
  )

export const configuration = (spec: Spec, name = 'default'): unknown => calico('BGPConfiguration', name, spec)
export const peer = (name: string, spec: Spec, metadata: Spec = {}): unknown => calico('BGPPeer', name, spec, metadata)
export const filter = (name: string, spec: Spec): unknown => calico('BGPFilter', name, spec)
export const pool = (cidr: string, spec: Spec = {}): unknown =>
  calico('IPPool', `pool-${cidr.replace(/[.:/]/g, '-')}`, { cidr, ...spec })
export const block = (owner: string, cidr: string, state = 'confirmed'): unknown =>
  calico('BlockAffinity', `${owner}-${cidr.replace(/[.:/]/g, '-')}`, { node: owner, cidr, state, deleted: 'false' })
export const options = (name: string, spec: Spec): unknown => ({
  apiVersion: 'starling.io/v1',
  kind: 'StarlingPeerOptions',
  metadata: { name },
  spec,
})

export function planOf(name: string, documents: readonly unknown[], given: PlanOptions = {}): Plan {
  return plan(ClusterState.fromDocuments(documents), name, given)
}

/** Names of sessions in order, with `>` where we dial and `<` where we wait. */
export function sessions(result: Plan): string[] {
  return [...result.engine.peers.values()].map(({ name, passive }) => `${passive ? '<' : '>'}${name}`).sort()
}

test('the builders make documents that map without problems', () => {
  const documents = [
    node('a', '10.0.0.1/24'),
    node('b', 'fd00::1/64'),
    configuration({}),
    peer('p', { peerIP: '192.0.2.1', asNumber: 65001, filters: ['f'] }),
    filter('f', { exportV4: [{ action: 'Accept' }] }),
    pool('10.244.0.0/16'),
    block('a', '10.244.1.0/26'),
    options('o', { mesh: true, holdTime: '9s' }),
  ]
  expect(ClusterState.fromDocuments(documents).problems).toEqual([])
})
