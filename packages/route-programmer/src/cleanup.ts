/**
 * What `starling cleanup` does to the kernel: every route of protocol 12 in our tables goes, and the caller learns which.
 * Other programs' routes are not touched, whatever they look like.
 */

import type { FibDriver } from './driver.js'
import { type KernelRoute, PROTOCOL_BIRD, TABLE_MAIN } from './routes.js'

const BATCH = 512

export interface CleanupResult {
  readonly removed: readonly KernelRoute[]
  readonly failed: readonly { readonly route: KernelRoute; readonly text: string }[]
}

export async function cleanupRoutes(
  driver: FibDriver,
  tables: readonly number[] = [TABLE_MAIN],
): Promise<CleanupResult> {
  const { routes } = await driver.read()
  const ours = routes.filter(({ protocol, table }) => protocol === PROTOCOL_BIRD && tables.includes(table))
  const removed: KernelRoute[] = []
  const failed: { route: KernelRoute; text: string }[] = []
  for (let start = 0; start < ours.length; start += BATCH) {
    const batch = ours.slice(start, start + BATCH)
    const outcomes = await driver.write(batch.map((route) => ({ op: 'delete', route })))
    batch.forEach((route, i) => {
      const { errno = 0, name, text } = outcomes[i] ?? {}
      if (errno === 0) removed.push(route)
      else failed.push({ route, text: [name ?? `errno ${errno}`, text ?? ''].join(' ').trim() })
    })
  }
  return { removed, failed }
}
