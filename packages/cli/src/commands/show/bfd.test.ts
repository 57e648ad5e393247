import { expect, test } from 'vitest'
import { type BfdJson, bfdLine, bfdNotes, bfdTable } from './bfd.js'

const UP: BfdJson = {
  state: 'Up',
  since: '2026-01-01T00:00:00.000Z',
  age: 65,
  remoteState: 'Up',
  diagnostic: 'No Diagnostic',
  remoteDiagnostic: 'No Diagnostic',
  multihop: false,
  transmitInterval: 100,
  detectionTime: 300,
  packetsReceived: 10,
  packetsSent: 11,
  packetsDiscarded: 0,
  downs: 0,
  problem: '',
}

test.each<[string, Partial<BfdJson>, string]>([
  ['all is well', {}, ''],
  ['a new session', { state: 'Down', remoteState: 'Down' }, 'nothing heard yet'],
  ['a broken path', { state: 'Down', diagnostic: 'Control Detection Time Expired' }, 'Control Detection Time Expired'],
  ['switched off there', { state: 'Down', remoteState: 'AdminDown' }, 'switched off by the peer'],
  ['a wrong key', { state: 'Down', problem: 'last packet discarded: wrong key' }, 'last packet discarded: wrong key'],
  ['the peer’s word', { state: 'Down', remoteDiagnostic: 'Path Down' }, 'peer: Path Down'],
])('%s', (_what, change, words) => {
  expect(bfdNotes({ ...UP, ...change })).toBe(words)
})

test('one line in the details of a peer, none without BFD', () => {
  expect(bfdLine(UP)).toMatch(/^Up for 1m ?0?5s, every 100 ms, detects in 300 ms$/)
  expect(bfdLine(undefined)).toBeUndefined()
})

test('no session is said in words', () => {
  expect(bfdTable([], { wide: false } as Parameters<typeof bfdTable>[1])).toBe('No peer has BFD.\n')
})
