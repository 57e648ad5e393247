/**
 * `starling check` and `starling apply`: folders of resources, judged as the cluster would judge them, then written.
 */
import { randomUUID } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Datastore } from '@starling/datastore'
import { decodeText, parseDocuments } from '@starling/datastore/file'
import {
  type CheckedDocument,
  type CheckProblem,
  checkDocuments,
  describeKey,
  fieldSteps,
  flattenDocument,
  isJsonObject,
  type JsonObject,
  keepUnknownFields,
  kindPrefix,
  mapDocument,
  parseJson,
  type ResourceKind,
  rfc3339Seconds,
  schemaOfKey,
  stringifyJson,
} from '@starling/resources'
import type { Command } from 'commander'
import { CliError, EXIT, usage, verdict } from '../exit.js'
import type { Io } from '../io.js'
import { addOutput } from '../options.js'
import { type OutputOptions, render } from '../output/print.js'
import { harmless, type Painter } from '../output/text.js'
import { problemsOfPlans } from './check-plans.js'
import { addDatastore } from './daemon-options.js'
import { withDatastore } from './datastore-reader.js'
import { tellOfLargeFiles } from './large-files.js'

async function filesAt(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw usage(`${path} does not exist`)
  if (!found.isDirectory()) return [path]
  const names = (await readdir(path)).filter((name) => !name.startsWith('.') && /\.(ya?ml|json)$/.test(name))
  return names.sort().map((name) => join(path, name))
}

interface Loaded {
  readonly documents: readonly CheckedDocument[]
  /** Files that could not be parsed at all. */
  readonly problems: readonly CheckProblem[]
  /** The problem with the place of its field, where its document has been given only by number so far. */
  placed(problems: readonly CheckProblem[]): readonly CheckProblem[]
}

interface LoadedFile {
  readonly file: string
  readonly text: string
  /** Of each document. */
  readonly lines: readonly number[]
  readonly texts: readonly string[]
}

/** Documents by number: where they and their fields stand is worked out for those with problems alone. */
async function load(paths: readonly string[]): Promise<Loaded> {
  const documents: CheckedDocument[] = []
  const problems: CheckProblem[] = []
  const files: LoadedFile[] = []
  for (const file of (await Promise.all(paths.map(filesAt))).flat()) {
    const seen: unknown[] = []
    const decoded = decodeText(await readFile(file))
    if (!('text' in decoded)) {
      const { line, reason } = decoded
      problems.push({ severity: 'error', key: '', resource: 'file', message: reason, source: `${file}:${line}` })
      continue
    }
    const { text } = decoded
    const parsed = parseDocuments(file, text, (document) => {
      seen.push(document)
      return { key: String(seen.length - 1), value: '' }
    })
    const lines = parsed.documents.map(({ line }) => line)
    for (const { key } of parsed.documents)
      documents.push({ source: sourceOf(files.length, Number(key)), document: seen[Number(key)] })
    for (const { line, reason } of parsed.problems) {
      problems.push({ severity: 'error', key: '', resource: 'file', message: reason, source: `${file}:${line}` })
    }
    files.push({ file, text, lines, texts: seen.map(stringifyJson) })
  }
  return { documents, problems, placed: (found) => place(files, found) }
}

const sourceOf = (file: number, document: number): string => `<${file}.${document}>`
const SOURCE = /<(\d+)\.(\d+)>/g

function place(files: readonly LoadedFile[], problems: readonly CheckProblem[]): readonly CheckProblem[] {
  const lines = new Map<CheckProblem, number>()
  files.forEach(({ file, text, texts }, number) => {
    const own = problems.filter(({ source, field }) => field !== undefined && source.startsWith(`<${number}.`))
    if (own.length === 0) return
    // By what it says: the parser may ask about a document twice.
    const { problems: found } = parseDocuments(file, text, (document) => {
      const source = sourceOf(number, texts.indexOf(stringifyJson(document)))
      const here = own.flatMap((problem, i) =>
        problem.source === source ? [{ problem: String(i), path: fieldSteps(problem.field ?? '') }] : [],
      )
      return here.length === 0 ? undefined : { problems: here }
    })
    for (const { line, reason } of found) {
      const problem = own[Number(reason)]
      if (problem !== undefined) lines.set(problem, line)
    }
  })
  const spoken = (text: string, line?: number): string =>
    text.replace(SOURCE, (_, file: string, document: string) => {
      const { file: name, lines: all } = files[Number(file)] as LoadedFile
      return `${name}:${line ?? all[Number(document)] ?? 1}`
    })
  return problems.map((problem) => ({
    ...problem,
    source: spoken(problem.source, lines.get(problem)),
    message: spoken(problem.message),
  }))
}

function problemLine({ source, severity, resource, field, message }: CheckProblem, paint: Painter): string {
  const place = field === undefined ? resource : `${resource} ${field}`
  return `${source}: ${paint(severity, severity === 'error' ? 'red' : 'yellow')}: ${harmless(`${place}: ${message}`)}\n`
}

export function registerCheck(program: Command, io: Io): void {
  addOutput(program.command('check <paths...>').description('validate files of resources, as CI would')).action(
    async (paths: string[], options: OutputOptions) => {
      await tellOfLargeFiles(paths, io)
      const { documents, problems: broken, placed } = await load(paths)
      const found = checkDocuments(documents)
      const problems = [...broken, ...placed([...found, ...problemsOfPlans(documents, found)])]
      const errors = problems.filter(({ severity }) => severity === 'error').length
      io.write(
        render(problems, options, io, ({ paint }) => {
          const total = `${documents.length} documents, ${errors} errors, ${problems.length - errors} warnings\n`
          return problems.map((problem) => problemLine(problem, paint)).join('') + total
        }),
      )
      if (errors > 0) throw verdict(EXIT.unhealthy)
    },
  )
}

