import { expect, test } from 'vitest'
import { href, parsePlace } from '../route.js'
import { guess } from './guess.js'
import { pathOf } from './request.js'
import { parseMetrics, rates, sampleOf } from './samples.js'
import { FrameReader } from './sse.js'
import { backOff } from './stream.js'

const STREAM =
  'retry: 2000\n\nid: 7\nevent: session-state\ndata: {"id":7}\n\n: still here\n\nevent: gap\ndata: {"missed":3}\n\n'

test('an event stream gives the same frames in pieces of every size', () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const reader = new FrameReader()
    const frames = []
    for (let at = 0; at < STREAM.length; at += size) frames.push(...reader.push(STREAM.slice(at, at + size)))
    expect(frames.map(({ data, event }) => [event, data])).toEqual([
      ['session-state', '{"id":7}'],
      ['gap', '{"missed":3}'],
    ])
  }
})

test('a line without end is refused instead of kept', () => {
  const reader = new FrameReader()
  expect(() => {
    for (let at = 0; at < 100; at++) reader.push('x'.repeat(100_000))
  }).toThrow('endless')
})

test('pauses grow to half a minute and are spread', () => {
  expect([0, 1, 2, 10, 1000].map((attempt) => backOff(attempt, 0.5))).toEqual([1000, 2000, 4000, 30_000, 30_000])
  expect([backOff(0, 0), backOff(0, 1)]).toEqual([750, 1250])
})

test.each([
  ['10.244.0.0/16', 'prefix', '10.244.0.0/16'],
  [' fd00::/64 ', 'prefix', 'fd00::/64'],
  ['10.0.0.12', 'address', '10.0.0.12'],
  ['fe80::1', 'address', 'fe80::1'],
  ['AS64512', 'as', '64512'],
  ['as 64512', 'as', '64512'],
  ['64512', 'as', '64512'],
  ['64512:100', 'community', '64512:100'],
  ['1:2:3', 'community', '1:2:3'],
  ['worker-1', 'name', 'worker-1'],
  ['<script>', 'name', '<script>'],
])('"%s" looks like a %s', (input, kind, text) => {
  expect(guess(input)).toEqual({ kind, text })
})

test('nothing is nothing', () => {
  expect(guess('   ')).toEqual({ kind: 'nothing' })
})

test.each([
  ['overview', '', {}],
  ['prefix', '10.244.0.0/26', {}],
  ['peers', 'fe80::1%eth0', {}],
  ['peers', 'a?b#c&d=e/ü', { filter: 'x & y', sort: '-For' }],
])('an address leads back to %s %s', (view, name, query) => {
  expect(parsePlace(href(view, name, query))).toEqual({ view, name, query })
})

test.each(['', '#', '#/', '#/%E0%A4%A'])('a broken or empty address "%s" does no harm', (hash) => {
  expect(parsePlace(hash).query).toEqual({})
})

test('pathOf leaves out what is not set and escapes the rest', () => {
  expect(pathOf('v1/peers', { state: undefined, kind: '', peer: 'a&b', limit: 3 })).toBe('v1/peers?peer=a%26b&limit=3')
})

const METRICS = `# HELP starling_sessions x
starling_sessions{kind="mesh",state="Established"} 4
starling_sessions{kind="mesh",state="Active"} 1
starling_messages_total{kind="mesh",direction="received",type="update"} 10
starling_messages_total{kind="node",direction="received",type="update"} 5
starling_messages_total{kind="node",direction="sent",type="update"} 2
starling_event_loop_delay_seconds{statistic="max"} 0.25
starling_update_to_kernel_seconds_bucket{le="+Inf"} 3
starling_update_to_kernel_seconds_bucket{le="0.01"} 2
odd{text="a\\"b,c=\\"d\\\\"} 1
`

test('metrics become one flat sample', () => {
  const lines = parseMetrics(METRICS)
  expect(lines.find(({ name }) => name === 'odd')?.labels['text']).toBe('a"b,c="d\\')
  expect(sampleOf(lines, 5)).toMatchObject({
    at: 5,
    established: 4,
    notEstablished: 1,
    updatesIn: 15,
    updatesOut: 2,
    delayMax: 250,
    latency: [
      [0.01, 2],
      [Number.POSITIVE_INFINITY, 3],
    ],
  })
})

test('a counter becomes change per second, with a hole where it began again', () => {
  const at = (time: number, flaps: number) => ({ ...sampleOf([], time), flaps })
  expect(rates([at(0, 5), at(2000, 9), at(3000, 1), at(3000, 2)], (sample) => sample.flaps)).toEqual([
    null,
    2,
    null,
    null,
  ])
})
