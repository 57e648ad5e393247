/**
 * What passes between the main thread and the netlink worker. The format of everything large is rtnetlink's own: buffers
 * of whole messages that change hands instead of being copied; no route is ever cloned as an object.
 *
 *   main -> worker   submit (encoded writes)   read   close
 *   worker -> main   outcome (failures, the buffer back)   chunk (messages of a dump)   read-end   events   failed
 */

import type { ItemError } from '@starling/netlink/socket'

export type ToWorker =
  | {
      readonly op: 'submit'
      readonly id: number
      readonly buffer: ArrayBuffer
      readonly length: number
      readonly first: number
      readonly count: number
    }
  | { readonly op: 'read'; readonly id: number }
  | { readonly op: 'close' }

export type FromWorker =
  | { readonly op: 'outcome'; readonly id: number; readonly buffer: ArrayBuffer; readonly errors: readonly ItemError[] }
  | { readonly op: 'chunk'; readonly id: number; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly op: 'read-end'; readonly id: number; readonly interrupted: boolean }
  /** `gap` with the reason when some were lost. */
  | { readonly op: 'events'; readonly buffer: ArrayBuffer; readonly length: number; readonly gap?: string }
  | { readonly op: 'failed'; readonly id: number; readonly text: string }
