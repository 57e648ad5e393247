import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Tests run from the TypeScript sources: the condition below is the first entry of every package's export map.
const conditions = ['@starling/source', 'node', 'import', 'module', 'default']
const shared = { resolve: { conditions }, ssr: { resolve: { conditions } } }

/** What computes takes every processor; vitest by itself leaves one free, which is half of a small machine. */
const ALL = availableParallelism()
/** What waits for daemons and timers: each file has namespaces, addresses and folders of its own. */
const WAITING = 3
/** What starts whole clusters, ready in seconds, and then mostly waits, too. */
const HEAVY = 2
/** What counts lost packets in milliseconds, or frames of a browser. */
const ALONE = 1

/**
 * One project per layer of design section 8, with how many of its files run at once; `npm test` runs them in this order.
 * The limits are for what hangs: waits end when what they wait for is there, and a slow or busy machine may take many
 * times as long as usual.
 */
const layers: Record<string, { include: string[]; workers: number; timeout: number }> = {
  unit: { include: ['packages/*/src/**/*.test.ts'], workers: ALL, timeout: 120_000 },
  tidy: { include: ['test/tidy/**/*.test.ts'], workers: ALL, timeout: 120_000 },
  simulation: { include: ['test/simulation/**/*.test.ts'], workers: ALL, timeout: 300_000 },
  interop: { include: ['test/interop/**/*.test.ts'], workers: WAITING, timeout: 300_000 },
  kernel: { include: ['test/kernel/**/*.test.ts'], workers: ALONE, timeout: 300_000 },
  web: { include: ['test/web/**/*.test.ts'], workers: ALONE, timeout: 300_000 },
  system: { include: ['test/system/**/*.test.ts'], workers: HEAVY, timeout: 600_000 },
}

export default defineConfig({
  test: {
    projects: Object.entries(layers).map(([name, { include, workers, timeout }], order) => ({
      ...shared,
      test: {
        name,
        include,
        setupFiles: ['test/support/chance.ts'],
        maxWorkers: workers,
        // Layers one after the other where several run in one go.
        sequence: { groupOrder: order },
        testTimeout: timeout,
        hookTimeout: timeout,
        // Its own default is one second, less than one start of the command takes on a busy machine.
        expect: { poll: { timeout: 90_000, interval: 50 } },
        pool: 'forks' as const,
      },
    })),
  },
})
