/** `@starling/inet`: IPv4 and IPv6 values, canonical prefixes, prefix interners and a longest-prefix trie. */
export {
  addressDistance,
  addressFromBigInt,
  addressToBigInt,
  addToAddress,
  commonBits,
  compareAddresses,
  isLinkLocal,
  maskBits,
} from './bits.js'
export { growU8, growU16, growU32, nextCapacity, PAGE } from './grow.js'
export { comparePrefixes, type Family, familyBits, familyOfAddress, Prefix } from './prefix.js'
export { type PrefixTable, STAGE_SIZE } from './table.js'
export { PrefixTable4 } from './table4.js'
export { PrefixTable6 } from './table6.js'
export { PrefixTrie } from './trie.js'
