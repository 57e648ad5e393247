/**
 * Longest-prefix match: a binary trie over typed arrays, one per family.
 *
 * For lookups by people and by policy (pools, own blocks, reject lists): tens of thousands of prefixes at most. The RIB
 * answers a longest match by probing the interner once per length instead, so no trie has to follow a million routes.
 * A node is three words (two children, a value); values are numbers from 1 on, 0 means "none".
 */
import type { Prefix } from './prefix.js'

export class PrefixTrie {
  #left = new Uint32Array(64)
  #right = new Uint32Array(64)
  #value = new Uint32Array(64)
  #nodes = 2
  size = 0

  /** Sets the value (at least 1) of a prefix; returns the one it replaced, or 0. */
  set(prefix: Prefix, value: number): number {
    let node = prefix.family === 'ipv4' ? 0 : 1
    for (let i = 0; i < prefix.length; i++) node = this.#child(node, bit(prefix.bytes, i))
    const before = this.#value[node]
    this.#value[node] = value
    if (before === 0) this.size++
    return before
  }

  /** Takes the prefix out; its nodes stay for the next one. */
  delete(prefix: Prefix): number {
    const node = this.#node(prefix)
    if (node < 0) return 0
    const before = this.#value[node]
    this.#value[node] = 0
    if (before !== 0) this.size--
    return before
  }

  get(prefix: Prefix): number {
    const node = this.#node(prefix)
    return node < 0 ? 0 : this.#value[node]
  }

  /** Value of the longest prefix that holds the address (of at most `maximum` bits), or 0. */
  longest(address: Uint8Array, maximum: number = address.length * 8): number {
    let node = address.length === 4 ? 0 : 1
    let best = this.#value[node]
    for (let i = 0; i < maximum; i++) {
      node = bit(address, i) === 0 ? this.#left[node] : this.#right[node]
      if (node === 0) break
      if (this.#value[node] !== 0) best = this.#value[node]
    }
    return best
  }

  /** Value of the longest stored prefix that contains this one (itself included), or 0. */
  covering(prefix: Prefix): number {
    return this.longest(prefix.bytes, prefix.length)
  }

  #node(prefix: Prefix): number {
    let node = prefix.family === 'ipv4' ? 0 : 1
    for (let i = 0; i < prefix.length; i++) {
      node = bit(prefix.bytes, i) === 0 ? this.#left[node] : this.#right[node]
      if (node === 0) return -1
    }
    return node
  }

  #child(node: number, side: number): number {
    const children = side === 0 ? this.#left : this.#right
    if (children[node] !== 0) return children[node]
    const made = this.#nodes++
    if (made >= this.#value.length) {
      this.#left = doubled(this.#left)
      this.#right = doubled(this.#right)
      this.#value = doubled(this.#value)
    }
    const target = side === 0 ? this.#left : this.#right
    target[node] = made
    return made
  }
}

function bit(bytes: Uint8Array, index: number): number {
  return (bytes[index >>> 3] >>> (7 - (index & 7))) & 1
}

function doubled(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(column.length * 2)
  grown.set(column)
  return grown
}
