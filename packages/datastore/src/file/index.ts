/**
 * `@starling/datastore/file`: cluster state from a YAML or JSON file, or a folder of them, for clusters run from Git,
 * for `starling plan` and for tests. Read-only; an edit applies at once.
 *
 * A file counts as a whole: if anything in it is wrong, its last good content stays and the problem is reported with
 * file, line and reason; the other files are not held up. A file that is gone or empty may be in the middle of being
 * saved, so its entries go only when a second look finds the same. When the path itself cannot be read nothing changes.
 * If two files claim one key, the file that had it keeps it.
 *
 * The store behind it is a memory store: one look at the files is one commit, so a watch sees an edit whole.
 */

import { systemClock } from '../clock/index.js'
import type { Clock } from '../clock.js'
import {
  type Datastore,
  DatastoreError,
  type Entry,
  type Listing,
  type Revision,
  type Watch,
  type WatchSink,
  type WriteResult,
} from '../datastore.js'
import { type KeyChange, MemoryStore } from '../memory.js'
import {
  type DocumentMapper,
  type FileProblem,
  type MappedDocument,
  parseDocuments,
  type Remembered,
} from './documents.js'
import { filesAt, type SeenFile, watchPath } from './folder.js'
import { type DecodedText, decodeText } from './text.js'

export type { DocumentMapper, FileProblem, Mapped, MappedDocument, ParsedFile, Subject } from './documents.js'
export { parseDocuments } from './documents.js'
export { type DecodedText, decodeText } from './text.js'

export interface FileDatastoreOptions {
  /** A file, or a folder. */
  readonly path: string
  readonly mapper: DocumentMapper
  /** Called with the complete list whenever it changes; empty when all is well again. */
  readonly problems?: (problems: readonly FileProblem[]) => void
  /** 50 ms. */
  readonly debounceMs?: number
  /** 1 s. */
  readonly pollMs?: number
  readonly clock?: Clock
}

export interface FileDatastore extends Datastore {
  readonly problems: readonly FileProblem[]
  /** Looks at the files now. */
  reload(): void
}

/** Reads the files once before it returns. A path that cannot be read is an error here, and only a problem later. */
export function fileDatastore(options: FileDatastoreOptions): FileDatastore {
  return new Files(options)
}

interface KnownFile {
  stamp: string
  documents: readonly MappedDocument[]
  problems: readonly FileProblem[]
  remembered?: Remembered
  /** Gone or empty at the last look. */
  doubtful: boolean
}

class Files implements FileDatastore {
  readonly description: string
  readonly readOnly = true
  readonly #options: FileDatastoreOptions
  readonly #clock: Clock
  readonly #store = new MemoryStore()
  readonly #datastore: Datastore
  readonly #files = new Map<string, KnownFile>()
  /** Which file an entry came from. */
  #owners = new Map<string, string>()
  #problems: readonly FileProblem[] = []
  #cancelSecondLook = () => {}
  readonly #stop: () => void

  constructor(options: FileDatastoreOptions) {
    const { path, clock = systemClock, debounceMs = 50, pollMs = 1_000 } = options
    this.#options = options
    this.#clock = clock
    this.description = `file ${path}`
    this.#datastore = this.#store.connect(this.description)
    let files: SeenFile[]
    try {
      files = filesAt(path)
    } catch (cause) {
      throw new DatastoreError((cause as Error).message, false, { cause })
    }
    this.#take(files, true)
    this.#stop = watchPath(path, { clock, debounceMs, pollMs }, () => this.reload())
  }

  get problems(): readonly FileProblem[] {
    return this.#problems
  }

  reload(): void {
    try {
      this.#take(filesAt(this.#options.path), false)
    } catch (error) {
      this.#report([{ file: this.#options.path, line: 0, column: 0, reason: (error as Error).message }])
    }
  }

