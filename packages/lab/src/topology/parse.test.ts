/** The format of topology/*.yaml: what a good file becomes, and what every kind of mistake is answered with. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { loadTopology, parseTopology } from './parse.js'

const shipped = fileURLToPath(new URL('../../../../topology/', import.meta.url))

const GOOD = `name: two
racks:
  - { name: r1, subnet: 10.0.1.0/24 }
tors:
  - { name: t1, as: 64601, racks: [r1] }
nodes:
  - { name: a, rack: r1 }
  - { name: b, rack: r1, address: 10.0.1.11, pods: 2, labels: { zone: x } }
`

describe('parseTopology', () => {
  test('fills in defaults and hands out addresses around those that are given', () => {
    const topology = parseTopology('t.yaml', GOOD)
    expect(topology.asNumber).toBe(64512)
    expect(topology.mesh).toBe(true)
    expect(topology.pools).toEqual([{ cidr: '10.244.0.0/16', blockSize: 26 }])
    expect(topology.tors[0]?.legs).toEqual([{ segment: 'r1', address: '10.0.1.1', length: 24 }])
    expect(topology.nodes.map(({ name, leg, pods, labels }) => ({ name, address: leg.address, pods, labels }))).toEqual(
      [
        { name: 'a', address: '10.0.1.12', pods: 1, labels: { rack: 'r1' } },
        { name: 'b', address: '10.0.1.11', pods: 2, labels: { rack: 'r1', zone: 'x' } },
      ],
    )
  })

  test('a link is a segment with one leg of each ToR', () => {
    const topology = parseTopology(
      't.yaml',
      `${GOOD}links: [{ between: [t1, t2], subnet: 10.9.0.0/31 }]\n`.replace(
        'racks: [r1] }',
        'racks: [r1] }\n  - { name: t2, as: 64602 }',
      ),
    )
    expect(topology.tors.map(({ legs }) => legs.at(-1)?.address)).toEqual(['10.9.0.1', '10.9.0.0'])
  })

  test.each([
    ['an unknown field', 'rack: r1 }', 'rack: r1, pod: 2 }', /^t\.yaml:7:26: unknown field "pod"; known here: name,/],
    ['a missing field', '{ name: t1, as: 64601,', '{ name: t1,', /^t\.yaml:5:5: field "as" is missing/],
    [
      'a node that is nowhere',
      '- { name: a, rack: r1 }',
      '- { name: a }',
      /^t\.yaml:7:5: node "a" needs a rack, or uplinks/,
    ],
    ['an unknown rack', 'a, rack: r1', 'a, rack: r9', /^t\.yaml:7:5: no rack is named "r9"/],
    ['a name twice', 'name: a,', 'name: b,', /^t\.yaml:8:5: two devices are named "b"/],
    ['a subnet with host bits', '10.0.1.0/24', '10.0.1.1/24', /^t\.yaml:3:25: an IPv4 subnet such as/],
    ['an address outside its rack', '10.0.1.11', '10.0.2.11', /^t\.yaml:8:5: 10\.0\.2\.11 is outside 10\.0\.1\.0\/24/],
    ['an AS number that is none', '64601', '0', /^t\.yaml:5:21: a whole number from 1 to 4294967294/],
    ['a value of the wrong type', 'pods: 2', 'pods: many', /^t\.yaml:8:52: a whole number from 0 to 8 belongs here/],
    ['broken YAML', 'racks: [r1] }', 'racks: [r1 }', /^t\.yaml:\d+:\d+: /],
    ['a name too long for an interface', 'name: a,', 'name: abcdefghijk,', /^t\.yaml:7:13: a name of at most 10/],
  ])('names file, line and column of %s', (_what, good, bad, message) => {
    expect(GOOD).toContain(good)
    expect(() => parseTopology('t.yaml', GOOD.replace(good, bad))).toThrow(message)
  })

  const DUAL = GOOD.replace('10.0.1.0/24 }', '10.0.1.0/24, subnet6: fd00:1::/64 }')

  test('a rack with subnet6 gives every leg an IPv6 address, and the pods a pool', () => {
    const topology = parseTopology('t.yaml', DUAL.replace('10.0.1.11,', '10.0.1.11, address6: fd00:1:0::11,'))
    expect(topology.segments).toEqual([{ name: 'r1', subnet: '10.0.1.0/24', subnet6: 'fd00:1::/64' }])
    expect(topology.tors[0]?.legs[0]?.six).toEqual({ address: 'fd00:1::1', length: 64 })
    expect(topology.nodes.map(({ leg }) => leg.six?.address)).toEqual(['fd00:1::b', 'fd00:1::11'])
    expect(topology.pools.map(({ blockSize }) => blockSize)).toEqual([26, 122])
  })

  test.each([
    ['a block larger than its pool', '{ cidr: 10.244.0.0/28 }', /^t\.yaml:9:9: a block of \/26 does not fit into/],
    ['a pool of too few blocks', '{ cidr: 10.244.0.0/26 }', /^t\.yaml:9:9: 2 nodes with pods, .* of 1 blocks/],
    [
      'an IPv6 block size for IPv4',
      '{ cidr: 10.244.0.0/16, blockSize: 122 }',
      /^t\.yaml:9:9: .* \/20 to \/32, not \/122/,
    ],
    [
      'a pool over a rack',
      '{ cidr: 10.0.0.0/16 }',
      /^t\.yaml:9:9: subnet 10\.0\.0\.0\/16 overlaps 10\.0\.1\.0\/24 of "r1"/,
    ],
    [
      'pools over each other',
      '{ cidr: 10.2.0.0/16 }, { cidr: 10.2.1.0/24 }',
      /^t\.yaml:9:32: .* overlaps the pool 10\.2\./,
    ],
    ['no IPv4 pool', '{ cidr: fd00::/112 }', /^t\.yaml:9:9: one pool at least must be an IPv4 one/],
    [
      'an IPv6 pool and no subnet6',
      '{ cidr: 10.2.0.0/16 }, { cidr: fd00::/112 }',
      /^t\.yaml:3:5: rack "r1" has no subnet6/,
    ],
  ])('refuses %s', (_what, pools, message) => {
    expect(() => parseTopology('t.yaml', `${GOOD}pools: [${pools}]\n`)).toThrow(message)
  })

  test('an IPv6 address needs a rack that has a subnet6, and to lie in it', () => {
    const with6 = (text: string) => text.replace('10.0.1.11,', '10.0.1.11, address6: fd00:9::5,')
    expect(() => parseTopology('t.yaml', with6(GOOD))).toThrow(/^t\.yaml:8:5: rack "r1" has no subnet6 for fd00:9::5/)
    expect(() => parseTopology('t.yaml', with6(DUAL))).toThrow(/^t\.yaml:8:5: fd00:9::5 is outside fd00:1::\/64/)
  })

  const CABLED = `name: clos
loopbacks: 10.255.0.0/24
loopbacks6: fd00:ff::/64
tors:
  - { name: t1, as: 64601 }
  - { name: t2, as: 64602 }
nodes:
  - { name: a, as: 65001, uplinks: [t1, t2] }
  - { name: b, as: 65002, uplinks: [t2] }
`

  test('a node with uplinks has its address on its loopback interface, and no mesh', () => {
    const { mesh, segments, tors, nodes } = parseTopology('t.yaml', CABLED)
    expect({ mesh, segments }).toEqual({ mesh: false, segments: [] })
    expect(tors.map(({ legs }) => legs)).toEqual([
      [{ segment: '(loopbacks)', address: '10.255.0.1', length: 32, six: { address: 'fd00:ff::1', length: 128 } }],
      [{ segment: '(loopbacks)', address: '10.255.0.2', length: 32, six: { address: 'fd00:ff::2', length: 128 } }],
    ])
    expect(nodes.map(({ leg, labels, uplinks }) => [leg.address, labels, uplinks])).toEqual([
      ['10.255.0.11', { uplinks: '2' }, ['t1', 't2']],
      ['10.255.0.12', { uplinks: '1' }, ['t2']],
    ])
  })

  test.each([
    ['an uplink to nowhere', '[t2] }', '[t9] }', /^t\.yaml:9:5: no ToR is named "t9"/],
    ['two to one ToR', '[t1, t2]', '[t1, t1]', /^t\.yaml:8:5: node "a" has two uplinks to one ToR/],
    ['a rack as well', '[t2] }', '[t2], rack: r1 }', /^t\.yaml:9:5: node "b" needs a rack, or uplinks to ToRs/],
    ['one AS for two', '65002', '65001', /^t\.yaml:8:5: "a" and "b" are both AS 65001: each refuses the other's/],
    ['a mesh', 'tors:', 'mesh: true\ntors:', /the address of "a" is in nobody's routes: no mesh and no reflectors/],
    ['no loopbacks', 'loopbacks: 10.255.0.0/24\n', '', /^t\.yaml:4:5: uplinks need loopbacks: a subnet/],
  ])('of uplinks, refuses %s', (_what, good, bad, message) => {
    expect(CABLED).toContain(good)
    expect(() => parseTopology('t.yaml', CABLED.replace(good, bad))).toThrow(message)
  })

  test('refuses subnets that overlap', () => {
    const bad = GOOD.replace('tors:', '  - { name: r2, subnet: 10.0.0.0/16 }\ntors:')
    expect(() => parseTopology('t.yaml', bad)).toThrow(
      /t\.yaml:4:5: subnet 10\.0\.0\.0\/16 overlaps 10\.0\.1\.0\/24 of "r1"/,
    )
  })

  test('every file in topology/ parses', () => {
    const files = readdirSync(shipped).filter((name) => name.endsWith('.yaml'))
    expect(files).toContain('demo.yaml')
    for (const file of files) expect(loadTopology(`${shipped}${file}`).nodes.length).toBeGreaterThan(0)
  })
})
