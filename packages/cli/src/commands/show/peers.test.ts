import { expect, test } from 'vitest'
import { capabilityLines } from './peers.js'

const lines = (advertised: string[], received: string[]) =>
  capabilityLines({ capabilities: { advertised, received } }).trimEnd().split('\n')

test('a capability both have with different content is not told as one that a side lacks', () => {
  expect(
    lines(
      [
        'multiprotocol ipv4 unicast',
        'multiprotocol ipv6 unicast',
        'four-octet-as 65000',
        'long-lived-graceful-restart ',
      ],
      [
        'multiprotocol ipv4 unicast',
        'four-octet-as 4200000001',
        'long-lived-graceful-restart ipv4 unicast 60 s',
        'fqdn vm',
      ],
    ),
  ).toEqual([
    'Capabilities, both: multiprotocol ipv4 unicast',
    '  differing:        four-octet-as (ours: 65000; theirs: 4200000001)',
    '  differing:        long-lived-graceful-restart (ours: nothing in it; theirs: ipv4 unicast 60 s)',
    '  only ours:        multiprotocol ipv6 unicast',
    '  only theirs:      fqdn vm',
  ])
})

test('sides that agree have one line, and none at all before an OPEN came', () => {
  expect(lines(['route-refresh'], ['route-refresh'])).toEqual(['Capabilities, both: route-refresh'])
  expect(capabilityLines({ capabilities: { advertised: [], received: [] } })).toBe('')
})

test('octets of the peer do not reach the terminal as they are', () => {
  expect(capabilityLines({ capabilities: { advertised: ['fqdn a'], received: ['fqdn \u001b[2J'] } })).not.toContain(
    '\u001b',
  )
})
