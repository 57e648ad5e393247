/**
 * Clusters that come up, change and lose members, in simulated time; after each story all invariants hold.
 */
import { Cluster, DEFAULT_NETWORK, Story } from '@starling/testkit'
import { describe, expect, it } from 'vitest'

function started(options: ConstructorParameters<typeof Cluster>[0]): Cluster {
  const cluster = new Cluster(options)
  cluster.clients().forEach((address, index) => {
    cluster.announce(address, `10.100.${index >> 6}.${(index & 63) * 4}/30`)
  })
  return cluster
}

describe('a cluster converges', () => {
  it('as a full mesh of ten', () => {
    const cluster = started({ seed: 1, shape: 'mesh', nodes: 10 })
    expect(cluster.settle(30_000)).toBe(true)
    cluster.clock.run(5_000)
    expect(cluster.violations()).toEqual([])
  })

  it('behind a pair of reflectors', () => {
    const cluster = started({ seed: 2, shape: 'reflected', nodes: 20 })
    expect(cluster.settle(30_000)).toBe(true)
    cluster.clock.run(5_000)
    expect(cluster.violations()).toEqual([])
  })
})

/** `SEED=17 npx vitest run --project simulation -t stories` tells one story again, with its script. */
const only = Number(process.env['SEED'] ?? 0)

describe('a hierarchy of reflectors', () => {
  it('converges, survives the loss of a reflector of either level, and never sends a route round in a circle', () => {
    const cluster = started({ seed: 3, shape: 'reflected', nodes: 24, groups: 3 })
    expect(cluster.reflectors()).toHaveLength(8)
    expect(cluster.settle(30_000)).toBe(true)
    for (const lost of [cluster.top()[0] ?? '', cluster.reflectorsOfGroup(1)[0] ?? '']) {
      cluster.node(lost).kill()
      cluster.clock.run(200_000)
      expect(cluster.allDifferences(), `without ${lost}`).toEqual([])
      cluster.revive(lost, false)
      expect(cluster.settle(60_000)).toBe(true)
    }
    cluster.clock.run(400_000)
    expect(cluster.violations()).toEqual([])
  })
})

describe('stories of trouble end well', () => {
  for (const shape of ['mesh', 'reflected'] as const) {
    it(`in a ${shape} cluster, for sixty seeds`, () => {
      for (let seed = only || 1; seed <= (only || 60); seed++) {
        const story = new Story({
          seed,
          shape,
          nodes: shape === 'mesh' ? 5 : 7,
          network: { ...DEFAULT_NETWORK, window: 4096 },
        })
        const { script, violations } = story.run(25)
        expect(violations, `seed ${seed}\n${script.join('\n')}`).toEqual([])
      }
    })
  }
})
