/**
 * A block as a value (calico.md 1.10): who owns it, which ordinal belongs to whom, in which order the free ones go out.
 *
 * Operations take a block and return the next one; nothing here reads or writes. Members that we do not know survive,
 * because the value is changed member by member, and sequence numbers are bigints: they start at nanoseconds since 1970
 * and a JavaScript number would round two writers to the same one.
 */
import { Prefix } from '@starling/inet'
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  rfc3339Seconds,
  stringifyJson,
} from '@starling/resources'
import { addressText } from './address.js'
import { IpamError } from './context.js'

/** Members of the owner's choice: `node`, `namespace`, `pod`, `timestamp`, or `node` and `type` for tunnels. */
export type Attributes = Readonly<Record<string, string>>

export interface Allocation {
  readonly ordinal: number
  readonly address: string
  readonly handle: string | undefined
  readonly attributes: Attributes
  readonly sequence: bigint | undefined
  /** Released, but kept back until the cooldown is over (RFC 3339). */
  readonly releasedAt: string | undefined
}

const NANOSECONDS_PER_MILLISECOND = 1_000_000n

export class Block {
  readonly #raw: JsonObject
  readonly prefix: Prefix

  private constructor(raw: JsonObject, prefix: Prefix) {
    this.#raw = raw
    this.prefix = prefix
  }

  static parse(text: string): Block {
    const raw = parseJson(text)
    const prefix = isJsonObject(raw) && typeof raw['cidr'] === 'string' ? Prefix.parse(raw['cidr']) : undefined
    if (!isJsonObject(raw) || prefix === undefined || !Array.isArray(raw['allocations'])) {
      throw new IpamError('invalid-data', 'not an IPAM block')
    }
    return new Block(raw, prefix)
  }

  /** Empty, for a new claim; members in the order of Calico's writer. */
  static create(prefix: Prefix, owner: string, now: number): Block {
    const size = Number(prefix.size)
    const raw: JsonObject = {
      cidr: prefix.toString(),
      affinity: owner,
      affinity_claim_time: rfc3339Seconds(now),
      allocations: new Array<JsonValue>(size).fill(null),
      unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
      attributes: null,
      sequenceNumber: BigInt(Math.floor(now)) * NANOSECONDS_PER_MILLISECOND,
      sequenceNumberForAllocation: {},
      deleted: false,
    }
    return new Block(raw, prefix)
  }

  get cidr(): string {
    return this.prefix.toString()
  }

  get size(): number {
    return this.#allocations.length
  }

  /** `host:worker-1`; undefined when nobody owns it. The legacy member counts where the new one is missing. */
  get affinity(): string | undefined {
    const { affinity, hostAffinity } = this.#raw
    if (typeof affinity === 'string' && affinity !== '') return affinity
    return typeof hostAffinity === 'string' && hostAffinity !== '' ? `host:${hostAffinity}` : undefined
  }

  /** Milliseconds since 1970; undefined on old blocks. */
  get claimedAt(): number | undefined {
    const time = this.#raw['affinity_claim_time']
    return typeof time === 'string' ? parseTime(time) : undefined
  }

  get sequence(): bigint {
    const value = this.#raw['sequenceNumber']
    return typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : 0n
  }

  get free(): readonly number[] {
    const value = this.#raw['unallocated']
    return Array.isArray(value) ? value.filter((item) => typeof item === 'number') : []
  }

  /** Addresses that Windows nodes keep for themselves do not make a block used. */
  get isEmpty(): boolean {
    return this.allocations().every(({ handle }) => handle?.toLowerCase() === 'windows-reserved-ipam-handle')
  }

  addressOf(ordinal: number): string {
    const bytes = this.prefix.addressAt(ordinal)
    return bytes === undefined ? '' : addressText(bytes)
  }

