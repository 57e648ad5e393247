/**
 * Two folders that matter beside the datastore: mounted secrets (`<name>/<key>`), and Felix's endpoint status files
 * (calico.md 2.13). Both are read whole every two seconds and compared: mounted secrets change by swapping a symlink,
 * which file notifications report in five different ways or not at all.
 *
 * A folder that cannot be read is an empty one plus a problem, told once per different text.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_WORKLOADS, type Workloads, workloadsOf } from './workloads.js'

const INTERVAL_MS = 2_000
/** A secret or status file larger than this is a mistake. */
const FILE_LIMIT = 64 * 1024

export interface FolderListener {
  changed(): void
  problem(text: string): void
}

abstract class Folder<T> {
  protected readonly path: string
  readonly #listener: FolderListener
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #seen = ''
  #problem = ''
  abstract value: T

  constructor(path: string, listener: FolderListener) {
    this.path = path
    this.#listener = listener
  }

  /** The first read is awaited, so that the first plan already knows. */
  async start(): Promise<void> {
    await this.#look(false)
    this.#again()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  /** Text of everything in the folder that matters, for comparison, and the value made of it. */
  protected abstract read(): Promise<{ readonly seen: string; readonly value: T }>

  #again(): void {
    this.#timer = setTimeout(() => {
      this.#look(true)
        .then(() => {
          if (!this.#stopped) this.#again()
        })
        .catch((error: unknown) => this.#listener.problem(String(error)))
    }, INTERVAL_MS)
    this.#timer.unref()
  }

  async #look(tell: boolean): Promise<void> {
    try {
      const { seen, value } = await this.read()
      this.#problem = ''
      if (seen === this.#seen) return
      this.#seen = seen
      this.value = value
      if (tell && !this.#stopped) this.#listener.changed()
    } catch (error) {
      // The last value stays: a folder that vanished for a moment must not drop passwords.
      const text = `${this.path}: ${error instanceof Error ? error.message : String(error)}`
      if (text !== this.#problem) this.#listener.problem(text)
      this.#problem = text
    }
  }
}

/** Values by `name/key`, one trailing newline cut, as `kubectl create secret --from-file` users expect. */
export async function readSecrets(path: string): Promise<ReadonlyMap<string, string>> {
  const value = new Map<string, string>()
  for (const name of await visible(path)) {
    for (const key of await visible(join(path, name)).catch(() => [])) {
      const text = await small(join(path, name, key))
      if (text !== undefined) value.set(`${name}/${key}`, text.replace(/\r?\n$/, ''))
    }
  }
  return value
}

/** What Felix wrote, as it stands now. `before`: the last good of files that cannot be used at the moment stays. */
export async function readWorkloads(path: string, before: Workloads = NO_WORKLOADS): Promise<Workloads> {
  const texts = new Map<string, string | undefined>()
  for (const name of await visible(path)) texts.set(name, await small(join(path, name)))
  return workloadsOf(texts, before)
}

export class SecretsFolder extends Folder<ReadonlyMap<string, string>> {
  value: ReadonlyMap<string, string> = new Map()

  protected async read(): Promise<{ seen: string; value: ReadonlyMap<string, string> }> {
    const value = await readSecrets(this.path)
    return { seen: JSON.stringify([...value]), value }
  }
}

export class WorkloadFolder extends Folder<Workloads> {
  value: Workloads = NO_WORKLOADS

  protected async read(): Promise<{ seen: string; value: Workloads }> {
    // Felix makes the folder when it first needs it.
    const value = existsSync(this.path) ? await readWorkloads(this.path, this.value) : NO_WORKLOADS
    return { seen: JSON.stringify([[...value.files], value.problems]), value }
  }
}

/** Names in order, without hidden ones: Kubernetes keeps its own links as `..data`. */
async function visible(path: string): Promise<readonly string[]> {
  return (await readdir(path)).filter((name) => !name.startsWith('.')).sort()
}

async function small(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8')
    return text.length > FILE_LIMIT ? undefined : text
  } catch {
    return undefined
  }
}
