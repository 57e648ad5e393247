import { expect, test } from 'vitest'
import { fakeDaemon } from '../testing/index.js'
import { BFD_METRICS } from './bfd-catalogue.js'
import type { Scrape } from './definition.js'

const SESSION = {
  state: 'Up',
  since: 0,
  remoteState: 'Up',
  diagnostic: 'No Diagnostic',
  remoteDiagnostic: 'No Diagnostic',
  multihop: false,
  transmitInterval: 100,
  detectionTime: 300,
  packetsReceived: 7,
  packetsSent: 8,
  packetsDiscarded: 1,
  downs: 2,
  problem: '',
} as const

/** `name{labels}` to value, for one scrape of these peers. */
function read(bfd: Scrape['bfd'], withSession: boolean): Record<string, number> {
  const peers = fakeDaemon().peerList.map((peer) =>
    withSession && peer.name.startsWith('Global') ? { ...peer, bfd: SESSION } : peer,
  )
  const scrape = { peers, shown: peers, bfd } as unknown as Scrape
  return Object.fromEntries(
    BFD_METRICS.flatMap(({ name, read }) =>
      [...read(scrape)].map(([labels, value]) => [`${name} ${Object.values(labels).join(' ')}`.trim(), value]),
    ),
  )
}

test('a session has its series, the worker its lateness, in seconds', () => {
  const lateness = { p50: 1, p99: 4, maximum: 9 }
  expect(read({ sessions: 1, lateness, strangers: 3 }, true)).toEqual({
    'starling_bfd_sessions AdminDown': 0,
    'starling_bfd_sessions Down': 0,
    'starling_bfd_sessions Init': 0,
    'starling_bfd_sessions Up': 1,
    'starling_bfd_timer_lateness_seconds p50': 0.001,
    'starling_bfd_timer_lateness_seconds p99': 0.004,
    'starling_bfd_timer_lateness_seconds maximum': 0.009,
    starling_bfd_stranger_packets_total: 3,
    'starling_bfd_up Global_192_0_2_1 192.0.2.1': 1,
    'starling_bfd_downs_total Global_192_0_2_1 192.0.2.1': 2,
    'starling_bfd_detection_time_seconds Global_192_0_2_1 192.0.2.1': 0.3,
    'starling_bfd_transmit_interval_seconds Global_192_0_2_1 192.0.2.1': 0.1,
    'starling_bfd_packets_received_total Global_192_0_2_1 192.0.2.1': 7,
    'starling_bfd_packets_sent_total Global_192_0_2_1 192.0.2.1': 8,
    'starling_bfd_packets_discarded_total Global_192_0_2_1 192.0.2.1': 1,
  })
})

test('without a worker there is nothing to say', () => {
  expect(read(undefined, false)).toEqual({})
})
