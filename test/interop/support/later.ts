/** What a test starts and what stops behind it: `afterEach(stopAll)` stands in every file that uses `later`. */
interface Stoppable {
  stop(): Promise<void>
}

const running: Stoppable[] = []

export function later<T extends Stoppable>(thing: T): T {
  running.push(thing)
  return thing
}

/** In the order of the start. */
export async function stopAll(): Promise<void> {
  for (const thing of running.splice(0)) await thing.stop()
}
