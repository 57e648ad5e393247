/**
 * Five hundred nodes behind two reflectors: cold start, the loss of a reflector, its return.
 */
import { Cluster, DEFAULT_NETWORK } from '@starling/testkit'
import { expect, it } from 'vitest'

it('500 nodes and 2 reflectors converge, lose a reflector without losing a route, and take it back', () => {
  const cluster = new Cluster({
    seed: 1,
    shape: 'reflected',
    nodes: 500,
    network: { ...DEFAULT_NETWORK, chunking: false },
    node: { workDelay: 2, workLimit: 4096 },
  })
  // A route of every fifth node: enough to reach everybody from everywhere, cheap enough for every run of the tests.
  for (const [index, address] of cluster.clients().entries()) {
    if (index % 5 !== 0) continue
    cluster.announce(address, `10.100.${index >> 6}.${(index & 63) * 4}/30`)
  }
  expect(cluster.settle(10_000, 100)).toBe(true)
  const established = () =>
    cluster.nodes
      .get('10.200.0.2')
      ?.engine.peers()
      .filter((peer) => peer.state === 'Established')
  expect(established()).toHaveLength(501)

  cluster.node('10.200.0.1').kill()
  cluster.clock.run(2_000)
  expect(cluster.allDifferences()).toEqual([])
  expect(established()).toHaveLength(500)

  cluster.revive('10.200.0.1', false)
  cluster.clock.run(30_000)
  expect(cluster.allDifferences()).toEqual([])
  expect(established()).toHaveLength(501)
  for (const [address, node] of cluster.nodes) {
    expect(node.engine.audit(), address).toEqual([])
    expect(node.engine.internalErrors, address).toBe(0)
  }
  // Nobody but the one that died lost a session.
  const falls = cluster.events('session-state').filter(({ from }) => from === 'Established')
  expect(falls.every(({ peer }) => peer === '10.200.0.1')).toBe(true)
})
