/**
 * One look at a datastore for commands that answer and end (`plan`, `check`, `apply`, `ipam`, `register`).
 */
import type { Datastore } from '@starling/datastore'
import { DatastoreError, type Entry, SortedSnapshot } from '@starling/datastore'
import type { FileDatastore, FileProblem } from '@starling/datastore/file'
import { ClusterState } from '@starling/intent'
import { IPAM_PREFIX, kindPrefix, RESOURCE_KINDS, SCHEMAS, STARLING_PREFIX } from '@starling/resources'
import { CliError, EXIT } from '../exit.js'
import type { Io } from '../io.js'
import { harmless } from '../output/text.js'
import { tellOfLargeFiles } from './large-files.js'

/** What a plan is made from; kinds without a schema (policy, workload endpoints) no plan reads. */
const PLANNED_FROM = [
  ...RESOURCE_KINDS.filter((kind) => kind in SCHEMAS && kindPrefix(kind).startsWith('/calico/')).map(kindPrefix),
  `${IPAM_PREFIX}host/`,
  STARLING_PREFIX,
]

/** Opens, uses and closes; trouble with the store becomes a message and an exit code. What is wrong with files is told first. */
export async function withDatastore<T>(
  spec: string | undefined,
  io: Io,
  use: (datastore: Datastore) => Promise<T>,
  told: (problems: readonly FileProblem[]) => void = (problems) => printFileProblems(problems, io),
): Promise<T> {
  const { openDatastore } = await import('@starling/daemon')
  let datastore: Datastore | undefined
  try {
    if (spec?.startsWith('file:') === true) await tellOfLargeFiles([spec.slice('file:'.length)], io)
    datastore = await openDatastore(spec, io.env)
    // A file datastore keeps what is good and lists the rest.
    if ('problems' in datastore) told((datastore as FileDatastore).problems)
    return await use(datastore)
  } catch (error) {
    if (error instanceof DatastoreError) {
      throw new CliError(`${datastore?.description ?? spec ?? 'datastore'}: ${error.message}`, EXIT.unreachable)
    }
    throw error
  } finally {
    await datastore?.close()
  }
}

function printFileProblems(problems: readonly FileProblem[], io: Io): void {
  for (const { file, line, reason } of problems) io.error(harmless(`${file}:${line}: ${reason}`).concat('\n'))
}

export async function readEntries(datastore: Datastore): Promise<{ entries: Map<string, Entry>; revision: number }> {
  const entries = new Map<string, Entry>()
  let revision = 0
  for (const prefix of PLANNED_FROM) {
    const listing = await datastore.list(prefix)
    revision = Math.max(revision, listing.revision)
    for (const entry of listing.entries) entries.set(entry.key, entry)
  }
  return { entries, revision }
}

export function stateOf({
  entries,
  revision,
}: {
  entries: ReadonlyMap<string, Entry>
  revision: number
}): ClusterState {
  return ClusterState.from(SortedSnapshot.from(entries.values(), revision))
}
