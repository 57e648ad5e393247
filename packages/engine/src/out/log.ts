/**
 * Segments of encoded output shared by all followers of a group, and one follower's cursor over them.
 *
 * Octets are appended once and never changed: a view handed to a transport stays true for as long as the transport
 * likes, and segments are left to the garbage collector instead of being reused (hot-path.md trap 1 cannot happen).
 * Positions count octets since the log began. A cursor carries the peer's own exceptions: spans to skip (runs whose
 * source it is) and messages to insert (the withdrawal only it needs). All boundaries are message boundaries.
 */
import { LIMITS } from '../config/limits.js'

export interface Segment {
  readonly buffer: Uint8Array
  /** Log position of the first octet. */
  readonly base: number
  used: number
  /** The group's flush number (a dump: its entry) when the segment began: what a reader thrown out here goes back to. */
  readonly mark: number
}

export class SegmentLog {
  readonly segments: Segment[] = []
  /** Number of segments dropped at the front: a segment's sequence number minus this is its index. */
  dropped = 0
  start = 0
  end = 0
  #size: number = LIMITS.firstSegment
  #viewStart = -1
  #viewEnd = -1
  #view: Uint8Array = new Uint8Array(0)

  /** Room for `octets` in one piece; write at {@link tail}`.used`, then {@link commit}. */
  reserve(octets: number, mark: number): Segment {
    const last = this.segments[this.segments.length - 1]
    if (last !== undefined && last.buffer.length - last.used >= octets) return last
    if (last !== undefined) this.#size = Math.min(LIMITS.segment, this.#size * 4)
    const segment = { buffer: new Uint8Array(Math.max(this.#size, octets)), base: this.end, used: 0, mark }
    this.segments.push(segment)
    return segment
  }

  commit(segment: Segment, octets: number): void {
    segment.used += octets
    this.end += octets
  }

  /** A view shared by everyone who stands at the same place. */
  view(segment: Segment, from: number, to: number): Uint8Array {
    if (this.#viewStart === from && this.#viewEnd === to) return this.#view
    this.#viewStart = from
    this.#viewEnd = to
    this.#view = segment.buffer.subarray(from - segment.base, to - segment.base)
    return this.#view
  }

  /** Lets go what lies before `position`. */
  trim(position: number): void {
    const { segments } = this
    let drop = 0
    while (drop < segments.length && segments[drop].base + segments[drop].used <= position) {
      // The tail may be appended to until it is full; a quiet log lets even that go, to be small again.
      if (drop === segments.length - 1) break
      drop++
    }
    if (drop > 0) {
      segments.splice(0, drop)
      this.dropped += drop
    }
    this.start = segments.length === 0 ? this.end : segments[0].base
  }

  /** The segment that holds `position`. */
  at(position: number): Segment | undefined {
    const { segments } = this
    for (let i = segments.length - 1; i >= 0; i--) if (segments[i].base <= position) return segments[i]
    return undefined
  }

  /** What is left from `position` on, as a log of its own that nobody appends to. */
  fork(position: number): SegmentLog {
    const copy = new SegmentLog()
    for (const segment of this.segments) if (segment.base + segment.used > position) copy.segments.push({ ...segment })
    copy.start = copy.segments[0]?.base ?? this.end
    copy.end = this.end
    return copy
  }
}

export class LogCursor {
  log: SegmentLog
  position: number
  /** Pairs (from, to) of octets not meant for this peer, ascending. */
  readonly #spans: number[] = []
  #spanHead = 0
  readonly #inserts: { readonly at: number; readonly bytes: Uint8Array }[] = []
  #segment = 0

  constructor(log: SegmentLog, position: number) {
    this.log = log
    this.position = position
    this.#segment = log.dropped
  }

  get done(): boolean {
    return this.position >= this.log.end && this.#inserts.length === 0
  }

  get waiting(): number {
    return this.log.end - this.position
  }

  skip(from: number, to: number): void {
    const spans = this.#spans
    const last = spans.length - 1
    if (last > this.#spanHead && spans[last] === from) spans[last] = to
    else spans.push(from, to)
  }

  insert(at: number, bytes: Uint8Array): void {
    this.#inserts.push({ at, bytes })
  }

  /** The next piece to hand over, undefined when there is none now. Moves behind it. */
  read(): Uint8Array | undefined {
    for (;;) {
      const insert = this.#inserts[0]
      if (insert !== undefined && insert.at <= this.position) {
        this.#inserts.shift()
        return insert.bytes
      }
      const end = insert === undefined ? this.log.end : insert.at
      if (this.position >= end) return undefined
      const spanStart = this.#nextSpan()
      if (spanStart <= this.position) {
        this.position = this.#spans[this.#spanHead + 1]
        continue
      }
      // The place may have jumped over segments that are gone: find it again each time (hot-path.md trap 3).
      const segment = this.#find()
      const to = Math.min(end, spanStart, segment.base + segment.used)
      const view = this.log.view(segment, this.position, to)
      this.position = to
      return view
    }
  }

  /** As {@link read}, small pieces joined into one buffer. */
  readJoined(): Uint8Array | undefined {
    const first = this.read()
    if (first === undefined || this.done || first.length > LIMITS.copyPieces) return first
    if (this.#spanHead >= this.#spans.length && this.#inserts.length === 0) return first
    const pieces = [first]
    let size = first.length
    while (size <= LIMITS.copyPieces) {
      const piece = this.read()
      if (piece === undefined) break
      pieces.push(piece)
      size += piece.length
    }
    if (pieces.length === 1) return first
    const joined = new Uint8Array(size)
    let at = 0
    for (const piece of pieces) {
      joined.set(piece, at)
      at += piece.length
    }
    return joined
  }

  /** Start of the next span at or behind the position, Infinity without one. */
  #nextSpan(): number {
    const spans = this.#spans
    while (this.#spanHead < spans.length && spans[this.#spanHead + 1] <= this.position) this.#spanHead += 2
    if (this.#spanHead < spans.length) return spans[this.#spanHead]
    if (spans.length > 0) {
      spans.length = 0
      this.#spanHead = 0
    }
    return Number.POSITIVE_INFINITY
  }

  #find(): Segment {
    const { segments, dropped } = this.log
    let index = Math.min(segments.length - 1, Math.max(0, this.#segment - dropped))
    while (index < segments.length - 1 && segments[index].base + segments[index].used <= this.position) index++
    while (index > 0 && segments[index].base > this.position) index--
    this.#segment = index + dropped
    return segments[index]
  }
}
