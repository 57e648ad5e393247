/**
 * `npm run fuzz -- [inputs] [seed]`: the codec's fuzzer, ten million inputs by default.
 *
 * Bundles the sources, runs with a garbage collector it can call, and reports inputs per second, verdicts reached, and the heap at
 * the beginning and at the end, so that a leak shows. Exit code 1 on any finding, with the input to reproduce it.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { importSource } from './sources.mjs'
import { root } from './steps.mjs'

if (globalThis.gc === undefined) {
  const child = spawnSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  process.exit(child.status ?? 1)
}

const inputs = Number(process.argv[2] ?? 10_000_000)
const seed = Number(process.argv[3] ?? 20261122)
const { runFuzz } = await importSource('packages/bgp-packet/src/fuzz/fuzz.ts', 'fuzz')

const folder = join(root, 'packages/bgp-packet/vectors')
const vectors = readdirSync(folder)
  .filter((name) => name.endsWith('.jsonl'))
  .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'))
  .map((line) => Uint8Array.from(Buffer.from(JSON.parse(line).hex, 'hex')))

const heap = () => {
  globalThis.gc()
  return process.memoryUsage().heapUsed / 1e6
}
runFuzz(50_000, seed, vectors)
const before = heap()
const started = performance.now()
let last = started
let slowest = 0
const result = runFuzz(inputs, seed, vectors, (done) => {
  const now = performance.now()
  slowest = Math.max(slowest, now - last)
  last = now
  if (done > 0 && done % 1_000_000 === 0) {
    const rate = done / ((now - started) / 1000)
    console.log(`${done} inputs, ${Math.round(rate)}/s, heap ${heap().toFixed(1)} MB`)
  }
})
const after = heap()
const seconds = (performance.now() - started) / 1000
const [accept, discard, withdraw, reset] = result.verdicts
console.log(`${result.inputs} inputs, seed ${seed}, ${vectors.length} vectors as seeds, ${seconds.toFixed(1)} s`)
console.log(
  `engine road: accept ${accept}, attribute-discard ${discard}, treat-as-withdraw ${withdraw}, reset ${reset}`,
)
console.log(
  `heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after; slowest 100,000 inputs ${slowest.toFixed(0)} ms`,
)
for (const finding of result.findings) console.log(JSON.stringify(finding))
console.log(`findings: ${result.findings.length}`)
process.exit(result.findings.length === 0 ? 0 : 1)
