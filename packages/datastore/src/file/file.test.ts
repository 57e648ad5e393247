import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { datastoreCompliance, RecordingSink } from '../compliance/index.js'
import {
  decodeText,
  type FileDatastore,
  type FileProblem,
  fileDatastore,
  type Mapped,
  parseDocuments,
} from './index.js'

/** A mapper for tests: `kind: Thing` with a name; `size` must be a number. */
function mapper(document: unknown): Mapped {
  const { kind, name, size, value, key } = document as Record<string, unknown>
  if (kind === 'Raw') return { key: String(key), value: JSON.stringify(value) }
  if (kind !== 'Thing') return undefined
  if (typeof name !== 'string') return { problem: 'name: missing', path: ['name'] }
  if (typeof size === 'string') return { problem: 'size: not a number', path: ['size'] }
  return { key: `/things/${name}`, value: typeof size === 'bigint' ? `big ${size}` : JSON.stringify(size ?? null) }
}

let folder: string
let store: FileDatastore | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-file-'))
})
afterEach(async () => {
  await store?.close()
  store = undefined
  rmSync(folder, { recursive: true, force: true })
})

const at = (name: string) => join(folder, name)
const write = (name: string, text: string) => writeFileSync(at(name), text)
const thing = (name: string, size: number | string) => `kind: Thing\nname: ${name}\nsize: ${size}\n`

function open(path = folder) {
  const reports: (readonly FileProblem[])[] = []
  // Time stands still: each look is a call of `reload` by the test.
  const clock = { now: () => 0, after: () => () => {} }
  store = fileDatastore({ path, mapper, clock, pollMs: 10, problems: (list) => reports.push(list) })
  return { store, reports }
}
const contents = async (of: FileDatastore) =>
  Object.fromEntries((await of.list('')).entries.map(({ key, value }) => [key, value]))

datastoreCompliance(
  'the file driver, on a folder,',
  async () => {
    const path = mkdtempSync(join(tmpdir(), 'starling-file-'))
    const file = (key: string) => join(path, `${encodeURIComponent(key)}.yaml`)
    const datastore = fileDatastore({ path, mapper, debounceMs: 2, pollMs: 20 })
    return {
      datastore,
      set: async (key, value) => writeFileSync(file(key), `kind: Raw\nkey: ${key}\nvalue: ${value}\n`),
      remove: async (key) => rmSync(file(key)),
      close: async () => {
        await datastore.close()
        rmSync(path, { recursive: true, force: true })
      },
    }
  },
  { writable: false, everyChange: false, compacts: false },
)

