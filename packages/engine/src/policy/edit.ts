/**
 * A route under policy: what conditions read and actions change, and the attribute set that comes out.
 *
 * One reused object. Scalars are copied from the store's columns; lists (communities, AS_PATH) are decoded when a term
 * first asks. `commit` writes the canonical block again only when something changed, so an untouched route keeps its
 * AttrId for the price of a few field reads. Runs once per (set, policy) as long as no term looks at the prefix.
 */
import {
  type AsPath,
  AttributeBlock,
  AttributeCode,
  BY_CODE,
  ByteWriter,
  type Community,
  decodeAsPath,
  encodeAsPath,
  Flag,
  type LargeCommunity,
  writeAttribute,
  writeAttributeHeader,
} from '@starling/bgp-packet'
import { type AttrId, type AttributeStore, SetFlag } from '../rib/attributes.js'
import type { FamilyIndex } from '../rib/contract.js'
import type { RouteSource } from './types.js'

export type WellKnown = (typeof Community)[keyof typeof Community]

const TRANSITIVE = Flag.transitive
const OPTIONAL_TRANSITIVE = Flag.optional | Flag.transitive
/** RFC 4360 section 2: the T bit of an extended community's type. */
const NON_TRANSITIVE = 0x40
const EXTENDED_OCTETS = 8

/** One for all: a set is written and interned within one call. */
const SCRATCH = new ByteWriter(new Uint8Array(70_000))

export class RouteEdit {
  readonly store: AttributeStore
  // What the route is.
  family: FamilyIndex = 0
  readonly words = new Uint32Array(4)
  length = 0
  source: RouteSource = 'bgp'
  learnedFrom: 'ebgp' | 'ibgp' | 'local' = 'local'
  interface: string | undefined
  /** Of the session the policy runs on. */
  external = false
  defaultLocalPref = 100

  // What policy may change.
  localPref: number | undefined
  med: number | undefined
  medSet = false
  metric: number | undefined
  preference = 0
  nextHopAction: string | undefined
  /** Goes to the left of everything, the own AS included (calico.md 2.8, measured). */
  readonly prepend: number[] = []

  #attr: AttrId = 0
  #outer = 0
  #dirty = false
  #parsed = false
  #communities: number[] | undefined
  #large: LargeCommunity[] | undefined
  #asPath: AsPath | undefined
  #pathChanged = false
  #communitiesChanged = false
  #transitiveOnly = false
  #nextHop: number | undefined
  readonly #drop: number[] = []
  readonly #block = new AttributeBlock()
  readonly #writer = SCRATCH
  #otc: number | undefined

  constructor(store: AttributeStore) {
    this.store = store
  }

