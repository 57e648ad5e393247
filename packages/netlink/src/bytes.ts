/**
 * Bytes of netlink: a growing writer for messages and (nested) attributes, and the attribute walk for reading.
 * Host order is little endian on every machine we run on; addresses and ports inside attributes are network order.
 * Attributes no codec knows are kept as they came, so that a message read and written again is the same message.
 */

/** An attribute as found: its type with the nested and byte-order bits, and its payload. */
export interface Attribute {
  readonly type: number
  readonly data: Uint8Array
}

const HEADER = 16
/** A buffer that was given away does not grow again from nothing byte by byte. */
const LEAST = 4096
/** NLA_TYPE_MASK: the two top bits mark nesting and byte order. */
export const ATTRIBUTE_TYPE_MASK = 0x3fff
export const NLA_F_NESTED = 0x8000

/** Messages one behind the other in one buffer, ready for a single send. Reused between batches. */
export class MessageWriter {
  bytes: Uint8Array
  length = 0
  private view: DataView
  private start = 0

  constructor(capacity = 65536) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  reset(): void {
    this.length = 0
  }

  /** Gives the buffer away with what was written (`length` says how much); the next message makes a new one. */
  release(): ArrayBuffer {
    const { buffer } = this.bytes
    this.bytes = new Uint8Array(0)
    this.view = new DataView(this.bytes.buffer)
    this.length = 0
    return buffer as ArrayBuffer
  }

  /** Takes a buffer back for later messages, unless it has a better one by now. */
  adopt(buffer: ArrayBuffer): void {
    if (this.length > 0 || buffer.byteLength <= this.bytes.length) return
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
  }

  /** nlmsghdr; the length is filled in by `end`, the port stays 0 (the kernel knows it). */
  begin(type: number, flags: number, sequence: number): void {
    this.start = this.length
    this.room(HEADER)
    this.view.setUint16(this.start + 4, type, true)
    this.view.setUint16(this.start + 6, flags, true)
    this.view.setUint32(this.start + 8, sequence, true)
    this.view.setUint32(this.start + 12, 0, true)
    this.length += HEADER
  }

  end(): void {
    this.view.setUint32(this.start, this.length - this.start, true)
  }

  /** Adds flags to the message begun last: the acknowledgement of a batch is asked of its last message alone. */
  addFlags(flags: number): void {
    this.view.setUint16(this.start + 6, this.view.getUint16(this.start + 6, true) | flags, true)
  }

  u8(value: number): void {
    this.room(1)
    this.bytes[this.length++] = value
  }

  u16(value: number): void {
    this.room(2)
    this.view.setUint16(this.length, value, true)
    this.length += 2
  }

  u32(value: number): void {
    this.room(4)
    this.view.setUint32(this.length, value >>> 0, true)
    this.length += 4
  }

  /** Starts an attribute whose length `close` fills in; returns its place. */
  open(type: number): number {
    const at = this.length
    this.u16(0)
    this.u16(type)
    return at
  }

  close(at: number): void {
    this.view.setUint16(at, this.length - at, true)
    this.align()
  }

  /** struct rtmsg without source and TOS: one check of the room instead of nine. */
  routeHeader(
    family: number,
    length: number,
    table: number,
    protocol: number,
    scope: number,
    type: number,
    flags: number,
  ): void {
    this.room(12)
    const { bytes, length: at } = this
    bytes[at] = family
    bytes[at + 1] = length
    bytes[at + 2] = 0
    bytes[at + 3] = 0
    bytes[at + 4] = table < 256 ? table : 0
    bytes[at + 5] = protocol
    bytes[at + 6] = scope
    bytes[at + 7] = type
    this.view.setUint32(at + 8, flags >>> 0, true)
    this.length = at + 12
  }

  attribute(type: number, data: Uint8Array): void {
    const size = data.length
    this.room(8 + size)
    const { bytes, length: at } = this
    this.view.setUint16(at, 4 + size, true)
    this.view.setUint16(at + 2, type, true)
    // A loop beats TypedArray.set by far for addresses.
    if (size <= 16) for (let i = 0; i < size; i++) bytes[at + 4 + i] = data[i]
    else bytes.set(data, at + 4)
    this.length = at + 4 + size
    this.align()
  }

  attributeU32(type: number, value: number): void {
    this.room(8)
    const at = this.length
    this.view.setUint16(at, 8, true)
    this.view.setUint16(at + 2, type, true)
    this.view.setUint32(at + 4, value >>> 0, true)
    this.length = at + 8
  }

  attributeU8(type: number, value: number): void {
    this.u16(5)
    this.u16(type)
    this.u8(value)
    this.align()
  }

  /** Text with the terminating zero the kernel wants. */
  attributeText(type: number, text: string): void {
    this.u16(4 + text.length + 1)
    this.u16(type)
    for (let i = 0; i < text.length; i++) this.u8(text.charCodeAt(i))
    this.u8(0)
    this.align()
  }

  attributes(list: readonly Attribute[]): void {
    for (const { type, data } of list) this.attribute(type, data)
  }

  /** Overwrites a u16 already written, for lengths known late (rtnexthop). */
  patchU16(at: number, value: number): void {
    this.view.setUint16(at, value, true)
  }

  private align(): void {
    while (this.length & 3) this.u8(0)
  }

  private room(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count, LEAST))
    larger.set(this.bytes)
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }
}

/**
 * Calls `visit` for each attribute between `start` and `end` with its bare type and payload range. A length that does
 * not fit ends the walk: what follows cannot be located.
 */
export function walkAttributes(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (type: number, from: number, to: number, fullType: number) => void,
): void {
  let at = start
  while (at + 4 <= end) {
    const length = readU16(bytes, at)
    if (length < 4 || at + length > end) return
    const fullType = readU16(bytes, at + 2)
    visit(fullType & ATTRIBUTE_TYPE_MASK, at + 4, at + length, fullType)
    at += (length + 3) & ~3
  }
}

export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8)
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
}

export function readI32(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) | 0
}

/** Text up to the terminating zero. */
export function readText(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to && bytes[i] !== 0; i++) text += String.fromCharCode(bytes[i])
  return text
}
