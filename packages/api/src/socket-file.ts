/**
 * The file of a Unix socket outlives its process: what a dead one left is removed, what a live one holds is respected.
 */
import { mkdir, stat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'

/** Makes room for a Unix socket: creates its folder, removes what a dead process left, refuses to take a live one. */
export async function freeSocket(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`${path} exists and is not a socket`)
  if (await socketAnswers(path)) throw new Error(`${path} is in use by another process`)
  await unlink(path)
}

/** Does a living process listen there? */
export function socketAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
