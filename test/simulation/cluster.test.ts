/**
 * Clusters that come up, change and lose members, in simulated time; after each story all invariants hold.
 */
import { Cluster, DEFAULT_NETWORK, mixAll, Story } from '@starling/testkit'
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

/**
 * One story again, with its script: `SEED=17 npx vitest run --project simulation -t stories`; more of them:
 * `STORIES=2000 FIRST=1000 ...`.
 */
const only = Number(process.env['SEED'] ?? 0)
const first = Number(process.env['FIRST'] ?? 1)
const count = Number(process.env['STORIES'] ?? 40)

describe('stories of trouble end well', () => {
  for (const shape of ['mesh', 'reflected', 'hierarchy'] as const) {
    for (const mixed of [false, true]) {
      it(`in a ${shape} cluster${mixed ? ' of peerings that differ in everything' : ''}`, {
        timeout: 3_600_000,
      }, () => {
        const failures: string[] = []
        for (let seed = only || first; seed < (only || first) + (only ? 1 : count); seed++) {
          const story = new Story({
            seed,
            shape: shape === 'mesh' ? 'mesh' : 'reflected',
            nodes: shape === 'mesh' ? 5 : 7,
            ...(shape === 'hierarchy' && { groups: 2, reflectors: 1 }),
            network: { ...DEFAULT_NETWORK, window: 4096 },
            ...(mixed && { mix: mixAll }),
          })
          const { script, violations } = story.run(25)
          if (violations.length > 0) failures.push(`seed ${seed}\n${violations.join('\n')}\n${script.join('\n')}`)
          if (failures.length > 2) break
        }
        expect(failures.join('\n\n')).toBe('')
      })
    }
  }
})
