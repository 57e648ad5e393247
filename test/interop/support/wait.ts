/**
 * Waiting for the real world: a condition looked at again and again, with a limit and a message that says what is.
 */

const INTERVAL = 25
/** Nothing waits this long where things work; a busy machine may need many times what is usual. */
const LIMIT = 90_000

/** Resolves when the condition holds; rejects with its last state when it does not within `limit` milliseconds. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: { readonly limit?: number; readonly state?: () => string } = {},
): Promise<void> {
  const end = performance.now() + (options.limit ?? LIMIT)
  for (;;) {
    if (await condition()) return
    if (performance.now() > end) throw new Error(`not in time: ${what}\n${options.state?.() ?? ''}`)
    await pause(INTERVAL)
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