interface ApplyOptions extends OutputOptions {
  readonly datastore?: string
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly replace?: boolean
}

interface Applied {
  readonly resource: string
  readonly result: 'created' | 'updated' | 'unchanged'
  /** Fields that only the store has, left there because this release does not know them. */
  readonly kept: readonly string[]
}

export function registerApply(program: Command, io: Io): void {
  const command = program.command('apply <paths...>').description('write files of resources to the datastore')
  addOutput(addDatastore(command))
    .option('--dry-run', 'say what would be written')
    .option('--replace', 'remove fields that only the datastore has, known or not')
    .option('--force', 'write although the check finds errors in other documents')
    .action(async (paths: string[], options: ApplyOptions) => {
      await tellOfLargeFiles(paths, io)
      const { documents, problems: broken, placed } = await load(paths)
      const refuse = (stored: (key: string) => boolean): void => {
        const errors = [...broken, ...placed(checkDocuments(documents, stored))].filter((p) => p.severity === 'error')
        if (errors.length === 0) return
        io.error(errors.map((problem) => problemLine(problem, (text) => text)).join(''))
        if (options.force !== true || broken.length > 0) throw verdict(EXIT.unhealthy)
      }
      const entries = documents.flatMap(({ document }) =>
        flattenDocument(document).flatMap((single) => {
          const mapped = mapDocument(single)
          return mapped.ok ? [mapped] : []
        }),
      )
      // What is wrong wherever it goes needs no datastore to say so.
      if (options.force !== true) refuse(() => true)
      const results = await withDatastore(options.datastore, io, async (datastore) => {
        refuse(await keysOf(datastore, ['BGPFilter', 'BGPPeer', 'Node']))
        const done: Applied[] = []
        for (const { key, value } of entries) done.push(await write(datastore, key, value, options))
        return done
      })
      io.write(
        render(results, options, io, () => {
          const said = options.dryRun === true ? ' (dry run)' : ''
          return results
            .map(({ resource, result, kept }) => {
              const left = kept.length === 0 ? '' : `; kept ${kept.map(harmless).join(', ')} (--replace removes)`
              return `${resource} ${result}${said}${left}\n`
            })
            .join('')
        }),
      )
    })
}

/** A BGPPeer may name a BGPFilter that was written long ago. */
async function keysOf(datastore: Datastore, kinds: readonly ResourceKind[]): Promise<(key: string) => boolean> {
  const keys = new Set<string>()
  for (const kind of kinds) for (const { key } of (await datastore.list(kindPrefix(kind))).entries) keys.add(key)
  return (key) => keys.has(key)
}

const ATTEMPTS = 20

/** Create or compare-and-swap; what the document does not own (uid, creation time, status, fields nobody here knows) stays. */
async function write(
  datastore: Datastore,
  key: string,
  value: string,
  { dryRun, replace }: ApplyOptions,
): Promise<Applied> {
  const resource = describeKey(key)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const current = await datastore.get(key)
    const { text: next, kept } =
      current === undefined ? { text: fresh(value), kept: [] } : merged(key, current.value, value, replace === true)
    if (next === current?.value) return { resource, result: 'unchanged', kept }
    const result = current === undefined ? 'created' : 'updated'
    if (dryRun === true) return { resource, result, kept }
    const outcome =
      current === undefined ? await datastore.create(key, next) : await datastore.update(key, next, current.revision)
    if (!('conflict' in outcome)) return { resource, result, kept }
  }
  throw new CliError(`${resource} is written by somebody else all the time`)
}

function object(text: string): JsonObject | undefined {
  const value = text === '' ? undefined : parseJson(text)
  return isJsonObject(value) ? value : undefined
}

/** IPAM values have no metadata; they are written as they are. */
function fresh(value: string): string {
  const document = object(value)
  const metadata = document?.['metadata']
  if (document === undefined || !isJsonObject(metadata)) return value
  const { uid, creationTimestamp, ...rest } = metadata
  const stamped = {
    ...rest,
    uid: uid ?? randomUUID(),
    creationTimestamp: creationTimestamp ?? rfc3339Seconds(Date.now()),
  }
  return stringifyJson({ ...document, metadata: stamped })
}

interface Merged {
  readonly text: string
  readonly kept: readonly string[]
}

function merged(key: string, currentText: string, value: string, replace: boolean): Merged {
  const current = object(currentText)
  const document = object(value)
  const [before, metadata] = [current?.['metadata'], document?.['metadata']]
  if (current === undefined || document === undefined || !isJsonObject(before) || !isJsonObject(metadata))
    return { text: value, kept: [] }
  const identity: JsonObject = { ...metadata }
  for (const member of ['uid', 'creationTimestamp']) {
    const old = before[member]
    if (old !== undefined) identity[member] = old
  }
  const wanted: JsonObject = { ...document, metadata: identity }
  const { status } = current
  if (status !== undefined && isEmpty(document['status'])) wanted['status'] = status
  const schema = replace ? undefined : schemaOfKey(key)
  const { value: next, kept } =
    schema === undefined ? { value: wanted, kept: [] } : keepUnknownFields(schema, current, wanted)
  // The order of members is no difference.
  return { text: sorted(next) === sorted(current) ? currentText : stringifyJson(next), kept }
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || (isJsonObject(value) && Object.keys(value).length === 0)

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return String(item)
    if (!isJsonObject(item)) return item
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
