/**
 * The files behind a path and the moment they change. A path is one file, or a folder whose `.yaml`, `.yml` and `.json`
 * files count (not hidden ones, not subfolders: as `kubectl apply -f`). A mounted ConfigMap, which swaps a symbolic link,
 * works because files are read through it.
 *
 * Change notices of the kernel are a hint that saves waiting; a look every second finds what they miss (network file
 * systems, replaced folders). This is the only file of the driver that touches the disk.
 */
import { type FSWatcher, readdirSync, readFileSync, statSync, watch } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../clock.js'

export interface SeenFile {
  readonly name: string
  /** Differs whenever the content may differ. */
  readonly stamp: string
  read(): Uint8Array
}

/** Throws what the file system says when the path itself cannot be read. */
export function filesAt(path: string): SeenFile[] {
  if (!statSync(path).isDirectory()) return [seen(path)]
  const names = readdirSync(path).filter((name) => !name.startsWith('.') && /\.(ya?ml|json)$/.test(name))
  return names.sort().flatMap((name) => {
    const file = join(path, name)
    // Gone between the two calls: then it is simply not there.
    return statSync(file, { throwIfNoEntry: false })?.isFile() ? [seen(file)] : []
  })
}

function seen(file: string): SeenFile {
  const { mtimeNs, ctimeNs, size, ino } = statSync(file, { bigint: true })
  return { name: file, stamp: `${mtimeNs}/${ctimeNs}/${size}/${ino}`, read: () => readFileSync(file) }
}

export interface FolderOptions {
  readonly clock: Clock
  /** Quiet time after a change before files are read: editors write in several steps. */
  readonly debounceMs: number
  readonly pollMs: number
}

/** Calls `look` after every change and every `pollMs`. The answer stops. */
export function watchPath(path: string, { clock, debounceMs, pollMs }: FolderOptions, look: () => void): () => void {
  let notices: FSWatcher | undefined
  let cancelLook: (() => void) | undefined
  let cancelPoll = () => {}
  const soon = () => {
    cancelLook?.()
    cancelLook = clock.after(debounceMs, () => {
      cancelLook = undefined
      look()
    })
  }
  const arm = () => {
    if (notices) return
    try {
      // A file is watched through its folder: saving often replaces the file, and a notice on the old one is lost.
      const folder = statSync(path).isDirectory() ? path : dirname(path)
      const watcher = watch(folder, soon)
      notices = watcher
      watcher.on('error', () => {
        watcher.close()
        notices = undefined
      })
    } catch {
      notices = undefined
    }
  }
  const poll = () => {
    arm()
    if (!cancelLook) look()
    cancelPoll = clock.after(pollMs, poll)
  }
  arm()
  cancelPoll = clock.after(pollMs, poll)
  return () => {
    cancelLook?.()
    cancelPoll()
    notices?.close()
  }
}
