/**
 * What an operator is told of `peer enable|disable|restart`, with a speaker that does as the engine does.
 */
import { EventLog, type PeerOperation } from '@starling/api'
import { peerView } from '@starling/api/testing'
import { expect, test } from 'vitest'
import { RunningDaemon, type SpeakerViews } from './daemon-ports.js'

const NAME = 'Mesh_10_0_0_12'

/** `after` of an action: what the peer looks like then. */
function daemon(before: object, after: object) {
  let peer = peerView(NAME, '10.0.0.12', before)
  const asked: string[] = []
  const speaker = {
    peers: () => [peer],
    drainStage: () => 'none',
    admin: (_key: string, action: string) => {
      asked.push(action)
      peer = peerView(NAME, '10.0.0.12', after)
      return true
    },
  } as unknown as SpeakerViews
  const parts = { events: new EventLog(), speaker: () => speaker }
  const ports = new RunningDaemon(parts as unknown as ConstructorParameters<typeof RunningDaemon>[0])
  const act = (operation: PeerOperation) => ports.admin({ action: 'peer', operation, peer: '10.0.0.12' })
  return { act, asked }
}

const DOWN = { enabled: false, state: 'Idle', reason: 'administratively down: maintenance' }

test('what was disabled is not brought up by a restart', async () => {
  const { act, asked } = daemon(DOWN, { enabled: true })
  expect(await act('restart')).toEqual({
    ok: false,
    code: 'refused',
    detail: `${NAME} is administratively down: maintenance; enable it to let it come up`,
  })
  expect(asked).toEqual([])
})

test('enable: of one that merely retries nothing changed, of one that a limit held down it did', async () => {
  const retrying = { state: 'Active', reason: 'connection refused' }
  expect(await daemon(retrying, { state: 'Connect', reason: 'connecting' }).act('enable')).toMatchObject({
    ok: true,
    changed: false,
  })
  const limited = { state: 'Idle', reason: 'prefix limit reached: more than 5 ipv4 prefixes from the peer: stays down' }
  expect(await daemon(limited, { state: 'Connect', reason: '' }).act('enable')).toMatchObject({
    ok: true,
    changed: true,
  })
  expect(await daemon(DOWN, { state: 'Connect', reason: '' }).act('enable')).toMatchObject({ ok: true, changed: true })
})

test('enable cannot undo what the configuration says', async () => {
  expect(await daemon(DOWN, DOWN).act('enable')).toMatchObject({
    ok: false,
    code: 'refused',
    detail: expect.stringContaining('stays down by its configuration'),
  })
})