describe('documents', () => {
  const parse = (text: string) => parseDocuments('f.yaml', text, mapper)

  it('are read several from one file, from lists, and from JSON, and others are passed over', () => {
    const text = `${thing('a', 1)}---\n${thing('b', 2)}---\n---\nkind: ThingList\nitems:\n- name: c\n  size: 3\n- kind: Other\n`
    expect(parse(text).documents.map(({ key, line }) => [key, line])).toEqual([
      ['/things/a', 1],
      ['/things/b', 5],
      ['/things/c', 12],
    ])
    const json = '{\n\t"kind": "List",\n\t"items": [{"kind": "Thing", "name": "j", "size": 9}]\n}'
    expect(parse(json)).toMatchObject({ documents: [{ key: '/things/j', value: '9' }], problems: [] })
  })

  it('keep integers beyond 2^53 exact', () => {
    expect(parse(thing('a', '1785429386123456789')).documents[0]?.value).toBe('big 1785429386123456789')
    const json = '{"kind": "Thing", "name": "a", "size": 1785429386123456789}'
    expect(parse(json).documents[0]?.value).toBe('big 1785429386123456789')
  })

  const mistakes: [string, string, number, number, RegExp][] = [
    ['a field that the mapper refuses', `${thing('a', 1)}---\n${thing('b', 'large')}`, 7, 7, /not a number/],
    ['a missing field, at its document', `${thing('a', 1)}---\nkind: Thing\n`, 5, 1, /missing/],
    ['broken YAML', 'kind: Thing\nname: [a\nsize: 1\n', 3, 1, /./],
    ['a key written twice', 'kind: Thing\nname: a\nname: b\n', 3, 1, /unique/i],
    ['a key of JSON written twice', '{\n"kind": "Thing",\n"name": "a: \\"b\\": c",\n"name": "b"\n}', 4, 1, /unique/i],
    ['brackets beyond any sense', '['.repeat(1001), 1, 1, /nested more than 1000 deep/],
    ['JSON as deep', `${'{"a":'.repeat(1001)}1${'}'.repeat(1001)}`, 1, 1, /nested more than 1000 deep/],
    ['a resource written twice', `${thing('a', 1)}---\n${thing('a', 2)}`, 5, 1, /same resource as on line 1/],
    ['a document that is no mapping', 'hello\n', 1, 1, /must be a mapping/],
    ['a field in JSON', '{\n  "kind": "Thing",\n  "name": "a",\n  "size": "x"\n}\n', 4, 11, /not a number/],
    ['broken JSON', '{\n\t"kind": "Thing",\n\t"name": a"\n', 4, 1, /./],
    ['a bad item of a list', 'kind: List\nitems:\n- kind: Thing\n  name: a\n  size: x\n', 5, 9, /not a number/],
  ]
  it.each(mistakes)('report %s with its line', (_, text, line, column, reason) => {
    expect(parse(text).problems[0]).toMatchObject({
      file: 'f.yaml',
      line,
      column,
      reason: expect.stringMatching(reason),
    })
  })

  it('may hold a text of megabytes, quotes and backslashes at its end', () => {
    const name = `${'x'.repeat(10_000_000)}"\\`
    const json = JSON.stringify({ kind: 'Thing', name, size: 1 })
    expect(parse(json)).toMatchObject({ documents: [{ key: `/things/${name}` }], problems: [] })
  })

  it('are parsed again only where the text changed, and keep their places', () => {
    const names: string[] = []
    const counting = (document: unknown) => {
      names.push((document as { name: string }).name)
      return mapper(document)
    }
    const first = parseDocuments('f', `${thing('a', 1)}---\n${thing('b', 'x')}---\n${thing('c', 1)}`, counting)
    const text = `# a comment\n${thing('a', 1)}---\n${thing('b', 'x')}---\n${thing('c', 2)}`
    const second = parseDocuments('f', text, counting, first.remembered)
    expect(names).toEqual(['a', 'b', 'c', 'a', 'c'])
    expect([first.problems[0]?.line, second.problems[0]?.line]).toEqual([7, 8])
    expect(second.documents.map(({ key, value, line }) => [key, value, line])).toEqual([
      ['/things/a', '1', 2],
      ['/things/c', '2', 10],
    ])
  })

  it('may contain dashes, directives and end markers', () => {
    const text = '%YAML 1.2\n---\nkind: Thing\nname: a\n...\n---\nkind: Thing\nname: "b\n  --- c"\n'
    expect(parse(text)).toMatchObject({ documents: [{ key: '/things/a' }, { key: '/things/b --- c' }], problems: [] })
  })

  it('tells the first errors of a document that is no YAML at all, and how many more there are', () => {
    const { problems } = parse('['.repeat(500))
    expect(problems).toHaveLength(11)
    expect(problems[10]?.reason).toMatch(/^and \d+ more errors in this document$/)
  })

  it('share what an anchor names, merged or as it is, five hundred times and more', () => {
    const items = Array.from(
      { length: 500 },
      (_, i) => `- {<<: *common, name: n${i}}\n- {kind: Thing, name: m${i}, size: *s}\n`,
    )
    const text = `kind: List\ncommon: &common {kind: Thing, size: &s 7}\nitems:\n${items.join('')}`
    const { documents, problems } = parse(text)
    expect(problems).toEqual([])
    expect([documents.length, new Set(documents.map(({ value }) => value))]).toEqual([1000, new Set(['7'])])
    expect(parse('kind: Thing\nname: a\n<<: {size: x}\n').problems[0]?.reason).toMatch(/not a number/)
  })

  it('are taken out of bare sequences, of lists too, in YAML and in JSON; null is nothing', () => {
    const yaml = `- ${thing('a', 1).replaceAll('\n', '\n  ')}\n- kind: ThingList\n  items:\n  - name: b\n  - null\n- kind: OtherList\n  items: null\n`
    expect(parse(yaml)).toMatchObject({
      documents: [
        { key: '/things/a', line: 1 },
        { key: '/things/b', line: 7 },
      ],
      problems: [],
    })
    const json =
      '[{"kind": "Thing", "name": "a"}, {"kind": "ThingList", "items": [{"name": "b"}]}, {"kind": "OtherList", "items": null}]'
    expect(parse(json)).toMatchObject({ documents: [{ key: '/things/a' }, { key: '/things/b' }], problems: [] })
  })

  it('cannot be blown up by aliases', () => {
    let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n'
    for (let i = 1; i < 9; i++) text += `a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join()}]\n`
    expect(parse(text).problems[0]?.reason).toMatch(/alias/i)
  })
})

