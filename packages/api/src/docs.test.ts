import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { errorsPage, metricsPage } from './docs.js'
import { BIRD_EXPORTER_METRICS } from './metrics/bird-exporter.js'
import { EVENT_METRICS, METRICS } from './metrics/catalogue.js'

const pages = [
  ['metrics.md', metricsPage()],
  ['errors.md', errorsPage()],
] as const

describe('the catalogues in docs/ (UPDATE=1 rewrites them)', () => {
  test.each(pages)('%s says what the code says', (name, expected) => {
    const file = new URL(`../../../docs/${name}`, import.meta.url)
    if (process.env['UPDATE'] === '1') writeFileSync(file, expected)
    expect(readFileSync(file, 'utf8')).toBe(expected)
  })

  test('no cell can break its table', () => {
    for (const [, text] of pages) for (const line of text.split('\n')) expect(line).not.toMatch(/undefined|\[object/)
  })
})

describe('metric names', () => {
  const all = [...METRICS, ...BIRD_EXPORTER_METRICS, ...Object.values(EVENT_METRICS)]
  test('are unique and in Prometheus form', () => {
    const names = all.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^(starling|bird)_[a-z0-9_]+$/)
  })

  test('of ours: counters end in _total, nothing else does', () => {
    for (const { name, type } of all.filter((metric) => metric.name.startsWith('starling_'))) {
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter'])
    }
  })
})
