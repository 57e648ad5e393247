import { defineConfig } from 'vitest/config'

// Tests run from the TypeScript sources: the condition below is the first entry of every package's export map.
const conditions = ['@starling/source', 'node', 'import', 'module', 'default']
const shared = { resolve: { conditions }, ssr: { resolve: { conditions } } }

/** One project per layer of design section 8; `npm test` runs them in this order. */
const layers: Record<string, { include: string[]; parallel: boolean; timeout: number }> = {
  unit: { include: ['packages/*/src/**/*.test.ts'], parallel: true, timeout: 20_000 },
  tidy: { include: ['test/tidy/**/*.test.ts'], parallel: true, timeout: 60_000 },
  simulation: { include: ['test/simulation/**/*.test.ts'], parallel: true, timeout: 180_000 },
  interop: { include: ['test/interop/**/*.test.ts'], parallel: false, timeout: 120_000 },
  kernel: { include: ['test/kernel/**/*.test.ts'], parallel: false, timeout: 120_000 },
  web: { include: ['test/web/**/*.test.ts'], parallel: false, timeout: 120_000 },
  system: { include: ['test/system/**/*.test.ts'], parallel: false, timeout: 240_000 },
}

export default defineConfig({
  test: {
    projects: Object.entries(layers).map(([name, { include, parallel, timeout }]) => ({
      ...shared,
      test: {
        name,
        include,
        fileParallelism: parallel,
        testTimeout: timeout,
        hookTimeout: timeout,
        pool: 'forks' as const,
      },
    })),
  },
})
