/**
 * `starling check` and `starling apply`: folders of resources, judged as the cluster would judge them, then written.
 */
import { randomUUID } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Datastore } from '@starling/datastore'
import { parseDocuments } from '@starling/datastore/file'
import {
  type CheckedDocument,
  type CheckProblem,
  checkDocuments,
  describeKey,
  flattenDocument,
  isJsonObject,
  type JsonObject,
  mapDocument,
  parseJson,
  rfc3339Seconds,
  stringifyJson,
} from '@starling/resources'
import type { Command } from 'commander'
import { CliError, EXIT, usage, verdict } from '../exit.js'
import type { Io } from '../io.js'
import { addOutput } from '../options.js'
import { type OutputOptions, render } from '../output/print.js'
import { harmless, type Painter } from '../output/text.js'
import { addDatastore } from './daemon-options.js'
import { withDatastore } from './datastore-reader.js'

interface Loaded {
  readonly documents: readonly CheckedDocument[]
  /** Files that could not be parsed at all. */
  readonly problems: readonly CheckProblem[]
}

async function filesAt(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw usage(`${path} does not exist`)
  if (!found.isDirectory()) return [path]
  const names = (await readdir(path)).filter((name) => !name.startsWith('.') && /\.(ya?ml|json)$/.test(name))
  return names.sort().map((name) => join(path, name))
}

/** Documents with the place they stand at; the parser's mapper only takes note of them. */
async function load(paths: readonly string[]): Promise<Loaded> {
  const documents: CheckedDocument[] = []
  const problems: CheckProblem[] = []
  for (const file of (await Promise.all(paths.map(filesAt))).flat()) {
    const seen: unknown[] = []
    const parsed = parseDocuments(file, await readFile(file, 'utf8'), (document) => {
      seen.push(document)
      return { key: String(seen.length - 1), value: '' }
    })
    for (const { key, line } of parsed.documents)
      documents.push({ source: `${file}:${line}`, document: seen[Number(key)] })
    for (const { line, reason } of parsed.problems) {
      problems.push({ severity: 'error', key: '', resource: 'file', message: reason, source: `${file}:${line}` })
    }
  }
  return { documents, problems }
}

function problemLine({ source, severity, resource, field, message }: CheckProblem, paint: Painter): string {
  const place = field === undefined ? resource : `${resource} ${field}`
  return `${source}: ${paint(severity, severity === 'error' ? 'red' : 'yellow')}: ${harmless(`${place}: ${message}`)}\n`
}

export function registerCheck(program: Command, io: Io): void {
  addOutput(program.command('check <paths...>').description('validate files of resources, as CI would')).action(
    async (paths: string[], options: OutputOptions) => {
      const { documents, problems: broken } = await load(paths)
      const problems = [...broken, ...checkDocuments(documents)]
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
}

interface Applied {
  readonly resource: string
  readonly result: 'created' | 'updated' | 'unchanged'
}

export function registerApply(program: Command, io: Io): void {
  const command = program.command('apply <paths...>').description('write files of resources to the datastore')
  addOutput(addDatastore(command))
    .option('--dry-run', 'say what would be written')
    .option('--force', 'write although the check finds errors in other documents')
    .action(async (paths: string[], options: ApplyOptions) => {
      const { documents, problems: broken } = await load(paths)
      const errors = [...broken, ...checkDocuments(documents)].filter(({ severity }) => severity === 'error')
      if (errors.length > 0) {
        io.error(errors.map((problem) => problemLine(problem, (text) => text)).join(''))
        if (options.force !== true || broken.length > 0) throw verdict(EXIT.unhealthy)
      }
      const entries = documents.flatMap(({ document }) =>
        flattenDocument(document).flatMap((single) => {
          const mapped = mapDocument(single)
          return mapped.ok ? [mapped] : []
        }),
      )
      const results = await withDatastore(options.datastore, io, async (datastore) => {
        const done: Applied[] = []
        for (const { key, value } of entries) done.push(await write(datastore, key, value, options.dryRun === true))
        return done
      })
      io.write(
        render(results, options, io, () => {
          const said = options.dryRun === true ? ' (dry run)' : ''
          return results.map(({ resource, result }) => `${resource} ${result}${said}\n`).join('')
        }),
      )
    })
}

const ATTEMPTS = 20

/** Create or compare-and-swap; what the document does not own (uid, creation time, status) stays. */
async function write(datastore: Datastore, key: string, value: string, dryRun: boolean): Promise<Applied> {
  const resource = describeKey(key)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const current = await datastore.get(key)
    const next = current === undefined ? fresh(value) : merged(current.value, value)
    if (next === current?.value) return { resource, result: 'unchanged' }
    const result = current === undefined ? 'created' : 'updated'
    if (dryRun) return { resource, result }
    const outcome =
      current === undefined ? await datastore.create(key, next) : await datastore.update(key, next, current.revision)
    if (!('conflict' in outcome)) return { resource, result }
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

function merged(currentText: string, value: string): string {
  const current = object(currentText)
  const document = object(value)
  const [before, metadata] = [current?.['metadata'], document?.['metadata']]
  if (current === undefined || document === undefined || !isJsonObject(before) || !isJsonObject(metadata)) return value
  const kept: JsonObject = { ...metadata }
  for (const member of ['uid', 'creationTimestamp']) {
    const old = before[member]
    if (old !== undefined) kept[member] = old
  }
  const next: JsonObject = { ...document, metadata: kept }
  const { status } = current
  if (status !== undefined && isEmpty(document['status'])) next['status'] = status
  // The order of members is no difference.
  return sorted(next) === sorted(current) ? currentText : stringifyJson(next)
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