  /** Starts on a set; the fields that say what the route is are the caller's to set. */
  begin(attr: AttrId): void {
    const { store } = this
    this.#attr = attr
    this.#outer = store.outer(attr)
    this.#dirty = false
    this.#parsed = false
    this.#communities = undefined
    this.#large = undefined
    this.#asPath = undefined
    this.#pathChanged = false
    this.#communitiesChanged = false
    this.#transitiveOnly = false
    this.#nextHop = undefined
    this.#otc = undefined
    // Setting a length is slow even when it is the same one.
    if (this.#drop.length > 0) this.#drop.length = 0
    if (this.prepend.length > 0) this.prepend.length = 0
    this.nextHopAction = undefined
    this.medSet = false
    const flags = store.flags[attr]
    this.localPref = flags & SetFlag.localPref ? store.localPrefs[attr] : undefined
    this.med = flags & SetFlag.med ? store.meds[attr] : undefined
    this.preference = store.preferences[attr]
    this.metric = undefined
    this.interface = undefined
  }

  get attr(): AttrId {
    return this.#attr
  }

  get flags(): number {
    return this.store.flags[this.#attr]
  }

  get nextHop(): number {
    return this.#nextHop ?? this.store.nextHop[this.#attr]
  }

  setNextHop(id: number): void {
    if (id === this.store.nextHop[this.#attr]) return
    this.#nextHop = id
    this.#dirty = true
  }

  setLocalPref(value: number | undefined): void {
    if (value === this.localPref) return
    this.localPref = value
    this.#dirty = true
  }

  setMed(value: number | undefined): void {
    this.medSet = true
    if (value === this.med) return
    this.med = value
    this.#dirty = true
  }

  setPreference(value: number): void {
    if (value === this.preference) return
    this.preference = value
    this.#dirty = true
  }

  setOtc(value: number): void {
    this.#otc = value
    this.#dirty = true
  }

  get otc(): number | undefined {
    if (this.#otc !== undefined) return this.#otc
    if ((this.flags & SetFlag.otc) === 0) return undefined
    this.#read()
    return this.#block.u32(AttributeCode.otc)
  }

  /** Takes an attribute out; the mandatory ones stay, because a route without them is none. */
  dropAttribute(code: number): void {
    if (code <= AttributeCode.nextHop || !this.hasAttribute(code)) return
    this.#drop.push(code)
    this.#dirty = true
    if (code === AttributeCode.med) this.med = undefined
    else if (code === AttributeCode.localPref) this.localPref = undefined
    else if (code === AttributeCode.communities || code === AttributeCode.largeCommunities) {
      if (code === AttributeCode.communities) this.#communities = []
      else this.#large = []
      this.#communitiesChanged = true
    }
  }

  hasAttribute(code: number): boolean {
    this.#read()
    return this.#block.has(code) && !this.#drop.includes(code)
  }

  get communities(): readonly number[] {
    if (this.#communities === undefined) {
      this.#communities = []
      this.#read()
      const code = AttributeCode.communities
      if (this.#block.has(code)) {
        const { buffer } = this.#block
        for (let at = this.#block.start(code); at + 4 <= this.#block.end(code); at += 4) {
          this.#communities.push(u32(buffer, at))
        }
      }
    }
    return this.#communities
  }

  get largeCommunities(): readonly LargeCommunity[] {
    if (this.#large === undefined) {
      this.#large = []
      this.#read()
      const code = AttributeCode.largeCommunities
      if (this.#block.has(code)) {
        const { buffer } = this.#block
        for (let at = this.#block.start(code); at + 12 <= this.#block.end(code); at += 12) {
          this.#large.push({ global: u32(buffer, at), local1: u32(buffer, at + 4), local2: u32(buffer, at + 8) })
        }
      }
    }
    return this.#large
  }

  addCommunity(value: number): void {
    if (this.communities.includes(value)) return
    this.#communities?.push(value)
    this.#changedCommunities()
  }

  removeCommunity(value: number): void {
    const at = this.communities.indexOf(value)
    if (at < 0) return
    this.#communities?.splice(at, 1)
    this.#changedCommunities()
  }

  addLarge(value: LargeCommunity): void {
    if (this.largeCommunities.some((known) => sameLarge(known, value))) return
    this.#large?.push(value)
    this.#changedCommunities()
  }

  removeLarge(value: LargeCommunity): void {
    const at = this.largeCommunities.findIndex((known) => sameLarge(known, value))
    if (at < 0) return
    this.#large?.splice(at, 1)
    this.#changedCommunities()
  }

  /** RFC 4360 section 6: a non-transitive extended community, link bandwidth for one, does not cross the border of an AS. */
  dropNonTransitive(): void {
    const code = AttributeCode.extendedCommunities
    if (!this.hasAttribute(code)) return
    const { buffer } = this.#block
    for (let at = this.#block.start(code); at < this.#block.end(code); at += EXTENDED_OCTETS) {
      if ((buffer[at] & NON_TRANSITIVE) === 0) continue
      this.#transitiveOnly = true
      this.#dirty = true
      return
    }
  }

  get asPath(): AsPath {
    if (this.#asPath === undefined) {
      this.#read()
      const code = AttributeCode.asPath
      this.#asPath = decodeAsPath(this.#block.buffer, this.#block.start(code), this.#block.end(code), 4)
    }
    return this.#asPath
  }

  setAsPath(path: AsPath): void {
    this.#asPath = path
    this.#pathChanged = true
    this.#dirty = true
  }

  /** AS numbers to the left of the path, first the leftmost. */
  prependToPath(sequence: readonly number[]): void {
    if (sequence.length === 0) return
    const [first, ...rest] = this.asPath
    if (first?.type === 'sequence') {
      this.setAsPath([{ type: 'sequence', asns: [...sequence, ...first.asns] }, ...rest])
    } else {
      this.setAsPath([{ type: 'sequence', asns: [...sequence] }, ...this.asPath])
    }
  }

  /** The resulting set: the one begun with when nothing changed, otherwise interned (a new one without reference). */
  commit(): AttrId {
    if (!this.#dirty) return this.#attr
    this.#read()
    const { store } = this
    const block = this.#block
    const writer = this.#writer
    writer.reset(writer.buffer)
    const hop = this.nextHop
    const inline = this.family === 0 && store.nextHops.bytes(hop).length === 4
    let code = 0
    // A merge of the old block (ascending) with the attributes that changed (ascending by construction).
    for (let i = 0; i <= block.count; i++) {
      const next = i < block.count ? block.codes[i] : 256
      for (const own of OWNED) if (own > code && own < next) this.#write(own, inline, hop)
      code = next
      if (next === 256) break
      if (OWNED.includes(next)) this.#write(next, inline, hop)
      else if (!this.#drop.includes(next)) this.#copy(next)
    }
    if (writer.overflow) return 0
    const outer = inline ? 0 : (this.#nextHop ?? (store.flags[this.#attr] & SetFlag.inlineNextHop ? hop : this.#outer))
    return store.intern(writer.buffer, 0, writer.at, outer, this.preference)
  }

  #changedCommunities(): void {
    this.#communitiesChanged = true
    this.#dirty = true
  }

  #read(): void {
    if (this.#parsed) return
    this.store.read(this.#attr, this.#block)
    this.#parsed = true
  }

  #copy(code: number): void {
    if (code === AttributeCode.extendedCommunities && this.#transitiveOnly) {
      this.#writeTransitive()
      return
    }
    const row = BY_CODE[code]
    const flags = row === undefined ? this.#block.flags(code) : row.flags | (this.#block.flags(code) & Flag.partial)
    writeAttribute(
      this.#writer,
      flags & ~Flag.extendedLength,
      code,
      this.#block.buffer,
      this.#block.start(code),
      this.#block.end(code),
    )
  }

  #writeTransitive(): void {
    const code = AttributeCode.extendedCommunities
    const all = this.#block.buffer.subarray(this.#block.start(code), this.#block.end(code))
    const kept = all.filter((_octet, i) => (all[i - (i % EXTENDED_OCTETS)] & NON_TRANSITIVE) === 0)
    if (kept.length === 0) return
    const partial = this.#block.flags(code) & Flag.partial
    writeAttribute(this.#writer, OPTIONAL_TRANSITIVE | partial, code, kept, 0, kept.length)
  }

  #keep(code: number): void {
    if (this.#block.has(code)) this.#copy(code)
  }

  /** Attributes that have a field of their own. */
  #write(code: number, inline: boolean, hop: number): void {
    if (code === AttributeCode.asPath) {
      if (this.#pathChanged) this.#writeAsPath()
      else this.#keep(code)
    } else if (code === AttributeCode.nextHop) {
      if (inline) writeAttribute(this.#writer, TRANSITIVE, code, this.store.nextHops.bytes(hop), 0, 4)
    } else if (code === AttributeCode.med) {
      this.#number(code, Flag.optional, this.med)
    } else if (code === AttributeCode.localPref) {
      this.#number(code, TRANSITIVE, this.localPref)
    } else if (code === AttributeCode.communities) {
      if (this.#communitiesChanged) this.#writeCommunities()
      else this.#keep(code)
    } else if (code === AttributeCode.largeCommunities) {
      if (this.#communitiesChanged) this.#writeLarge()
      else this.#keep(code)
    } else if (code === AttributeCode.otc) {
      if (!this.#drop.includes(code)) this.#number(code, OPTIONAL_TRANSITIVE, this.otc)
    }
  }

  #writeAsPath(): void {
    const size = this.asPath.reduce((sum, { asns }) => sum + asns.length * 4 + Math.ceil(asns.length / 255) * 2, 0)
    writeAttributeHeader(this.#writer, TRANSITIVE, AttributeCode.asPath, size)
    encodeAsPath(this.#writer, this.asPath, 4)
  }

  #writeCommunities(): void {
    const list = this.communities
    if (list.length === 0) return
    writeAttributeHeader(this.#writer, OPTIONAL_TRANSITIVE, AttributeCode.communities, list.length * 4)
    for (const value of list) this.#writer.u32(value)
  }

  #writeLarge(): void {
    const list = this.largeCommunities
    if (list.length === 0) return
    writeAttributeHeader(this.#writer, OPTIONAL_TRANSITIVE, AttributeCode.largeCommunities, list.length * 12)
    for (const value of list) {
      this.#writer.u32(value.global)
      this.#writer.u32(value.local1)
      this.#writer.u32(value.local2)
    }
  }

  #number(code: number, flags: number, value: number | undefined): void {
    if (value === undefined) return
    writeAttributeHeader(this.#writer, flags, code, 4)
    this.#writer.u32(value)
  }
}

const OWNED: readonly number[] = [
  AttributeCode.asPath,
  AttributeCode.nextHop,
  AttributeCode.med,
  AttributeCode.localPref,
  AttributeCode.communities,
  AttributeCode.largeCommunities,
  AttributeCode.otc,
]

function u32(buffer: Uint8Array, at: number): number {
  return ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0
}

function sameLarge(a: LargeCommunity, b: LargeCommunity): boolean {
  return a.global === b.global && a.local1 === b.local1 && a.local2 === b.local2
}
