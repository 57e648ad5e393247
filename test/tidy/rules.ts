/**
 * The rules, each a pure function of one file (path and text) or of one document: the list of what is wrong, empty when
 * all is well. The tests feed them the repository; `rules.test.ts` feeds them small samples that must fail.
 */
import { dirname, join } from 'node:path'
import { parseAst } from 'vitest/node'
import { ROOMS, type Room, roomOf, SOLE_USERS, TEST_EXTERNAL, TEST_IMPORTS } from './rooms.js'

export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** Longest source or test file. */
export const LINE_LIMIT = 500

const IMPORTS = [
  /^(?:import|export)\b[^;'"]*?\bfrom\s+['"]([^'"]+)['"]/gm,
  /^import\s+['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
]

/** Module names of every static, dynamic and type import. */
export function importsOf(text: string): string[] {
  return IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] as string))
}

/** Compliance suites are tests that live in a package: whoever has a driver runs them under vitest. */
export const isTest = (path: string): boolean => /\.test\.tsx?$/.test(path)
const forTests = (path: string): boolean => isTest(path) || path.includes('/src/compliance/')

/** Who imports whom: every import of a file inside packages/ against the table of rooms. */
export function wrongImports({ path, text }: SourceFile): string[] {
  const room = roomOf(path)
  if (room === undefined) return [`${path}: is in no room of test/tidy/rooms.ts`]
  return importsOf(text).flatMap((target) => {
    const fault = importFault(room, path, target)
    return fault === undefined ? [] : [`${path}: imports ${target}: ${fault}`]
  })
}

function importFault(room: Room, path: string, target: string): string | undefined {
  const test = isTest(path)
  if (target.startsWith('.')) return relativeFault(room, path, target)
  if (target.startsWith('node:')) return room.pure && !test ? `${room.name} is pure` : undefined
  if (target.startsWith('@starling/')) {
    const name = target.slice('@starling/'.length)
    const own = room.name.split('/')[0]
    if (test && (name.split('/')[0] === own || (TEST_IMPORTS as readonly string[]).includes(name))) return undefined
    return room.imports.includes(name) ? undefined : `${room.name} may import ${room.imports.join(', ') || 'nothing'}`
  }
  const external = target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : (target.split('/')[0] as string)
  const sole = SOLE_USERS[external]
  if (sole !== undefined && sole !== room.name) return `${sole} alone uses ${external}`
  if (room.external.includes(external) || (test && (TEST_EXTERNAL as readonly string[]).includes(external)))
    return undefined
  return `${room.name} may use ${room.external.join(', ') || 'no npm package'}`
}

/** Inside a package: never out of it, and never from a pure room into a driver. */
function relativeFault(room: Room, path: string, target: string): string | undefined {
  if (!/\.(js|json|css)$/.test(target)) return 'relative imports end in .js'
  const file = join(dirname(path), target).replace(/\.js$/, '.ts')
  const other = roomOf(file)
  if (other === undefined || other.name.split('/')[0] !== room.name.split('/')[0]) return 'leaves the package'
  if (isTest(path) || other === room) return undefined
  return room.pure && !other.pure ? `${room.name} is pure, ${other.name} is a driver` : undefined
}

/**
 * Circles of files that import each other, types included: each as its files in order. A file belongs where one can read it
 * after those it needs.
 */
export function circles(files: readonly SourceFile[]): string[] {
  const known = new Map(files.map((file) => [file.path, file]))
  const arrows = (path: string): string[] =>
    importsOf(known.get(path)?.text ?? '')
      .filter((target) => target.startsWith('.'))
      .map((target) => join(dirname(path), target).replace(/\.js$/, ''))
      .flatMap((stem) => [`${stem}.ts`, `${stem}.tsx`].filter((each) => known.has(each)))
  const found: string[] = []
  const done = new Set<string>()
  const walk = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path)
    if (at >= 0) {
      found.push([...way.slice(at), path].join(' -> '))
      return
    }
    if (done.has(path)) return
    for (const next of arrows(path)) walk(next, [...way, path])
    done.add(path)
  }
  for (const { path } of files) walk(path, [])
  return found
}

const BANNED = new Set(['Date', 'performance', 'process', 'console', 'Buffer', 'crypto', 'fetch'])
const BANNED_CALLS = /^(set|clear)(Timeout|Interval|Immediate)$/

interface AstNode {
  readonly type: string
  readonly [key: string]: unknown
}

/** Clocks, randomness and I/O named in a pure room's source. Types and property names are not uses. */
export function impurities({ path, text }: SourceFile): string[] {
  const found = new Set<string>()
  visit(parseAst(text, { lang: 'ts' }) as unknown as AstNode, (node, parent) => {
    if (
      node.type === 'MemberExpression' &&
      nameOf(node['object']) === 'Math' &&
      nameOf(node['property']) === 'random'
    ) {
      found.add('Math.random')
    }
    if (node.type !== 'Identifier' || isName(node, parent)) return
    const name = String(node['name'])
    if (BANNED.has(name) || BANNED_CALLS.test(name)) found.add(name)
  })
  return [...found].map((name) => `${path}: uses ${name}; time, randomness and I/O enter pure rooms as arguments`)
}

const nameOf = (node: unknown): unknown => (node as AstNode | undefined)?.['name']

/** True when the identifier only names a member, a key or a label. */
function isName(node: AstNode, parent: AstNode | undefined): boolean {
  if (parent === undefined) return false
  if (parent.type === 'MemberExpression') return parent['property'] === node && parent['computed'] !== true
  const keyed = ['Property', 'PropertyDefinition', 'MethodDefinition', 'TSPropertySignature', 'TSMethodSignature']
  if (keyed.includes(parent.type))
    return parent['key'] === node && parent['computed'] !== true && parent['shorthand'] !== true
  return (
    parent.type.startsWith('TS') &&
    !['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression'].includes(parent.type)
  )
}

