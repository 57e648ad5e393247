import { expect, test } from 'vitest'
import { fakeDaemon } from '../testing/index.js'
import type { Scrape } from './definition.js'
import { DISCOVERY_METRICS } from './discovery-catalogue.js'

const VIEW = {
  interface: 'eth0',
  neighbor: 'fe80::1%eth0',
  reason: '',
  routers: [{ address: 'fe80::1', age: 5 }],
  advertisementsSent: 1,
  advertisementsReceived: 2,
  solicitationsSent: 3,
  solicitationsReceived: 4,
  discarded: 5,
  lastDiscard: '',
}

test('an unnumbered peer has series of its link, others have none', () => {
  const peers = fakeDaemon().peerList.map((peer, i) => (i === 0 ? { ...peer, name: 'u', discovery: VIEW } : peer))
  const scrape = { peers, shown: [] } as unknown as Scrape
  const read = DISCOVERY_METRICS.flatMap(({ name, read }) =>
    [...read(scrape)].map(([labels, value]) => [`${name} ${Object.values(labels).join(' ')}`, value]),
  )
  expect(Object.fromEntries(read)).toEqual({
    'starling_unnumbered_neighbor u eth0': 1,
    'starling_unnumbered_routers u eth0': 1,
    'starling_unnumbered_advertisements_sent_total u eth0': 1,
    'starling_unnumbered_advertisements_received_total u eth0': 2,
    'starling_unnumbered_solicitations_sent_total u eth0': 3,
    'starling_unnumbered_solicitations_received_total u eth0': 4,
    'starling_unnumbered_discarded_total u eth0': 5,
  })
})
