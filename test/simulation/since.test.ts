/** How long a session has been down, whatever its attempts do meanwhile. */
import { Cluster } from '@starling/testkit'
import { expect, it } from 'vitest'

it('a lost session is down since it was lost, however often it tries again', () => {
  const cluster = new Cluster({ seed: 1, shape: 'reflected', nodes: 3 })
  cluster.clock.run(30_000)
  const client = cluster.node(cluster.clients()[0] ?? '')
  const peer = () => client.engine.peers().find(({ key }) => key === '10.200.0.1')
  expect(peer()?.state).toBe('Established')

  cluster.node('10.200.0.1').kill()
  cluster.clock.run(5_000)
  const since = peer()?.since
  const tried = cluster.events('session-state').length
  cluster.clock.run(60_000)
  expect(cluster.events('session-state').length).toBeGreaterThan(tried)
  expect(peer()?.state).not.toBe('Established')
  expect(peer()?.since).toBe(since)

  cluster.revive('10.200.0.1', false)
  cluster.clock.run(60_000)
  expect(peer()?.state).toBe('Established')
  expect(peer()?.since).toBeGreaterThan(since ?? 0)
})
