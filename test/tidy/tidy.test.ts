/**
 * The order of the house, checked over every file: who imports whom, what pure code may name, sizes, leftovers, the lock
 * file, and that the documents mention what exists. The rules are in rules.ts, the table of rooms in rooms.ts.
 */
import { describe, expect, test } from 'vitest'
import { exists, filesLike, packageNames, read } from './files.js'
import { ROOMS, roomOf } from './rooms.js'
import {
  circles,
  headless,
  impurities,
  isTest,
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

const inPackages = filesLike(/^packages\/[^/]+\/src\/.*\.tsx?$/)
const code = filesLike(/^(packages|test|bench|scripts)\/.*\.(tsx?|mts|mjs|js)$|^[^/]+\.ts$/)
const everything = filesLike(/./)

describe('layers', () => {
  test('the table of rooms points downwards', () => {
    expect(upwardArrows()).toEqual([])
  })

  test('every package has a room', () => {
    const rooms = new Set(ROOMS.map(({ name }) => name))
    expect(packageNames.filter((name) => !rooms.has(name))).toEqual([])
  })

  test('every import follows an arrow of the table', () => {
    expect(inPackages.flatMap(wrongImports)).toEqual([])
  })

  test('no files import each other in a circle', () => {
    expect(circles(inPackages.filter(({ path }) => !isTest(path)))).toEqual([])
  })

  test('pure rooms name no clock, no randomness and no I/O', () => {
    const pure = inPackages.filter(({ path }) => roomOf(path)?.pure === true && !isTest(path))
    expect(pure.length).toBeGreaterThan(50)
    expect(pure.flatMap(impurities)).toEqual([])
  })

  test.each(packageNames)('the dependencies of %s are those it imports, pinned exactly', (name) => {
    const path = `packages/${name}/package.json`
    const own = inPackages.filter((file) => file.path.startsWith(`packages/${name}/`))
    expect(manifestFaults(path, JSON.parse(read(path).text), own)).toEqual([])
  })

  test.each(packageNames)('the project references of %s are its workspace dependencies', (name) => {
    const { references = [] } = JSON.parse(read(`packages/${name}/tsconfig.json`).text) as {
      references?: { path: string }[]
    }
    const { dependencies = {} } = JSON.parse(read(`packages/${name}/package.json`).text) as { dependencies?: object }
    const stated = Object.keys(dependencies).flatMap((each) => (each.startsWith('@starling/') ? [each.slice(10)] : []))
    expect(references.map(({ path }) => path.replace('../', '')).sort()).toEqual(stated.sort())
  })
})

describe('files', () => {
  test('none is longer than the limit', () => {
    expect(code.flatMap(tooLong)).toEqual([])
  })

  test('sources begin by saying what they are', () => {
    const sources = inPackages.filter(({ path, text }) => !isTest(path) && text.length > 100)
    expect(sources.flatMap(headless)).toEqual([])
  })

  test('nothing is left unfinished or switched off', () => {
    expect(code.flatMap(unfinished)).toEqual([])
  })

  test('no file names a path of one machine or how it was produced', () => {
    expect(everything.flatMap(outOfPlace)).toEqual([])
  })

  test('the lock file names no registry and lacks nothing that npm ci asks for', () => {
    expect(resolvedUrls(read('package-lock.json'))).toEqual([])
    expect(lockHoles(read('package-lock.json'))).toEqual([])
  })
})

describe('documents', () => {
  const architecture = read('ARCHITECTURE.md')

  test('ARCHITECTURE.md names every package', () => {
    expect(
      undocumented(
        architecture,
        packageNames.map((name) => `\`${name}\``),
      ),
    ).toEqual([])
  })

  test('ARCHITECTURE.md names every runtime dependency with its version and who uses it', () => {
    const pinned = packageNames.flatMap((name) => {
      const { dependencies = {} } = JSON.parse(read(`packages/${name}/package.json`).text)
      return Object.entries(dependencies).flatMap(([each, version]) =>
        each.startsWith('@starling/') ? [] : [`${each} ${version}: ${name}`],
      )
    })
    // A row may stand for several; `@fastify/swagger` is the api's alone, in the row of fastify.
    const told = [...architecture.text.matchAll(/^\| ((?:@?[a-z0-9/-]+ \d[^|,]*,? ?)+)\| (`[^|]+) \|/gm)].flatMap(
      ([, packages = '', users = '']) =>
        packages
          .split(',')
          .flatMap((each) => [...users.matchAll(/`([a-z0-9-]+)/g)].map(([, user]) => `${each.trim()}: ${user}`)),
    )
    expect(pinned.filter((each) => !told.includes(each))).toEqual([])
    expect(told.filter((each) => !pinned.includes(each) && !each.startsWith('@fastify/swagger '))).toEqual([])
  })

  test('ARCHITECTURE.md names every development dependency', () => {
    const names = Object.keys(JSON.parse(read('package.json').text).devDependencies)
    expect(
      undocumented(
        architecture,
        names.filter((name) => !name.startsWith('@types/')),
      ),
    ).toEqual([])
  })

  test('every metric and every error code of the API is in its catalogue page', () => {
    const literals = (pattern: RegExp) =>
      filesLike(/^packages\/api\/src\/.*\.ts$/)
        .filter(({ path }) => !isTest(path))
        .flatMap(({ text }) => [...text.matchAll(pattern)].map((match) => match[1] as string))
    const pages: [string, RegExp][] = [
      ['docs/metrics.md', /'(starling_[a-z0-9_]+)'/g],
      ['docs/errors.md', /\b(API_[A-Z_]+)\b/g],
    ]
    for (const [page, pattern] of pages)
      if (exists(page)) expect(undocumented(read(page), literals(pattern))).toEqual([])
  })
})
