/** Rows by place: what is asked of one destination does not walk the table. */
import { describe, expect, test } from 'vitest'
import { countStates, routeRows } from '../index.js'
import { ip, SimHost, wanted } from '../testing.js'
import type { RowPlace } from './view.js'

async function tableOf(prefixes: readonly string[]): Promise<SimHost> {
  const host = await new SimHost().start()
  for (const prefix of prefixes) host.programmer.set(wanted(prefix, []))
  await host.run(0)
  return host
}

const place = (kind: RowPlace['kind'], prefix: string): RowPlace => {
  const [address = '', length = ''] = prefix.split('/')
  return { kind, destination: { family: 4, address: ip(address), length: Number(length) } }
}

function found(host: SimHost, at: RowPlace, first?: number): string[] {
  return [...routeRows(host.programmer.reconciler, undefined, first, at)].map(
    ({ destination }) => `${destination.address.join('.')}/${destination.length}`,
  )
}

test('rows are counted again only when something may have changed', async () => {
  const host = await tableOf(['10.1.0.0/16', '10.2.0.0/16'])
  const { reconciler } = host.programmer
  const first = countStates(reconciler)
  expect(first).toMatchObject({ installed: 2, pending: 0 })
  expect(countStates(reconciler)).toBe(first)
  host.programmer.set(wanted('10.3.0.0/16', []))
  expect(countStates(reconciler)).toMatchObject({ installed: 2, pending: 1 })
  await host.run(0)
  expect(countStates(reconciler)).toMatchObject({ installed: 3, pending: 0 })
})

describe('rows by place', () => {
  test.each<[kind: RowPlace['kind'], prefix: string, rows: string[]]>([
    ['exact', '10.1.2.0/24', ['10.1.2.0/24']],
    ['exact', '10.1.2.0/25', []],
    ['for', '10.1.2.200/32', ['10.1.2.128/25', '10.1.2.0/24', '10.1.0.0/16', '0.0.0.0/0']],
    ['for', '10.1.2.0/24', ['10.1.2.0/24', '10.1.0.0/16', '0.0.0.0/0']],
    ['for', '10.9.9.9/32', ['0.0.0.0/0']],
    ['in', '10.1.0.0/16', ['10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25']],
    ['in', '10.1.2.128/26', []],
    ['in', '10.0.0.0/7', ['10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '11.0.0.0/8']],
    ['in', '0.0.0.0/0', ['0.0.0.0/0', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '11.0.0.0/8']],
  ])('%s %s', async (kind, prefix, rows) => {
    const host = await tableOf(['0.0.0.0/0', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '11.0.0.0/8'])
    expect(found(host, place(kind, prefix)).sort()).toEqual([...rows].sort())
    if (kind === 'for') expect(found(host, place(kind, prefix))).toEqual(rows)
  })

  test('a page goes on where the last one ended', async () => {
    const host = await tableOf(['0.0.0.0/0', '10.1.0.0/16', '10.1.2.0/24'])
    const at = place('for', '10.1.2.3/32')
    const [, second] = [...routeRows(host.programmer.reconciler, undefined, undefined, at)]
    expect(found(host, at, second?.slot)).toEqual(['10.1.0.0/16', '0.0.0.0/0'])
  })

  test('one destination of fifty thousand costs no walk', async () => {
    const host = await tableOf(Array.from({ length: 50_000 }, (_, i) => `20.${i >> 8}.${i & 255}.0/24`))
    const begin = performance.now()
    for (let i = 0; i < 1000; i++) found(host, place('exact', `20.${i >> 8}.${i & 255}.0/24`))
    // A walk of the table takes tens of milliseconds, and these are a thousand.
    expect(performance.now() - begin).toBeLessThan(2000)
  })
})
