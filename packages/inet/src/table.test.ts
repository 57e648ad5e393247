import { expect, test } from 'vitest'
import { Prefix, type PrefixTable, PrefixTable4, PrefixTable6, PrefixTrie } from './index.js'

/** A small generator of its own, so that a failure is a seed. */
function random(seed: number): (below: number) => number {
  let s = seed >>> 0
  return (below) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return Math.floor((s / 4294967296) * below)
  }
}

function randomPrefix(next: (below: number) => number, octets: number): Prefix {
  const bytes = new Uint8Array(octets)
  // Few distinct values, so that prefixes repeat.
  for (let i = 0; i < octets; i++) bytes[i] = next(4) * 64
  return Prefix.from(bytes, next(octets * 8 + 1)) ?? Prefix.host(bytes)
}

const tables: [string, () => PrefixTable, number][] = [
  ['ipv4', () => new PrefixTable4(7), 4],
  ['ipv6', () => new PrefixTable6(7), 16],
]

test.each(tables)(
  '%s: interning, finding and releasing agrees with a Map over 15,000 operations',
  (_, make, octets) => {
    const table = make()
    const model = new Map<string, number>()
    const next = random(octets)
    for (let i = 0; i < 15_000; i++) {
      const prefix = randomPrefix(next, octets)
      const key = String(prefix)
      const known = model.get(key)
      expect(table.find(prefix.bytes, 0, prefix.length)).toBe(known ?? 0)
      if (known !== undefined && next(2) === 0) {
        table.release(known)
        model.delete(key)
      } else {
        const id = table.intern(prefix.bytes, 0, prefix.length)
        if (known !== undefined) expect(id).toBe(known)
        model.set(key, id)
      }
    }
    expect(table.size).toBe(model.size)
    for (const [key, id] of model) expect(table.text(id)).toBe(key)
    expect(new Set(model.values()).size).toBe(model.size)
  },
)

test.each(tables)('%s: NLRI octets round trip, with host bits of the input ignored', (_, make, octets) => {
  const table = make()
  const out = new Uint8Array(17)
  for (let length = 0; length <= octets * 8; length++) {
    const dirty = new Uint8Array(octets).fill(0xff)
    const id = table.intern(dirty, 0, length)
    expect(table.writeNlri(id, out, 0)).toBe(1 + Math.ceil(length / 8))
    expect(table.find(out, 1, length)).toBe(id)
    expect(table.text(id)).toBe(String(Prefix.from(dirty, length)))
  }
})

test.each(tables)('%s: a full table takes the ids of prefixes it is told are spare', (_, make, octets) => {
  const table = make()
  const next = random(5)
  const spare: number[] = []
  table.reclaim = () => spare.shift() ?? 0
  const model = new Map<string, number>()
  for (let i = 0; i < 5000; i++) {
    const prefix = randomPrefix(next, octets)
    const id = table.intern(prefix.bytes, 0, prefix.length)
    for (const [key, known] of model) if (known === id && key !== String(prefix)) model.delete(key)
    model.set(String(prefix), id)
    if (model.size > 20) {
      const [[key, old]] = model
      model.delete(key)
      if (old !== id) spare.push(old)
      else model.set(key, old)
    }
    const at = spare.indexOf(id)
    if (at >= 0) spare.splice(at, 1)
  }
  for (const [key, id] of model) expect(table.text(id)).toBe(key)
  expect(table.limit).toBeLessThan(40)
})

test('releasing an id twice is refused', () => {
  const table = new PrefixTable4(1)
  const id = table.intern(Uint8Array.of(10), 0, 8)
  table.release(id)
  expect(table.isLive(id)).toBe(false)
  expect(() => table.release(id)).toThrow('twice')
})

test.each([4, 16])('the trie finds what a scan over all prefixes finds (%i octets)', (octets) => {
  const trie = new PrefixTrie()
  const model = new Map<string, { prefix: Prefix; value: number }>()
  const next = random(99)
  for (let i = 1; i < 400; i++) {
    const prefix = randomPrefix(next, octets)
    if (next(4) === 0) {
      expect(trie.delete(prefix)).toBe(model.get(String(prefix))?.value ?? 0)
      model.delete(String(prefix))
    } else {
      trie.set(prefix, i)
      model.set(String(prefix), { prefix, value: i })
    }
    const address = randomPrefix(next, octets).bytes
    let best: { prefix: Prefix; value: number } | undefined
    for (const row of model.values())
      if (row.prefix.containsAddress(address) && row.prefix.length >= (best?.prefix.length ?? 0)) best = row
    expect(trie.longest(address)).toBe(best?.value ?? 0)
  }
  expect(trie.size).toBe(model.size)
})
