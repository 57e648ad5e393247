/**
 * Growth of dense columns: typed arrays indexed by an id.
 *
 * Small tables (a simulated node) start small; once a table proves large it is over-reserved in one step, because
 * untouched pages of a fresh typed array take no memory and growing by doubling copies everything again and again
 * (hot-path.md rule 4: 380 MB reserved, 45 MB resident).
 */

const STEPS: readonly number[] = [64, 1024, 16384, 131072, 4194304]

/** The capacity after one that became too small for `needed` entries. */
export function nextCapacity(needed: number): number {
  for (const step of STEPS) if (step >= needed) return step
  let capacity = STEPS[STEPS.length - 1]
  while (capacity < needed) capacity *= 2
  return capacity
}

export function growU32(column: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(capacity)
  grown.set(column)
  return grown
}

export function growU16(column: Uint16Array, capacity: number): Uint16Array<ArrayBuffer> {
  const grown = new Uint16Array(capacity)
  grown.set(column)
  return grown
}

export function growU8(column: Uint8Array, capacity: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(capacity)
  grown.set(column)
  return grown
}
