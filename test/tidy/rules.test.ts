/** The rules themselves: each must refuse a small sample of what it is there for, and accept its honest neighbour. */
import { describe, expect, test } from 'vitest'
import { ROOMS, roomOf } from './rooms.js'
import {
  circles,
  headless,
  importsOf,
  impurities,
  lockHoles,
  manifestFaults,
  outOfPlace,
  resolvedUrls,
  tooLong,
  undocumented,
  unfinished,
  upwardArrows,
  wrongImports,
} from './rules.js'

const at = (path: string, text: string) => ({ path, text })

test('roomOf finds the driver before its package', () => {
  expect(roomOf('packages/datastore/src/syncer.ts')?.name).toBe('datastore')
  expect(roomOf('packages/datastore/src/etcd/index.ts')?.name).toBe('datastore/etcd')
  expect(roomOf('packages/netlink/src/socket.ts')?.name).toBe('netlink/socket')
  expect(roomOf('packages/unheard-of/src/index.ts')).toBeUndefined()
})

test('importsOf sees every form of import', () => {
  expect(
    importsOf(`import type {
  A,
} from 'a'
import 'b'
export * from './c.js'
const d = await import('d')
let e: typeof import('e')
// import { no } from 'no'
`).sort(),
  ).toEqual(['./c.js', 'a', 'b', 'd', 'e'])
})

test('circles finds files that import each other, by way of others and by types too', () => {
  const a = at('packages/x/src/a.ts', "import { b } from './in/b.js'")
  const b = at('packages/x/src/in/b.ts', "import type { C } from '../c.js'")
  const c = at('packages/x/src/c.tsx', "import { a } from './a.js'")
  expect(circles([a, b])).toEqual([])
  expect(circles([a, b, c])).toEqual([
    'packages/x/src/a.ts -> packages/x/src/in/b.ts -> packages/x/src/c.tsx -> packages/x/src/a.ts',
  ])
})

describe('wrongImports', () => {
  test.each([
    ['a pure room importing node', 'packages/engine/src/a.ts', "import 'node:fs'", /engine is pure/],
    [
      'an arrow that is not in the table',
      'packages/engine/src/a.ts',
      "import '@starling/datastore'",
      /engine may import/,
    ],
    [
      'an inner file of another package',
      'packages/engine/src/a.ts',
      "import '@starling/inet/trie'",
      /engine may import/,
    ],
    ['another package by path', 'packages/engine/src/a.ts', "import '../../inet/src/trie.js'", /leaves the package/],
    ['a relative import without .js', 'packages/engine/src/a.ts', "import './b'", /end in \.js/],
    ['a pure room importing its driver', 'packages/datastore/src/a.ts', "import './etcd/index.js'", /is a driver/],
    ['koffi outside sys', 'packages/netlink/src/a.ts', "import 'koffi'", /sys alone uses koffi/],
    ['gRPC outside etcd3', 'packages/datastore/src/etcd/a.ts', "import '@grpc/grpc-js'", /etcd3 alone/],
    ['an npm package nobody allowed', 'packages/lab/src/a.ts', "import 'left-pad'", /lab may use yaml/],
    ['a package without a room', 'packages/new/src/a.ts', '', /is in no room/],
  ])('refuses %s', (_what, path, text, reason) => {
    expect(wrongImports(at(path, text)).join()).toMatch(reason)
  })

  test.each([
    [
      'a driver using its package',
      'packages/datastore/src/etcd/a.ts',
      "import '../datastore.js'\nimport '@starling/etcd3'",
    ],
    [
      'a test beside pure code',
      'packages/engine/src/a.test.ts',
      "import 'node:fs'\nimport '@starling/testkit'\nimport 'vitest'",
    ],
    ['a product importing a driver', 'packages/daemon/src/a.ts', "import '@starling/datastore/etcd'"],
  ])('accepts %s', (_what, path, text) => {
    expect(wrongImports(at(path, text))).toEqual([])
  })
})

