/**
 * The daemon's JSON as the command line reads it: the views of the API with times as RFC 3339 text and ages beside
 * them. Loose on purpose (everything beyond what is shown is ignored), so that an older command reads a newer daemon.
 */
import type { BlockView, KernelRouteView, KernelView, NodeView } from '@starling/api'
import type { BfdView, GroupView, PeerView, RouteView } from '@starling/engine'

/** `since` is RFC 3339, `age` the seconds since then by the daemon's clock. */
export type Presented<T> = {
  readonly [K in keyof T]: K extends 'since' | 'nextRetry' ? string : T[K]
} & { readonly age?: number }

export type PeerJson = Presented<Omit<PeerView, 'lastError' | 'bfd'>> & {
  /** Where the datastore knows whose address it is. */
  readonly node?: string
  readonly bfd?: Presented<BfdView>
  readonly lastError?: {
    readonly name: string
    readonly text?: string
    readonly direction: string
    readonly at: string
  }
}
export type RouteJson = Presented<RouteView>
export type KernelRouteJson = KernelRouteView
export type GroupJson = GroupView
export type BlockJson = BlockView
export type NodeJson = NodeView
export type KernelJson = Omit<KernelView, 'lastSync'> & { readonly lastSync: string }

export interface EventJson {
  readonly id: number
  readonly at: string
  readonly code: string
  readonly level: string
  readonly message: string
  readonly event: { readonly type: string; readonly [field: string]: unknown }
}

/** Reads page after page until `limit` items are there; says whether more would come. */
export async function pages<T>(
  limit: number,
  fetchPage: (limit: number, cursor: string | undefined) => Promise<{ items: readonly T[]; next?: string }>,
): Promise<{ items: T[]; more: boolean }> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const page = await fetchPage(Math.min(1000, limit - items.length), cursor)
    items.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined && items.length < limit)
  return { items, more: cursor !== undefined }
}
