/**
 * Dashboards and alert rules ask for metrics and labels that exist: a renamed metric must not leave an empty panel or a
 * silent alert behind.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { EVENT_METRICS, METRICS } from './metrics/catalogue.js'
import { Metrics } from './metrics/registry.js'
import { fakeDaemon } from './testing/index.js'

const deploy = new URL('../../../deploy/', import.meta.url)
const files = ['grafana', 'prometheus'].flatMap((folder) =>
  readdirSync(new URL(folder, deploy)).map((name) => `${folder}/${name}`),
)
const textOf = (name: string): string => readFileSync(new URL(name, deploy), 'utf8')

/** Labels that Prometheus adds, and that of histograms. */
const EVERYWHERE = ['instance', 'job', 'le']
const known = new Map([...METRICS, ...Object.values(EVENT_METRICS)].map(({ name, labels }) => [name, labels]))
const base = (name: string): string => (known.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''))

/** Of prom-client: process_* and nodejs_*. */
async function processMetrics(): Promise<Set<string>> {
  const metrics = new Metrics({ ports: fakeDaemon(), policy: { kind: 'any' } })
  const text = await metrics.text()
  metrics.close()
  return new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1] as string))
}

test('there are dashboards for the cluster, the node, the reflector and the ToR, and rules', () => {
  const names = ['cluster', 'node', 'reflector', 'tor'].map((name) => `grafana/starling-${name}.json`)
  expect(files).toEqual(expect.arrayContaining([...names, 'prometheus/starling.rules.yaml']))
})

describe.each(files.filter((name) => /\.(json|yaml)$/.test(name)))('%s', (name) => {
  const text = textOf(name).replaceAll('\\"', '"')

  test('every metric exists', async () => {
    const used = [...text.matchAll(/\b((?:starling|process|nodejs)_[a-z0-9_]+)\b/g)].map((match) => match[1] as string)
    const others = await processMetrics()
    expect(used.length).toBeGreaterThan(3)
    expect([...new Set(used)].filter((each) => !known.has(base(each)) && !others.has(each))).toEqual([])
  })

  test('every label that selects or groups belongs to its metric', () => {
    const wrong: string[] = []
    for (const [, metric = '', matchers = ''] of text.matchAll(/\b(starling_[a-z0-9_]+)\{([^}]*)\}/g)) {
      for (const [, label = ''] of matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)) {
        if (![...EVERYWHERE, ...(known.get(base(metric)) ?? [])].includes(label)) wrong.push(`${metric} ${label}`)
      }
    }
    expect(wrong).toEqual([])
  })
})

describe.each(files.filter((name) => name.endsWith('.json')))('%s', (name) => {
  const board = JSON.parse(textOf(name)) as {
    uid: string
    panels: { id: number; title: string; gridPos: { x: number; w: number }; targets?: { expr: string }[] }[]
  }

  test('is whole: its uid is its name, panels differ and fit, each has a question', () => {
    expect(`grafana/${board.uid}.json`).toBe(name)
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length)
    for (const { title, gridPos, targets } of board.panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true])
      for (const { expr } of targets ?? []) expect([title, expr.length > 0]).toEqual([title, true])
    }
  })
})
