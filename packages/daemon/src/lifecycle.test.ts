/** The life of a daemon: what a failed start leaves behind. */
import { expect, test } from 'vitest'
import { startOrStop } from './lifecycle.js'

test('a start that fails is stopped, and its reason survives a stop that fails too', async () => {
  const stops: string[] = []
  const daemon = {
    start: () => Promise.reject(new Error('no such file')),
    stop: (reason: string) => {
      stops.push(reason)
      return Promise.reject(new Error('nothing to stop'))
    },
  }
  await expect(startOrStop(daemon)).rejects.toThrow('no such file')
  expect(stops).toEqual(['the start failed'])
})