  allocations(): readonly Allocation[] {
    const out: Allocation[] = []
    const attributes = this.#attributes
    this.#allocations.forEach((index, ordinal) => {
      if (typeof index !== 'number') return
      const attribute = attributes[index]
      out.push({
        ordinal,
        address: this.addressOf(ordinal),
        handle: text(attribute?.['handle_id']),
        attributes: strings(attribute?.['secondary']),
        sequence: this.#sequences.get(ordinal),
        releasedAt: text(attribute?.['releasedAt']),
      })
    })
    return out
  }

  /** Another owner, or none. */
  withAffinity(owner: string | undefined, now: number): Block {
    return this.#with({
      affinity: owner ?? null,
      affinity_claim_time: owner === undefined ? null : rfc3339Seconds(now),
      ...(this.#raw['hostAffinity'] === undefined ? {} : { hostAffinity: null }),
    })
  }

  /** The same content with the next sequence number: whoever read it before cannot write any more. */
  touched(): Block {
    return this.#with({})
  }

  /** Gives `ordinals` (all free) to one handle. */
  assign(ordinals: readonly number[], handle: string, attributes: Attributes): Block {
    const taken = new Set(ordinals)
    const list = [...this.#attributes]
    let index = list.findIndex((item) => sameAttribute(item, handle, attributes))
    if (index < 0) index = list.push({ handle_id: handle, secondary: { ...attributes } }) - 1
    const sequences = new Map(this.#sequences)
    for (const ordinal of ordinals) sequences.set(ordinal, this.sequence)
    return this.#with({
      allocations: this.#allocations.map((value, ordinal) => (taken.has(ordinal) ? index : value)),
      unallocated: this.free.filter((ordinal) => !taken.has(ordinal)),
      attributes: list,
      sequenceNumberForAllocation: sequenceObject(sequences),
    })
  }

  /** Takes ordinals back: at once to the tail of the free ones, or marked until a cooldown is over. */
  release(ordinals: readonly number[], now: number, cooldownSeconds = 0): Block {
    if (cooldownSeconds > 0) return this.#mark(ordinals, now)
    const freed = new Set(ordinals)
    const sequences = new Map(this.#sequences)
    for (const ordinal of ordinals) sequences.delete(ordinal)
    const allocations = this.#allocations.map((value, ordinal) => (freed.has(ordinal) ? null : value))
    return this.#with({
      ...compact(allocations, this.#attributes),
      unallocated: [...this.free, ...ordinals],
      sequenceNumberForAllocation: sequenceObject(sequences),
    })
  }

  /** What a cooldown kept back and may go now. */
  cooled(now: number, cooldownSeconds: number): readonly number[] {
    return this.allocations()
      .filter(({ releasedAt }) => {
        const at = releasedAt === undefined ? undefined : parseTime(releasedAt)
        return at !== undefined && now - at >= cooldownSeconds * 1000
      })
      .map(({ ordinal }) => ordinal)
  }

  toString(): string {
    return stringifyJson(this.#raw)
  }

  get #allocations(): JsonValue[] {
    return this.#raw['allocations'] as JsonValue[]
  }

  get #attributes(): JsonObject[] {
    const value = this.#raw['attributes']
    return Array.isArray(value) ? value.map((item) => (isJsonObject(item) ? item : {})) : []
  }

  get #sequences(): Map<number, bigint> {
    const value = this.#raw['sequenceNumberForAllocation']
    const entries = isJsonObject(value) ? Object.entries(value) : []
    return new Map(
      entries.flatMap(([ordinal, sequence]): [number, bigint][] =>
        typeof sequence === 'number' || typeof sequence === 'bigint' ? [[Number(ordinal), BigInt(sequence)]] : [],
      ),
    )
  }

  #mark(ordinals: readonly number[], now: number): Block {
    const attributes = [...this.#attributes]
    const marked = new Set(ordinals)
    const allocations = this.#allocations.map((value, ordinal) => {
      if (!marked.has(ordinal) || typeof value !== 'number') return value
      return attributes.push({ ...attributes[value], releasedAt: rfc3339Seconds(now) }) - 1
    })
    return this.#with(compact(allocations, attributes))
  }

  #with(members: JsonObject): Block {
    return new Block({ ...this.#raw, ...members, sequenceNumber: this.sequence + 1n }, this.prefix)
  }
}

const text = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined)

function strings(value: JsonValue | undefined): Attributes {
  if (!isJsonObject(value)) return {}
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]): [string, string][] => (typeof item === 'string' ? [[key, item]] : [])),
  )
}

function sameAttribute(item: JsonObject, handle: string, attributes: Attributes): boolean {
  if (item['handle_id'] !== handle || item['releasedAt'] !== undefined) return false
  const theirs = strings(item['secondary'])
  const names = Object.keys(attributes)
  return names.length === Object.keys(theirs).length && names.every((name) => theirs[name] === attributes[name])
}

/** Drops attributes that no allocation points at, and renumbers. */
function compact(allocations: readonly JsonValue[], attributes: readonly JsonObject[]): JsonObject {
  const used = [...new Set(allocations.filter((value) => typeof value === 'number'))].sort((a, b) => a - b)
  const renumbered = new Map(used.map((old, index) => [old, index]))
  return {
    allocations: allocations.map((value) => (typeof value === 'number' ? (renumbered.get(value) ?? null) : value)),
    attributes: used.map((index) => attributes[index] ?? {}),
  }
}

function sequenceObject(sequences: ReadonlyMap<number, bigint>): JsonObject {
  return Object.fromEntries([...sequences].map(([ordinal, value]) => [String(ordinal), value]))
}

/** RFC 3339 with any fraction and offset to milliseconds since 1970; undefined for anything else. */
export function parseTime(value: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/.exec(value)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  // Days since 1970 in the proleptic Gregorian calendar, years beginning in March.
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const days =
    era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468
  const offset = (match[8] === '-' ? -1 : 1) * (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0))
  const fraction = match[7] === undefined ? 0 : Math.floor(Number(match[7]) * 1000)
  return ((days * 24 + hour) * 60 + minute - offset) * 60_000 + second * 1000 + fraction
}
