/**
 * Small things about messages on their way out: counting them, and the data of a prefix-limit CEASE.
 */
import { MessageType, Safi } from '@starling/bgp-packet'

/**
 * Counts the messages in a buffer of whole messages by type. Peers of an update group get the same view object one
 * after the other, so the last answer is kept: the walk is paid once per segment, not once per peer.
 */
export class MessageCounter {
  #last: Uint8Array | undefined
  readonly #counts = new Uint32Array(8)
  /** Of the last buffer: the common case touches one counter of a peer, not five. */
  #updatesOnly = false

  add(bytes: Uint8Array, to: Uint32Array): void {
    const counts = this.#counts
    if (bytes !== this.#last) this.#walk(bytes)
    if (this.#updatesOnly) to[MessageType.update] += counts[MessageType.update]
    else for (let type = 1; type < 6; type++) to[type] += counts[type]
  }

  #walk(bytes: Uint8Array): void {
    this.#counts.fill(0)
    this.#last = bytes
    this.#updatesOnly = true
    let at = 0
    while (at + 19 <= bytes.length) {
      const type = bytes[at + 18]
      if (type !== MessageType.update) this.#updatesOnly = false
      this.#counts[type & 7]++
      // Our own packer made them; still, a length that does not move on must not hang the process.
      at += Math.max(19, (bytes[at + 16] << 8) | bytes[at + 17])
    }
  }
}

/** RFC 4486 section 4: AFI, SAFI and the upper bound. */
export function limitData(afi: number, maximum: number): Uint8Array {
  const data = new Uint8Array(7)
  const view = new DataView(data.buffer)
  view.setUint16(0, afi)
  view.setUint8(2, Safi.unicast)
  view.setUint32(3, Math.min(maximum, 0xffffffff))
  return data
}
