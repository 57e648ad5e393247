/**
 * `drain` and `undrain` through the ports, with a speaker that only remembers.
 */
import { EventLog } from '@starling/api'
import { expect, test } from 'vitest'
import { RunningDaemon, type SpeakerViews } from './daemon-ports.js'

type Stage = ReturnType<SpeakerViews['drainStage']>

function daemon() {
  let stage: Stage = 'none'
  const times: (number | undefined)[] = []
  let draining: Promise<void> | undefined
  let finish: () => void = () => undefined
  const speaker = {
    drainStage: () => stage,
    drain: (time?: number) => {
      stage = 'leaving'
      times.push(time)
      draining ??= new Promise<void>((resolve) => {
        finish = () => {
          if (stage === 'leaving') stage = 'drained'
          resolve()
        }
      })
      return draining
    },
    undrain: async () => {
      stage = 'none'
    },
  } as unknown as SpeakerViews
  const parts = {
    events: new EventLog(),
    speaker: () => speaker,
    health: () => ({
      graceful: { recovering: false, waitingFor: [] },
      started: true,
      requiredPeers: [],
      excusedPeers: [],
    }),
  }
  const ports = new RunningDaemon(parts as unknown as ConstructorParameters<typeof RunningDaemon>[0])
  return { ports, times, finish: () => finish() }
}

test('a drain is answered when the routes are withdrawn; readiness says so from the beginning', async () => {
  const { ports, times, finish } = daemon()
  expect(ports.health().draining).toBeUndefined()
  const answer = ports.admin({ action: 'drain', enabled: true, reason: 'new kernel', timeout: 30 })
  await Promise.resolve()
  expect(ports.health().draining).toBe('new kernel')
  expect(times).toEqual([30_000])
  // preStop, while the operator's own drain is under way: it waits as well.
  const second = ports.admin({ action: 'drain', enabled: true, reason: 'preStop' })
  finish()
  expect(await second).toMatchObject({ ok: true, changed: false })
  expect(await answer).toMatchObject({ ok: true, changed: true, detail: expect.stringContaining('sessions stay up') })
  expect(await ports.admin({ action: 'drain', enabled: false })).toMatchObject({ ok: true, changed: true })
  expect(ports.health().draining).toBeUndefined()
  expect(await ports.admin({ action: 'drain', enabled: false })).toMatchObject({ ok: true, changed: false })
})

test('who takes a drain back ends the waiting for it', async () => {
  const { ports, finish } = daemon()
  const answer = ports.admin({ action: 'drain', enabled: true })
  await ports.admin({ action: 'drain', enabled: false })
  finish()
  expect(await answer).toMatchObject({ ok: true, changed: false, detail: 'the drain was taken back' })
})