  #take(files: readonly SeenFile[], first: boolean): void {
    let doubts = false
    for (const file of files) if (this.#read(file, first)) doubts = true
    const present = new Set(files.map(({ name }) => name))
    for (const [name, known] of this.#files) {
      if (present.has(name)) continue
      if (known.doubtful || known.documents.length === 0) this.#files.delete(name)
      else doubts = known.doubtful = true
    }
    this.#cancelSecondLook()
    if (doubts) this.#cancelSecondLook = this.#clock.after(4 * (this.#options.debounceMs ?? 50), () => this.reload())
    this.#commit()
  }

  /** True when the file needs a second look before it is believed. */
  #read(file: SeenFile, first: boolean): boolean {
    const known = this.#files.get(file.name)
    if (known?.stamp === file.stamp && !known.doubtful) return false
    let decoded: DecodedText
    let { stamp } = file
    try {
      decoded = decodeText(file.read())
    } catch (error) {
      decoded = { line: 0, reason: (error as Error).message }
      stamp = ''
    }
    if (!('text' in decoded)) {
      const problem = { file: file.name, column: 0, ...decoded }
      const documents = known?.documents ?? []
      this.#files.set(file.name, { stamp, documents, problems: [problem], doubtful: false })
      return false
    }
    const { text } = decoded
    if (text.trim() === '' && !first && known && known.documents.length > 0 && !known.doubtful) {
      known.doubtful = true
      return true
    }
    const { mapper } = this.#options
    const { documents, problems, remembered } = parseDocuments(file.name, text, mapper, known?.remembered)
    // The first reading has no last good content to keep: what is good in the file counts.
    const good = problems.length === 0 || known === undefined ? documents : known.documents
    this.#files.set(file.name, { stamp: file.stamp, documents: good, problems, remembered, doubtful: false })
    return false
  }

  #commit(): void {
    const problems = [...this.#files.values()].flatMap((file) => file.problems)
    const owners = new Map<string, string>()
    const values = new Map<string, string>()
    for (const name of [...this.#files.keys()].sort()) {
      for (const { key, value, line } of this.#files.get(name)!.documents) {
        const rival = owners.get(key)
        // Within one file it has been told already; the first counts.
        if (rival === name) continue
        if (rival !== undefined) {
          const keeps = this.#owners.get(key) === name ? name : rival
          const loser = keeps === name ? rival : name
          problems.push({ file: loser, line, column: 1, reason: `the same resource as in ${keeps}` })
          if (keeps === rival) continue
        }
        owners.set(key, name)
        values.set(key, value)
      }
    }
    this.#owners = owners
    const changes: KeyChange[] = []
    for (const { key } of this.#store.list('').entries) if (!values.has(key)) changes.push({ key, value: undefined })
    for (const [key, value] of values) if (this.#store.get(key)?.value !== value) changes.push({ key, value })
    this.#store.commit(changes)
    this.#report(problems)
  }

  #report(problems: readonly FileProblem[]): void {
    if (JSON.stringify(problems) === JSON.stringify(this.#problems)) return
    this.#problems = problems
    this.#options.problems?.(problems)
  }

  get(key: string): Promise<Entry | undefined> {
    return this.#datastore.get(key)
  }

  list(prefix: string): Promise<Listing> {
    return this.#datastore.list(prefix)
  }

  watch(prefix: string, from: Revision, sink: WatchSink): Watch {
    return this.#datastore.watch(prefix, from, sink)
  }

  create(key: string): Promise<WriteResult> {
    return this.#refuse(key)
  }

  update(key: string): Promise<WriteResult> {
    return this.#refuse(key)
  }

  delete(key: string): Promise<WriteResult> {
    return this.#refuse(key)
  }

  async close(): Promise<void> {
    this.#cancelSecondLook()
    this.#stop()
    await this.#datastore.close()
  }

  async #refuse(key: string): Promise<WriteResult> {
    throw new DatastoreError(`${this.description} is read-only: edit the file that holds ${key}`, false)
  }
}
