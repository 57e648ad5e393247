import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SCHEMAS } from './index.js'

/** What zod keeps of a schema, as far as finding objects in it goes. */
interface Definition {
  readonly shape?: Readonly<Record<string, Schema>>
  readonly innerType?: Schema
  readonly element?: Schema
  readonly in?: Schema
  readonly options?: readonly Schema[]
}
interface Schema {
  readonly _zod: { readonly def: Definition }
}

/** Paths of all fields: `bfd.authentication.keyId`; lists and alternatives are looked through. */
function paths(schema: Schema, path: string): string[] {
  const { shape, innerType, element, in: given, options } = schema._zod.def
  if (shape !== undefined)
    return Object.entries(shape).flatMap(([name, member]) => {
      const full = path === '' ? name : `${path}.${name}`
      return [full, ...paths(member, full)]
    })
  return [innerType, element, given, ...(options ?? [])].flatMap((inner) =>
    inner === undefined ? [] : paths(inner, path),
  )
}

const documented = readFileSync(new URL('../../../docs/resources.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name as string))

/** `*` stands for one part of a path in whole or at its beginning. */
const matches = (pattern: string, path: string): boolean =>
  new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '\\w+')}$`).test(path)

test('docs/resources.md has a row for every field of StarlingPeerOptions, and for nothing else', () => {
  // A reference to a secret is Calico's own and described there.
  const fields = [...new Set(paths(SCHEMAS.StarlingPeerOptions.shape.spec as unknown as Schema, ''))].filter(
    (path) => !path.startsWith('listenRanges.password.') && !path.startsWith('unnumbered.password.'),
  )
  expect(fields.length).toBeGreaterThan(60)
  expect(fields.filter((path) => !documented.some((pattern) => matches(pattern, path)))).toEqual([])
  expect(documented.filter((pattern) => !fields.some((path) => matches(pattern, path)))).toEqual([])
})