describe('the bytes of a file', () => {
  const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')
  const words = 'name: ä\n'
  it.each([
    ['UTF-8', Buffer.from(words)],
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${words}`)],
    ['UTF-16', utf16(words)],
    ['UTF-16, the other way round', utf16(words).swap16()],
  ])('are %s', (_, bytes) => {
    expect(decodeText(bytes)).toEqual({ text: words })
  })

  it('may be several files put together, each with its mark', () => {
    expect(decodeText(Buffer.from('\ufeffa: 1\n---\n\ufeffb: \ufeff\n'))).toEqual({ text: 'a: 1\n---\nb: \ufeff\n' })
  })

  it.each([
    ['Latin-1', Buffer.from('a: 1\nname: ä\n', 'latin1'), 2, /not UTF-8/],
    ['UTF-16 without a byte order mark', Buffer.from('a: 1\nb: 2\n', 'utf16le'), 1, /NUL/],
    ['half a UTF-16', Buffer.from([0xff, 0xfe, 0x41]), 1, /not UTF-16/],
    ['a program', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0x0a, 0x80]), 2, /not UTF-8/],
  ])('are not %s', (_, bytes, line, reason) => {
    expect(decodeText(bytes)).toEqual({ line, reason: expect.stringMatching(reason) })
  })

  it('that are no text change nothing, and say so', async () => {
    write('a.yaml', thing('a', 1))
    const { store, reports } = open()
    writeFileSync(at('a.yaml'), Buffer.from('kind: Thing\nname: ä\n', 'latin1'))
    store.reload()
    expect(await contents(store)).toEqual({ '/things/a': '1' })
    expect(reports.at(-1)).toMatchObject([{ file: at('a.yaml'), line: 2 }])
  })
})

describe('the file driver', () => {
  it('shows an edit of several keys as one revision', async () => {
    write('a.yaml', `${thing('a', 1)}---\n${thing('b', 1)}`)
    const { store } = open()
    const sink = new RecordingSink()
    store.watch('', (await store.list('')).revision + 1, sink)
    write('a.yaml', `${thing('a', 2)}---\n${thing('c', 1)}`)
    store.reload()
    await Promise.resolve()
    expect(sink.log.sort()).toEqual(['/things/a=2', '/things/b gone', '/things/c=1'])
    expect(sink.revisions).toHaveLength(1)
  })

  it('keeps a file’s last good content while an edit is bad, says why once, and recovers', async () => {
    write('a.yaml', `${thing('a', 1)}---\n${thing('b', 1)}`)
    write('z.yaml', thing('z', 1))
    const { store, reports } = open()
    const before = (await store.list('')).revision
    write('a.yaml', `${thing('a', 2)}---\n${thing('b', 'oops')}`)
    store.reload()
    store.reload()
    expect(await contents(store)).toEqual({ '/things/a': '1', '/things/b': '1', '/things/z': '1' })
    expect((await store.list('')).revision).toBe(before)
    expect(reports).toEqual([[{ file: at('a.yaml'), line: 7, column: 7, reason: 'size: not a number' }]])
    write('z.yaml', thing('z', 2))
    store.reload()
    expect((await contents(store))['/things/z']).toBe('2')
    write('a.yaml', thing('a', 3))
    store.reload()
    expect(await contents(store)).toEqual({ '/things/a': '3', '/things/z': '2' })
    expect(reports.at(-1)).toEqual([])
  })

  it('starts with what is good', async () => {
    write('a.yaml', `${thing('a', 1)}---\n${thing('b', 'oops')}`)
    const { store } = open()
    expect(await contents(store)).toEqual({ '/things/a': '1' })
    expect(store.problems).toHaveLength(1)
  })

  it.each([
    ['emptied', () => write('a.yaml', '')],
    ['gone', () => rmSync(at('a.yaml'))],
  ])('does not believe that a file is %s before the second look', async (_, harm) => {
    write('a.yaml', thing('a', 1))
    write('b.yaml', thing('b', 1))
    const { store } = open()
    harm()
    store.reload()
    expect(await contents(store)).toEqual({ '/things/a': '1', '/things/b': '1' })
    store.reload()
    expect(await contents(store)).toEqual({ '/things/b': '1' })
  })

  it('takes no notice of a file that was gone for one look', async () => {
    write('a.yaml', thing('a', 1))
    const { store } = open()
    rmSync(at('a.yaml'))
    store.reload()
    write('a.yaml', thing('a', 1))
    store.reload()
    store.reload()
    expect(await contents(store)).toEqual({ '/things/a': '1' })
  })

  it('changes nothing when the path itself is gone, and goes on when it is back', async () => {
    const path = at('cluster')
    mkdirSync(path)
    writeFileSync(join(path, 'a.yaml'), thing('a', 1))
    const { store } = open(path)
    renameSync(path, at('moved'))
    store.reload()
    store.reload()
    expect(await contents(store)).toEqual({ '/things/a': '1' })
    expect(store.problems[0]?.reason).toMatch(/ENOENT/)
    renameSync(at('moved'), path)
    store.reload()
    expect(store.problems).toEqual([])
  })

  it('refuses to start without its path', () => {
    expect(() => open(at('nowhere'))).toThrow(/ENOENT/)
  })

  it('lets the file that had a key keep it when another claims it too', async () => {
    write('b.yaml', thing('x', 1))
    const { store } = open()
    write('a.yaml', thing('x', 2))
    store.reload()
    expect(await contents(store)).toEqual({ '/things/x': '1' })
    expect(store.problems).toMatchObject([{ file: at('a.yaml'), reason: `the same resource as in ${at('b.yaml')}` }])
    rmSync(at('b.yaml'))
    store.reload()
    store.reload()
    expect(await contents(store)).toEqual({ '/things/x': '2' })
    expect(store.problems).toEqual([])
  })

  it('passes over hidden files, other files and folders, and reads through links as a mounted ConfigMap has them', async () => {
    mkdirSync(at('..data_1'))
    mkdirSync(at('sub.yaml'))
    writeFileSync(join(folder, '..data_1', 'a.yaml'), thing('a', 1))
    symlinkSync('..data_1', at('..data'))
    symlinkSync('..data/a.yaml', at('a.yaml'))
    write('.b.yaml', thing('b', 1))
    write('notes.txt', 'hello')
    const { store } = open()
    expect(await contents(store)).toEqual({ '/things/a': '1' })
    mkdirSync(at('..data_2'))
    writeFileSync(join(folder, '..data_2', 'a.yaml'), thing('a', 2))
    symlinkSync('..data_2', at('..data_tmp'))
    renameSync(at('..data_tmp'), at('..data'))
    store.reload()
    expect(await contents(store)).toEqual({ '/things/a': '2' })
  })

  it('reads a single file, and notices when it is replaced', async () => {
    write('one.json', JSON.stringify({ kind: 'Thing', name: 'a', size: 1 }))
    store = fileDatastore({ path: at('one.json'), mapper, debounceMs: 1, pollMs: 10_000 })
    const sink = new RecordingSink()
    store.watch('', (await store.list('')).revision + 1, sink)
    write('one.json.new', JSON.stringify({ kind: 'Thing', name: 'a', size: 2 }))
    renameSync(at('one.json.new'), at('one.json'))
    while (sink.log.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(sink.log).toEqual(['/things/a=2'])
  })
})
