/**
 * Protocol-buffer bytes to values and back, driven by descriptor tables (`messages.ts`): the only code that knows tags,
 * varints and lengths. It covers what etcd's messages use: varints, booleans, strings, bytes, nested and repeated
 * messages. Fields nobody described are skipped, as the encoding demands of old readers.
 *
 * Integers become numbers; one beyond 2^53 is an error rather than a wrong number (ids, which fill 64 bits, are `id`:
 * decimal strings). https://protobuf.dev/programming-guides/encoding
 */

export type FieldType = 'int' | 'id' | 'bool' | 'string' | 'bytes' | Descriptor

export interface Field {
  readonly number: number
  readonly name: string
  readonly type: FieldType
  readonly repeated?: true
}

export interface Descriptor {
  readonly fields: readonly Field[]
  readonly byNumber: readonly (Field | undefined)[]
}

/** What the tables describe; `messages.ts` gives each message its exact type. */
export type Message = Record<string, unknown>

/** A table row is `[number, name, type]`, with a fourth cell `'repeated'`. */
export type Row = readonly [number, string, FieldType] | readonly [number, string, FieldType, 'repeated']

export function descriptor(...rows: readonly Row[]): Descriptor {
  const fields = rows.map(([number, name, type, repeated]): Field => {
    return repeated ? { number, name, type, repeated: true } : { number, name, type }
  })
  const byNumber: (Field | undefined)[] = []
  for (const field of fields) byNumber[field.number] = field
  return { fields, byNumber }
}

export class WireError extends Error {
  override readonly name = 'WireError'
}

const NO_BYTES = Buffer.alloc(0)

const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const FIXED32 = 5

class Reader {
  readonly bytes: Buffer
  at: number
  readonly end: number

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  /** A varint as a number; negative int64 values arrive as ten bytes and come back negative. */
  int(): number {
    const start = this.at
    let value = 0
    let scale = 1
    for (let i = 0; i < 7; i++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    this.at = start
    const big = BigInt.asIntN(64, this.big())
    const number = Number(big)
    if (!Number.isSafeInteger(number)) throw new WireError(`integer ${big} beyond 2^53`)
    return number
  }

  big(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new WireError('varint of more than ten bytes')
  }

  length(): number {
    const length = this.int()
    if (length < 0 || this.at + length > this.end) throw new WireError('length beyond the end of the message')
    return length
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.big()
    else if (wireType === LENGTH) {
      // Apart: `this.at += this.length()` would add to the position before the length.
      const length = this.length()
      this.at += length
    } else if (wireType === FIXED64) this.at += 8
    else if (wireType === FIXED32) this.at += 4
    else throw new WireError(`wire type ${wireType}`)
    if (this.at > this.end) throw new WireError('field beyond the end of the message')
  }

  #byte(): number {
    if (this.at >= this.end) throw new WireError('message ends inside a varint')
    return this.bytes[this.at++]!
  }
}

export function decode(table: Descriptor, bytes: Buffer): Message {
  return decodeRange(table, new Reader(bytes, 0, bytes.length))
}

function decodeRange(table: Descriptor, reader: Reader): Message {
  const message: Message = {}
  for (const field of table.fields) message[field.name] = field.repeated ? [] : initial(field.type)
  while (reader.at < reader.end) {
    const tag = reader.int()
    const field = table.byNumber[tag >>> 3]
    if (field === undefined) {
      reader.skip(tag & 7)
      continue
    }
    const wanted = field.type === 'int' || field.type === 'bool' || field.type === 'id' ? VARINT : LENGTH
    if ((tag & 7) !== wanted) throw new WireError(`field ${field.name}: wire type ${tag & 7}`)
    const value = decodeField(field.type, reader)
    if (field.repeated) (message[field.name] as unknown[]).push(value)
    else message[field.name] = value
  }
  return message
}

function decodeField(type: FieldType, reader: Reader): unknown {
  if (type === 'int') return reader.int()
  if (type === 'bool') return reader.int() !== 0
  if (type === 'id') return reader.big().toString()
  const length = reader.length()
  const start = reader.at
  reader.at += length
  if (type === 'string') return reader.bytes.toString('utf8', start, start + length)
  // A copy: a view would keep the whole received message alive.
  if (type === 'bytes') return Buffer.from(reader.bytes.subarray(start, start + length))
  return decodeRange(type, new Reader(reader.bytes, start, start + length))
}

function initial(type: FieldType): unknown {
  if (type === 'int') return 0
  if (type === 'bool') return false
  if (type === 'id') return '0'
  if (type === 'string') return ''
  return type === 'bytes' ? NO_BYTES : undefined
}

export function encode(table: Descriptor, message: Message): Buffer {
  const parts: Buffer[] = []
  for (const field of table.fields) {
    const value = message[field.name]
    if (value === undefined) continue
    if (field.repeated) for (const each of value as unknown[]) encodeField(parts, field, each, true)
    else encodeField(parts, field, value, false)
  }
  return Buffer.concat(parts)
}

/** Zero, false and empty are proto3's defaults and stay unwritten, except inside a repeated field or a `oneof` message. */
function encodeField(parts: Buffer[], { number, type }: Field, value: unknown, always: boolean): void {
  if (type === 'int' || type === 'id' || type === 'bool') {
    const big = BigInt.asUintN(64, BigInt(value as number | string | boolean))
    if (big !== 0n || always) parts.push(varint(BigInt(number << 3)), varint(big))
    return
  }
  const bytes = typeof type === 'object' ? encode(type, value as Message) : Buffer.from(value as string)
  if (bytes.length === 0 && typeof type !== 'object' && !always) return
  parts.push(varint(BigInt((number << 3) | LENGTH)), varint(BigInt(bytes.length)), bytes)
}

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}
