/**
 * The thread that waits for the kernel, so that the thread with the BGP sessions does not: a send of routes may take tens
 * of milliseconds (an RCU grace period), a dump half a second. It moves bytes and understands none of them. Its sockets
 * live in the network namespace of the thread that started it.
 */

import { parentPort } from 'node:worker_threads'
import { type DumpVisitor, dump, openNotificationSocket, openRequestSocket } from '@starling/netlink/socket'
import { DUMPS, GROUPS } from './outbound.js'
import type { FromWorker, ToWorker } from './worker-messages.js'

const CHUNK_BYTES = 64 * 1024
const HEADER = 16

/** Messages one behind the other in a buffer, handed on when full. */
class Packer {
  private bytes = new Uint8Array(CHUNK_BYTES)
  private length = 0
  private readonly full: (buffer: ArrayBuffer, length: number) => void

  constructor(full: (buffer: ArrayBuffer, length: number) => void) {
    this.full = full
  }

  /** `from` and `to` bound the payload; its header stands before it. */
  add(bytes: Uint8Array, from: number, to: number): void {
    const size = to - from + HEADER
    if (this.length + size + 3 > this.bytes.length) this.flush(size)
    this.bytes.set(bytes.subarray(from - HEADER, to), this.length)
    this.length += (size + 3) & ~3
  }

  get empty(): boolean {
    return this.length === 0
  }

  flush(next = 0): void {
    if (this.length > 0) this.full(this.bytes.buffer as ArrayBuffer, this.length)
    this.bytes = new Uint8Array(Math.max(CHUNK_BYTES, next + HEADER))
    this.length = 0
  }
}

const port = parentPort
if (port === null) throw new Error('this file is a worker')

const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)
const requests = openRequestSocket()
let gap: string | undefined

const events = new Packer((buffer, length) => post({ op: 'events', buffer, length }, [buffer]))
const notifications = openNotificationSocket(
  GROUPS,
  {
    message: (_type, _port, bytes, from, to) => events.add(bytes, from, to),
    gap: (reason) => {
      gap = reason
    },
    turnEnd: () => {
      if (!events.empty) events.flush()
      if (gap === undefined) return
      const buffer = new ArrayBuffer(0)
      post({ op: 'events', buffer, length: 0, gap }, [buffer])
      gap = undefined
    },
  },
  requests.port,
)

async function read(id: number): Promise<void> {
  let interrupted = false
  const packer = new Packer((buffer, length) => post({ op: 'chunk', id, buffer, length }, [buffer]))
  const visit: DumpVisitor = (_type, bytes, from, to) => packer.add(bytes, from, to)
  for (const { type, encode } of DUMPS) interrupted = (await dump(type, encode, visit)).interrupted || interrupted
  packer.flush()
  post({ op: 'read-end', id, interrupted })
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

port.on('message', (message: ToWorker) => {
  if (message.op === 'close') {
    notifications.close()
    requests.close()
    port.close()
  } else if (message.op === 'read') {
    read(message.id).catch((error: unknown) => post({ op: 'failed', id: message.id, text: wordsOf(error) }))
  } else {
    const { id, buffer, length, first, count } = message
    try {
      const errors = requests.exchange(new Uint8Array(buffer), length, first, count)
      post({ op: 'outcome', id, buffer, errors }, [buffer])
    } catch (error) {
      post({ op: 'failed', id, text: wordsOf(error) })
    }
  }
})