describe('impurities', () => {
  test.each([
    ['a clock', 'const now = Date.now()', 'Date'],
    ['a clock inside a template', ['const text = `$', '{performance.now()}`'].join(''), 'performance'],
    ['randomness', 'const chance = Math.random()', 'Math.random'],
    ['a timer', 'setTimeout(() => {}, 1)', 'setTimeout'],
    ['the process', 'if (process.env.X) {}', 'process'],
    ['output', 'console.log(1)', 'console'],
    ['a shorthand property', 'const all = { process }', 'process'],
  ])('sees %s', (_what, text, name) => {
    expect(impurities(at('a.ts', text)).join()).toContain(`uses ${name};`)
  })

  test.each([
    ['comments and text', "// Date.now()\nconst text = 'process.exit'"],
    ['members and keys', 'const a = { process: 1 }\na.process\nthis.console'],
    [
      'types',
      'export interface A { now: Date; performance?: number }\nfunction f(this: Date): Date'.replace(
        'function f(this: Date): Date',
        '',
      ),
    ],
    ['Math that is not random', 'Math.max(1, 2)'],
  ])('leaves %s alone', (_what, text) => {
    expect(impurities(at('a.ts', text))).toEqual([])
  })
})

test('upwardArrows refuses an arrow to a higher tier and to no room', () => {
  const [first] = ROOMS
  expect(upwardArrows([...ROOMS.slice(1), { ...first!, imports: ['lab'] }]).join()).toMatch(/tier 0.*may import lab/)
  expect(upwardArrows([...ROOMS.slice(1), { ...first!, imports: ['nowhere'] }]).join()).toMatch(/which is no room/)
})

test('tooLong counts lines', () => {
  expect(tooLong(at('a.ts', 'x\n'.repeat(501)))).toHaveLength(1)
  expect(tooLong(at('a.ts', 'x\n'.repeat(500)))).toEqual([])
})

test('headless wants a comment first', () => {
  expect(headless(at('a.ts', "import 'b'\n"))).toHaveLength(1)
  expect(headless(at('a.js', '#!/usr/bin/env node\n// What it is.\n'))).toEqual([])
})

test('unfinished finds markers, and switched-off tests in tests only', () => {
  expect(unfinished(at('a.ts', `// ${'TO' + 'DO'}: later`))).toHaveLength(1)
  const off = `test.${'skip'}('x', () => {})`
  expect(unfinished(at('a.test.ts', off))).toHaveLength(1)
  expect(unfinished(at('a.ts', off))).toEqual([])
})

test('outOfPlace finds machine paths and words about production, with their line', () => {
  expect(outOfPlace(at('a.md', `fine\nsee ${'/wo' + 'rk/x'}`))).toEqual([expect.stringContaining('a.md:2')])
  expect(outOfPlace(at('a.md', `a ${'language ' + 'model'} wrote`))).toHaveLength(1)
  expect(outOfPlace(at('a.md', 'homework/ and /tmp/x are fine'))).toEqual([])
})

test('resolvedUrls finds a registry', () => {
  expect(resolvedUrls(at('package-lock.json', `"resolved": "${'https' + '://x.example/x.tgz'}"`))).toHaveLength(1)
  expect(resolvedUrls(at('package-lock.json', '"resolved": "packages/engine"'))).toEqual([])
})

test('lockHoles finds an optional package that is not listed', () => {
  const lock = (packages: object) => at('l', JSON.stringify({ packages }))
  const wanted = { 'node_modules/a': { optionalDependencies: { '@a/win': '1.0.0' } } }
  expect(lockHoles(lock(wanted))).toEqual(['l: @a/win, wanted by node_modules/a, is not in it'])
  expect(lockHoles(lock({ ...wanted, 'node_modules/@a/win': {} }))).toEqual([])
})

test('manifestFaults finds missing, unused and unpinned dependencies', () => {
  const source = at('packages/a/src/a.ts', `import 'used'\n${'// filler\n'.repeat(20)}`)
  const faults = (dependencies: Record<string, string>) =>
    manifestFaults('p', { name: '@starling/a', dependencies }, [source])
  expect(faults({}).join()).toMatch(/used is imported but not among/)
  expect(faults({ used: '1.0.0', spare: '1.0.0' }).join()).toMatch(/spare is a dependency but never imported/)
  expect(faults({ used: '^1.0.0' }).join()).toMatch(/not pinned exactly/)
  expect(faults({ used: '1.0.0' })).toEqual([])
})

test('undocumented names what a page leaves out', () => {
  expect(undocumented(at('p.md', 'about alpha'), ['alpha', 'beta'])).toEqual(['p.md: says nothing of beta'])
})