function visit(node: AstNode, each: (node: AstNode, parent: AstNode | undefined) => void, parent?: AstNode): void {
  each(node, parent)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === 'object' && child !== null && typeof child.type === 'string')
        visit(child as AstNode, each, node)
    }
  }
}

export function tooLong({ path, text }: SourceFile): string[] {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  return lines > LINE_LIMIT ? [`${path}: ${lines} lines; one idea per file, at most ${LINE_LIMIT} lines`] : []
}

/** A source file begins by saying what it is. */
export function headless({ path, text }: SourceFile): string[] {
  return /^(#![^\n]*\n)?\s*(\/\*\*|\/\/)/.test(text) ? [] : [`${path}: no header comment`]
}

/** Words that mean unfinished, written so that this file does not contain them. */
const UNFINISHED = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`)
const SWITCHED_OFF = /\b(it|test|describe)\.(skip|only|todo)\(/

export function unfinished({ path, text }: SourceFile): string[] {
  return linesWith(
    { path, text },
    (line) => UNFINISHED.test(line) || (isTest(path) && SWITCHED_OFF.test(line)),
    'unfinished',
  )
}

/** Paths of a machine this was written on, and words about how it was written. */
const MACHINE = new RegExp(['/wo' + 'rk/', '/ho' + 'me/\\w', '/ro' + 'ot/', '/tm' + 'p/w/'].join('|'))
const PRODUCTION = new RegExp(
  ['language mo' + 'del', 'sub-?ag' + 'ent', '\\bthis sess' + 'ion of the project'].join('|'),
  'i',
)

export function outOfPlace(file: SourceFile): string[] {
  return [
    ...linesWith(file, (line) => MACHINE.test(line), 'names a path of one machine'),
    ...linesWith(file, (line) => PRODUCTION.test(line), 'speaks of how it was produced'),
  ]
}

function linesWith({ path, text }: SourceFile, wrong: (line: string) => boolean, what: string): string[] {
  return text
    .split('\n')
    .flatMap((line, at) => (wrong(line) ? [`${path}:${at + 1}: ${what}: ${line.trim().slice(0, 100)}`] : []))
}

/** The lock file must not tie an installation to one registry. */
export function resolvedUrls({ path, text }: SourceFile): string[] {
  return linesWith({ path, text }, (line) => /"resolved":\s*"http/.test(line), 'names a registry')
}

interface Lock {
  readonly packages: Readonly<
    Record<string, { dependencies?: Record<string, string>; optionalDependencies?: Record<string, string> }>
  >
}

/** `npm ci` refuses a lock file without the packages of other platforms, and npm likes to leave them out. */
export function lockHoles({ path, text }: SourceFile): string[] {
  const { packages } = JSON.parse(text) as Lock
  const known = new Set(Object.keys(packages).map((key) => key.split('node_modules/').at(-1)))
  return Object.entries(packages).flatMap(([key, { dependencies = {}, optionalDependencies = {} }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !known.has(name))
      .map((name) => `${path}: ${name}, wanted by ${key}, is not in it`),
  )
}

interface Manifest {
  readonly name?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

/** package.json against the rooms: every dependency that a room may use is stated, exactly pinned, and no other. */
export function manifestFaults(path: string, manifest: Manifest, files: readonly SourceFile[]): string[] {
  const name = (manifest.name ?? '').replace('@starling/', '')
  const sources = files.filter((file) => !forTests(file.path))
  const used = new Set(sources.flatMap(({ text }) => importsOf(text)).flatMap((target) => packageOf(target) ?? []))
  const stated = Object.keys(manifest.dependencies ?? {})
  // By its quoted name, in tests too: some are loaded by name (pino's printers).
  const mentioned = (each: string) => files.some(({ text }) => text.includes(`'${each}'`) || text.includes(`'${each}/`))
  return [
    ...[...used]
      .filter((each) => each !== `@starling/${name}` && !stated.includes(each))
      .map((each) => `${path}: ${each} is imported but not among the dependencies`),
    ...stated
      .filter((each) => !mentioned(each) && sources.some(({ text }) => text.length > 100))
      .map((each) => `${path}: ${each} is a dependency but never imported`),
    ...Object.entries(manifest.dependencies ?? {})
      .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
      .map(([each, version]) => `${path}: ${each} ${version} is not pinned exactly`),
  ]
}

function packageOf(target: string): string | undefined {
  if (target.startsWith('.') || target.startsWith('node:')) return undefined
  return target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : target.split('/')[0]
}

/** The rooms table points downwards: nobody imports a higher tier. */
export function upwardArrows(rooms: readonly Room[] = ROOMS): string[] {
  const tier = new Map(rooms.map((room) => [room.name, room.tier]))
  return rooms.flatMap((room) =>
    room.imports.flatMap((name) => {
      const target = tier.get(name) ?? tier.get(name.split('/')[0] as string)
      if (target === undefined) return [`${room.name} may import ${name}, which is no room`]
      return target > room.tier ? [`${room.name} (tier ${room.tier}) may import ${name} (tier ${target})`] : []
    }),
  )
}

/** Names that a document must mention and does not. */
export function undocumented(document: SourceFile, names: Iterable<string>): string[] {
  return [...new Set(names)]
    .filter((name) => !document.text.includes(name))
    .map((name) => `${document.path}: says nothing of ${name}`)
}
