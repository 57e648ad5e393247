/** Patterns with `*`, as BIRD takes them for names of protocols and for masks of AS paths. */

/** `*` is any number of characters, `?` is one. */
export const glob = (pattern: string, text: string): boolean =>
  starMatches(pattern, text, (item, character) => item === '?' || item === character)

/**
 * Does the pattern cover all of the sequence? `*` in it is any number of elements; `one` judges every other item.
 * Iterative on purpose: a pattern from outside must not choose how long we think.
 */
export function starMatches<Item, Element>(
  pattern: ArrayLike<Item | '*'>,
  sequence: ArrayLike<Element>,
  one: (item: Item | '*', element: Element) => boolean,
): boolean {
  let p = 0
  let t = 0
  let star = -1
  let mark = 0
  while (t < sequence.length) {
    const item = pattern[p]
    if (item === '*') {
      star = p++
      mark = t
    } else if (item !== undefined && one(item, sequence[t] as Element)) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++mark
    } else {
      return false
    }
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
