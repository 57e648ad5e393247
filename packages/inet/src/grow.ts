/**
 * Growth of dense columns: typed arrays indexed by an id.
 *
 * Small tables (a simulated node) start small; once a table proves large it is over-reserved in one step, because
 * untouched pages of a fresh typed array take no memory and growing by doubling copies everything again and again
 * (hot-path.md rule 4: 380 MB reserved, 45 MB resident).
 *
 * What is reserved so is no garbage either. V8 counts octets outside its heap as pressure to collect, touched or not: a
 * million routes cost five full collections within their first second, a tenth of its processor time. Shared memory is
 * not counted, and nothing else tells the two kinds apart here: no column leaves the thread.
 */

/**
 * Entries of a column of u32 in a page of memory. Owners of columns that are read before they are written put a 0 into
 * the next page whenever they come to a new one: a fresh page that is read first faults twice, and a fault costs as
 * much as everything else that is done for five routes.
 */
export const PAGE = 1024

const STEPS: readonly number[] = [64, 1024, 16384, 4194304]
/** Octets from which on a column is large. */
const LARGE = 1 << 20

/** The capacity after one that became too small for `needed` entries. */
export function nextCapacity(needed: number): number {
  for (const step of STEPS) if (step >= needed) return step
  let capacity = STEPS[STEPS.length - 1]
  while (capacity < needed) capacity *= 2
  return capacity
}

function room(octets: number): ArrayBuffer {
  if (octets < LARGE) return new ArrayBuffer(octets)
  return new SharedArrayBuffer(octets) as unknown as ArrayBuffer
}

export function growU32(column: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(room(capacity * 4))
  grown.set(column)
  return grown
}

export function growU16(column: Uint16Array, capacity: number): Uint16Array<ArrayBuffer> {
  const grown = new Uint16Array(room(capacity * 2))
  grown.set(column)
  return grown
}

export function growU8(column: Uint8Array, capacity: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(room(capacity))
  grown.set(column)
  return grown
}
