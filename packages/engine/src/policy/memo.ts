/**
 * Verdicts remembered per (attribute set, class of source): a small direct-mapped cache.
 *
 * Routes with equal attributes arrive together, so a few thousand places answer nearly all; misses only cost a second
 * evaluation. An entry is valid while neither set's id was reused, which the serials tell. Nothing here holds a reference.
 */
import type { AttrId, AttributeStore } from '../rib/attributes.js'

const FIRST = 64
const LARGEST = 16384
export const MISS = -1

export class VerdictMemo {
  #keys = new Uint32Array(FIRST)
  #inSerial = new Uint32Array(FIRST)
  #out = new Uint32Array(FIRST)
  #outSerial = new Uint32Array(FIRST)
  #conflicts = 0
  readonly #store: AttributeStore

  constructor(store: AttributeStore) {
    this.#store = store
  }

  /** The remembered result (0 = rejected), or {@link MISS}. `kind` is below 4. */
  get(attr: AttrId, kind: number): number {
    const key = attr * 4 + kind
    const at = key & (this.#keys.length - 1)
    if (this.#keys[at] !== key || this.#inSerial[at] !== this.#store.serials[attr]) return MISS
    const out = this.#out[at]
    if (out !== 0 && this.#store.serials[out] !== this.#outSerial[at]) return MISS
    return out
  }

  set(attr: AttrId, kind: number, out: AttrId): void {
    const key = attr * 4 + kind
    let at = key & (this.#keys.length - 1)
    if (this.#keys[at] !== 0 && this.#keys[at] !== key && ++this.#conflicts > this.#keys.length) {
      this.#grow()
      at = key & (this.#keys.length - 1)
    }
    this.#keys[at] = key
    this.#inSerial[at] = this.#store.serials[attr]
    this.#out[at] = out
    this.#outSerial[at] = out === 0 ? 0 : this.#store.serials[out]
  }

  clear(): void {
    this.#keys.fill(0)
  }

  #grow(): void {
    this.#conflicts = 0
    const size = this.#keys.length * 4
    if (size > LARGEST) return
    this.#keys = new Uint32Array(size)
    this.#inSerial = new Uint32Array(size)
    this.#out = new Uint32Array(size)
    this.#outSerial = new Uint32Array(size)
  }
}
