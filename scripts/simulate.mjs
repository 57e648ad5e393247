/**
 * `npm run simulate -- [nodes] [--groups N] [--reflectors N] [--every N] [--seed N]`: thousands of nodes behind reflectors
 * in simulated time; one reflector dies and comes back. Prints convergence, messages and memory. Without arguments: 5,000
 * nodes in five groups. About 0.6 MB of memory a node, and 80 octets for every route a node holds.
 */
import { parseArgs } from 'node:util'
import { importSource } from './sources.mjs'

const number = (text, least) => (Number.isInteger(Number(text)) && Number(text) >= least ? Number(text) : undefined)

function options() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      groups: { type: 'string' },
      reflectors: { type: 'string', default: '2' },
      every: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
    },
  })
  const nodes = number(positionals[0] ?? 5_000, 2)
  return {
    nodes,
    groups: number(values.groups ?? (nodes > 1_000 ? Math.ceil(nodes / 1_000) : 1), 1),
    reflectors: number(values.reflectors, 1),
    originEvery: number(values.every, 1),
    seed: number(values.seed, 0),
  }
}

let wanted
try {
  wanted = options()
} catch (error) {
  console.error(error.message)
}
if (wanted === undefined || Object.values(wanted).includes(undefined)) {
  console.error('usage: npm run simulate -- [nodes, 2 or more] [--groups N] [--reflectors N] [--every N] [--seed N]')
  process.exit(1)
}
const { simulate } = await importSource('packages/testkit/src/index.ts', 'testkit')
const begin = performance.now()
const report = simulate(wanted, (text) => {
  const rss = (process.memoryUsage.rss() / 1048576).toFixed(0)
  console.log(`${((performance.now() - begin) / 1000).toFixed(1).padStart(6)} s  ${rss.padStart(5)} MB  ${text}`)
})
const seconds = (performance.now() - begin) / 1000
console.log(JSON.stringify({ ...report, seconds, rss: process.memoryUsage.rss() }, undefined, 2))
