/**
 * A drain's stages in their order, and above all: once called off, it withdraws nothing any more.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Drain } from './drain.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** Changes are served one after the other, as the speaker does it; each takes 100 ms. */
function rig() {
  const stages: string[] = []
  let last: Promise<unknown> = Promise.resolve()
  const drain: Drain = new Drain((set) => {
    last = last.then(async () => {
      set()
      stages.push(drain.stage)
      await new Promise<void>((resolve) => setTimeout(resolve, 100))
    })
    return last
  })
  return { drain, stages }
}

test('routes are marked, and withdrawn when the time is over; a second call joins the first', async () => {
  const { drain, stages } = rig()
  const done = drain.begin(5_000)
  expect(drain.begin(1)).toBe(done)
  await vi.advanceTimersByTimeAsync(5_099)
  expect(stages).toEqual(['leaving'])
  await vi.advanceTimersByTimeAsync(200)
  await done
  expect(stages).toEqual(['leaving', 'drained'])
})

test.each([
  ['in the same moment', 0],
  ['while routes are being marked', 50],
  ['while the others choose', 3_000],
])('called off %s, everything is announced again and stays so', async (_, after) => {
  const { drain, stages } = rig()
  const done = drain.begin(5_000)
  await vi.advanceTimersByTimeAsync(after)
  const undone = drain.cancel()
  await vi.advanceTimersByTimeAsync(20_000)
  await Promise.all([done, undone])
  expect(stages).toEqual(['leaving', 'none'])
})

test('after it was called off it can begin anew, with its whole time', async () => {
  const { drain, stages } = rig()
  const first = drain.begin(5_000)
  await vi.advanceTimersByTimeAsync(4_000)
  const undone = drain.cancel()
  const again = drain.begin(5_000)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(stages).toEqual(['leaving', 'none', 'leaving'])
  await vi.advanceTimersByTimeAsync(10_000)
  await Promise.all([first, undone, again])
  expect(drain.stage).toBe('drained')
})

test('a process that ends holds no timer, and who waits for the drain hears of its end', async () => {
  const { drain, stages } = rig()
  const done = drain.begin(5_000)
  await vi.advanceTimersByTimeAsync(1_000)
  drain.callOff()
  await done
  expect(vi.getTimerCount()).toBe(0)
  expect(stages).toEqual(['leaving'])
})
