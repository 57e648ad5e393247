/**
 * BGPFilter's `interface` on BGP routes (calico.md 1.6): the device behind the next hop, told by whoever resolves it. It
 * may change under a route, and import and export follow.
 */
import { describe, expect, test } from 'vitest'
import type { PolicyTerm } from '../policy/types.js'
import { settle, TestHost } from './harness.js'
import { BODY, syntheticConfig, syntheticSession, updateMessages } from './synthetic.js'
import { RibTables } from './tables.js'

const why = { resource: 'BGPFilter/f', rule: 'interface' }
const over = (glob: string, verdict: 'accept' | 'reject'): PolicyTerm => ({
  why,
  conditions: [{ kind: 'interface', globs: [glob] }],
  actions: [],
  verdict,
})
const PREFIX = '192.0.2.0/24'
const HOP = '10.7.7.7'

function setUp(policies: { importPolicy?: readonly PolicyTerm[]; exportPolicy?: readonly PolicyTerm[] }) {
  const host = new TestHost()
  const tables = new RibTables(syntheticConfig({ nextHopResolution: 'tracked' }), host, { hashSeed: 3 })
  const { importPolicy = [], exportPolicy = [] } = policies
  host.up(tables, syntheticSession(0, { config: { routeReflectorClient: true, importPolicy } }), 0)
  host.up(tables, syntheticSession(1, { config: { routeReflectorClient: true, exportPolicy } }), 1)
  settle(tables)
  for (const bytes of updateMessages({ announce: [PREFIX], nextHop: HOP, asPath: '65001' }))
    tables.update(0, bytes, BODY, bytes.length, 0)
  settle(tables)
  const resolved = (device: string | undefined, reachable = true): void => {
    tables.nextHopChanged(HOP, reachable, 0, 0, device)
    settle(tables)
    expect(tables.audit()).toEqual([])
  }
  const told = (): boolean => host.told[1]?.has(PREFIX) === true
  return { host, resolved, told }
}

describe('a rule with `interface`', () => {
  test('on export sees the device behind the next hop, and its change', () => {
    const { host, resolved, told } = setUp({ exportPolicy: [over('eth1', 'reject')] })
    expect([...host.tracked]).toEqual([HOP])
    resolved('eth0')
    expect(told()).toBe(true)
    resolved('eth1')
    expect(told()).toBe(false)
    resolved('eth0')
    expect(told()).toBe(true)
  })

  test('on import refuses the route and lets it in again when the next hop moves', () => {
    const { host, resolved, told } = setUp({ importPolicy: [over('eth1', 'reject')] })
    resolved('eth1')
    expect(host.kernel.has(PREFIX)).toBe(false)
    expect(told()).toBe(false)
    resolved('eth0')
    expect(host.kernel.has(PREFIX)).toBe(true)
    expect(told()).toBe(true)
  })

  test('does not match a route whose device nobody told', () => {
    const { resolved, told } = setUp({ exportPolicy: [over('*', 'reject')] })
    resolved(undefined)
    expect(told()).toBe(true)
    resolved('eth0')
    expect(told()).toBe(false)
  })

  test('a policy without one looks at no device', () => {
    const { resolved, told } = setUp({})
    resolved('eth0')
    resolved('eth1')
    expect(told()).toBe(true)
  })
})
