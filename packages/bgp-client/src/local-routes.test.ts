import type { LocalRoute } from '@starling/engine'
import type { KernelRoute, ObservedRoute } from '@starling/route-programmer'
import { beforeEach, describe, expect, it } from 'vitest'
import { LocalRoutes } from './local-routes.js'

let calls: string[]
let routes: LocalRoutes

beforeEach(() => {
  calls = []
  routes = new LocalRoutes({
    setLocalRoute: (route) => calls.push(`set ${route.source} ${route.prefix} metric ${route.metric ?? '-'}`),
    removeLocalRoute: (source, prefix) => calls.push(`remove ${source} ${prefix}`),
  })
})

const block = (prefix: string): LocalRoute => ({
  prefix,
  source: 'static',
  target: { kind: 'blackhole' },
  label: 'own block',
})

function observed(removed: boolean, last: number, metric: number, options: Partial<KernelRoute> = {}): ObservedRoute {
  return {
    removed,
    device: 'cali1',
    route: {
      destination: { family: 4, address: Uint8Array.of(10, 244, 1, last), length: 32 },
      kind: 'unicast',
      table: 254,
      metric,
      protocol: 3,
      scope: 253,
      nextHops: [{ ifindex: 4, onlink: false, weight: 1 }],
      ...options,
    },
  }
}

describe('routes of the plan', () => {
  it('reach the engine once, however often the same plan comes', () => {
    routes.plan([block('10.244.1.0/26')])
    routes.plan([block('10.244.1.0/26')])
    expect(calls).toEqual(['set static 10.244.1.0/26 metric -'])
  })

  it('are added before others are removed', () => {
    routes.plan([block('10.244.1.0/26')])
    calls = []
    routes.plan([block('10.244.2.0/26')])
    expect(calls).toEqual(['set static 10.244.2.0/26 metric -', 'remove static 10.244.1.0/26'])
  })
})

describe('routes of the kernel', () => {
  it('become kernel routes of the engine with their interface and metric', () => {
    routes.observe([observed(false, 7, 1024)])
    expect(calls).toEqual(['set kernel 10.244.1.7/32 metric 1024'])
  })

  it('of protocol kernel without a gateway are connected prefixes', () => {
    routes.observe([observed(false, 0, 0, { protocol: 2 })])
    expect(calls).toEqual(['set direct 10.244.1.0/32 metric 0'])
  })

  it('stay while another metric still holds the prefix, which is then the one in force', () => {
    routes.observe([observed(false, 7, 1024), observed(false, 7, 512)])
    calls = []
    routes.observe([observed(true, 7, 512)])
    expect(calls).toEqual(['set kernel 10.244.1.7/32 metric 1024'])
    calls = []
    routes.observe([observed(true, 7, 1024)])
    expect(calls).toEqual(['remove kernel 10.244.1.7/32'])
  })

  it('that are link-local belong to their link alone', () => {
    const destination = { family: 6 as const, address: Uint8Array.of(0xfe, 0x80, ...new Array(14).fill(0)), length: 64 }
    routes.observe([observed(false, 0, 256, { destination })])
    expect(calls).toEqual([])
  })

  it('that lead nowhere are none of ours', () => {
    routes.observe([observed(false, 7, 1024, { kind: 'blackhole', nextHops: [] })])
    expect(calls).toEqual([])
  })
})
