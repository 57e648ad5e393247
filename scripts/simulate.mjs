/**
 * `npm run simulate -- [nodes] [seed]`: 5,000 nodes and two reflectors in simulated time; one reflector dies and comes back.
 * Prints convergence, messages and memory. About 0.7 MB of memory a node.
 */
import { importSource } from './sources.mjs'

const nodes = Number(process.argv[2] ?? 5_000)
const seed = Number(process.argv[3] ?? 1)
if (!Number.isInteger(nodes) || nodes < 2 || !Number.isInteger(seed)) {
  console.error('usage: npm run simulate -- [nodes, 2 or more] [seed]')
  process.exit(1)
}
const { simulate } = await importSource('packages/testkit/src/index.ts', 'testkit')
const begin = performance.now()
const report = simulate({ nodes, reflectors: 2, originEvery: Math.max(1, Math.floor(nodes / 100)), seed }, (text) => {
  console.log(`${((performance.now() - begin) / 1000).toFixed(1).padStart(6)} s  ${text}`)
})
console.log(
  JSON.stringify(
    { ...report, seconds: (performance.now() - begin) / 1000, rss: process.memoryUsage.rss() },
    undefined,
    2,
  ),
)
