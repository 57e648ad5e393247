import { expect, test } from 'vitest'
import type { Summary } from './data/types.js'
import { age, bytes, count, labels, lasting, milliseconds, sentence, type Trouble } from './words.js'

test.each([
  [0.4, 'now'],
  [40, '40 s'],
  [61, '1 min'],
  [3660, '1 h 1 min'],
  [7200, '2 h'],
  [90_000, '1 d 1 h'],
  [Number.NaN, ''],
])('age of %d seconds is "%s"', (seconds, words) => {
  expect(age(seconds)).toBe(words)
})

test('nothing lasts "for now"', () => {
  expect([lasting(0.2), lasting(40)]).toEqual(['less than 1 s', '40 s'])
})

test.each([
  [500, '500 B'],
  [1536, '1.5 kB'],
  [2000, '2 kB'],
  [200_000_000, '200 MB'],
  [1e12, '1000 GB'],
])('%d bytes are "%s"', (value, words) => {
  expect(bytes(value)).toBe(words)
})

test('ticks of an axis that would read alike are left out, but for whole numbers', () => {
  expect(labels([0, 0.5, 1], bytes)).toEqual(['0 B', '', '1 B'])
  expect(labels([0, 0.5, 1], String)).toEqual(['0', '0.5', '1'])
})

test('numbers are grouped by thin spaces, delays rounded to what matters', () => {
  expect(count(1_234_567)).toBe('1\u2009234\u2009567')
  expect([milliseconds(1.23), milliseconds(45.6), milliseconds(1234)]).toEqual(['1.2 ms', '46 ms', '1.2 s'])
})

const NOW = Date.parse('2026-08-04T08:00:00Z')
const GOOD: Summary = {
  identity: {
    role: 'node',
    name: 'worker-1',
    version: '0.1.0',
    asNumber: 64512,
    routerId: '10.0.0.11',
    listen: [],
    startedAt: '',
    configuredAt: '',
    configGeneration: 1,
  },
  ready: { ok: true, policy: 'any', reasons: [] },
  live: { ok: true, policy: 'live', reasons: [] },
  gracefulRestart: { recovering: false, waitingFor: [] },
  sessions: { mesh: { Established: 3 } },
  tables: [{ family: 'ipv4', prefixes: 9, paths: 9 }],
  kernel: {
    driver: 'memory',
    synchronized: true,
    desired: 9,
    installed: 9,
    pending: 0,
    failed: 0,
    drifted: 0,
    repairs: 0,
    errors: 0,
    resyncs: 1,
    lastSync: '',
  },
  datastore: {
    description: 'memory',
    status: 'in-sync',
    detail: '',
    since: '',
    age: 1,
    revision: 1,
    keys: 1,
    problems: [],
  },
  memory: { structures: [], process: { rss: 0, heapUsed: 0, external: 0 } },
  loopDelay: { mean: 0, p50: 0, p99: 0, max: 0 },
  lastEvent: 0,
}
const kernel = GOOD.kernel!

const CASES: readonly (readonly [
  what: string,
  change: Partial<Summary>,
  troubles: readonly Trouble[],
  tone: string,
  text: string,
])[] = [
  ['all is well', {}, [], 'ok', 'All 3 sessions are up, 9 prefixes known, 9 routes in the kernel. Nothing is wrong.'],
  [
    'a reflector has no kernel',
    { kernel: null },
    [],
    'ok',
    'All 3 sessions are up, 9 prefixes known. Nothing is wrong.',
  ],
  [
    'nobody is configured',
    { sessions: {} },
    [],
    'ok',
    'No peer is configured, 9 prefixes known, 9 routes in the kernel. Nothing is wrong.',
  ],
  [
    'two sessions to one node are down and its routes are held',
    { sessions: { mesh: { Established: 812, Active: 1, Connect: 1 } } },
    [
      { peer: 'a', node: 'node-17', staleUntil: '2026-08-04T08:01:36Z' },
      { peer: 'b', node: 'node-17' },
    ],
    'bad',
    '2 of 814 sessions down, both to node-17 (routes held by graceful restart for 96 s more).',
  ],
  [
    'many are down',
    { sessions: { mesh: { Established: 1, Idle: 5 } } },
    ['a', 'b', 'c', 'd', 'e'].map((peer) => ({ peer })),
    'bad',
    '5 of 6 sessions down, to a, b, c and 2 more.',
  ],
  [
    'refusal and drift',
    { kernel: { ...kernel, failed: 2, drifted: 1 } },
    [],
    'bad',
    'The kernel refused 2 routes; 1 kernel route drifted and is being repaired.',
  ],
  ['routes wait', { kernel: { ...kernel, pending: 4 } }, [], 'wait', '4 kernel routes waiting to be written.'],
  [
    'the datastore is lost',
    { datastore: { ...GOOD.datastore, status: 'waiting' } },
    [],
    'wait',
    'The datastore is waiting and the last snapshot stays in force.',
  ],
  [
    'our own graceful restart',
    { gracefulRestart: { recovering: true, until: '2026-08-04T08:00:30Z', waitingFor: ['tor1'] } },
    [],
    'wait',
    'Routes held by graceful restart for 30 s more, waiting for tor1.',
  ],
  [
    'not ready for another reason',
    { ready: { ok: false, policy: 'any', reasons: [{ code: 'draining', message: 'told to drain' }] } },
    [],
    'bad',
    'Not ready: told to drain.',
  ],
]

test.each(CASES)('the sentence when %s', (_what, change, troubles, tone, text) => {
  expect(sentence({ ...GOOD, ...change }, troubles, NOW)).toEqual({ tone, text })
})
