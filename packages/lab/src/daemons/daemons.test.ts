/** How daemons are started, and BIRD's configuration for its place in a topology. */
import { describe, expect, test } from 'vitest'
import { parseTopology } from '../topology/parse.js'
import { planLab } from '../topology/plan.js'
import { birdConfiguration, parseBirdProtocols } from './bird.js'
import { frrConfiguration, parseFrrNeighbours } from './frr.js'
import { gobgpConfiguration, parseGobgpNeighbours } from './gobgp.js'
import { notInstalled, unfit } from './index.js'
import { openbgpdConfiguration, parseOpenbgpdNeighbours } from './openbgpd.js'
import { starling } from './starling.js'

const plan = planLab(
  parseTopology(
    't.yaml',
    `name: t
racks: [{ name: core, subnet: 10.0.0.0/24 }, { name: r1, subnet: 10.0.1.0/24 }]
tors: [{ name: tor, as: 64601, racks: [core, r1], daemon: bird }]
reflectors: [{ name: rr-1, rack: core }]
nodes: [{ name: a, rack: r1, daemon: bird }, { name: b, rack: r1 }]
`,
  ),
)
const device = (name: string) => plan.devices.find((each) => each.name === name)!

describe('starling', () => {
  const place = {
    folder: '/state',
    program: '/bin/starling.js',
    datastore: 'memory',
    memoryFib: false,
    claimBlock: true,
  }

  test('a node claims its block, a reflector does not', () => {
    const node = starling(device('b'), place).args
    expect(node).toEqual(expect.arrayContaining(['node', '--name', 'b', '--control', '/state/b.sock', '--claim-block']))
    const reflector = starling(device('rr-1'), { ...place, claimBlock: false }).args
    expect(reflector).toContain('reflector')
    expect(reflector).not.toContain('--claim-block')
  })

  test('without namespaces routes stay in memory', () => {
    expect(starling(device('b'), { ...place, memoryFib: true }).args.slice(-2)).toEqual(['--fib', 'memory'])
  })

  test('HTTP listens on the node’s own address, where the others ask it', () => {
    const { args } = starling(device('b'), place)
    expect(args).toEqual(expect.arrayContaining(['--http', '10.0.1.12:9179', '--nodes-port', '9179']))
  })
})

test('a daemon that is not on the machine is named with the package that brings it', () => {
  expect(notInstalled('bird', '/nowhere:/')).toBe('bird is not installed (bird); on Debian: apt-get install bird2')
  expect(notInstalled('starling', '')).toBeUndefined()
})

describe('birdConfiguration', () => {
  test('a ToR speaks eBGP with each node from the leg they share, and passes on what it learned', () => {
    const text = birdConfiguration(plan, device('tor'))
    expect(text).toContain('protocol bgp b {\n  local 10.0.1.1 as 64601;\n  neighbor 10.0.1.12 as 64512;')
    expect(text).toContain('import all; export where source = RTS_BGP; next hop self;')
    expect(text).not.toContain('protocol static')
  })

  test('a node announces its block alone, to the reflector and to the ToR', () => {
    const text = birdConfiguration(plan, device('a'), ['10.244.0.0/26'])
    expect(text).toContain('route 10.244.0.0/26 blackhole;')
    expect(text).toContain('protocol bgp rr_1 {\n  local 10.0.1.11 as 64512;\n  neighbor 10.0.0.10 as 64512;')
    expect(text.match(/export where source = RTS_STATIC;/g)).toHaveLength(2)
  })
})

test('parseBirdProtocols reads state, counts and the last error of each BGP session', () => {
  const text = `BIRD 2.0.12 ready.
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     10:00:00.000
rr1        BGP        ---        up     10:00:01.000  Established
  BGP state:          Established
    Neighbor address: 10.0.0.10
    Neighbor AS:      64512
  Channel ipv4
    Routes:         3 imported, 0 filtered, 1 exported, 3 preferred
tor1       BGP        ---        start  10:00:01.000  Connect       Socket: Connection refused
  BGP state:          Connect
    Neighbor address: 10.0.1.1
    Last error:       Socket: Connection refused
`
  expect(parseBirdProtocols(text)).toEqual([
    { address: '10.0.0.10', state: 'Established', reason: '', ageSeconds: undefined, received: 3, sent: 1 },
    {
      address: '10.0.1.1',
      state: 'Connect',
      reason: 'Socket: Connection refused',
      ageSeconds: undefined,
      received: 0,
      sent: 0,
    },
  ])
})

describe('the others', () => {
  const clients = planLab(
    parseTopology(
      't.yaml',
      `name: t
racks: [{ name: r1, subnet: 10.0.1.0/24 }]
tors: [{ name: tor, as: 64601, racks: [r1], daemon: frr }]
reflectors: [{ name: rr-1, rack: r1, daemon: gobgp, clusterId: 9.9.9.9 }, { name: rr-2, rack: r1, daemon: bird }]
nodes: [{ name: a, rack: r1, daemon: frr }]
`,
    ),
  )
  const of = (name: string) => clients.devices.find((each) => each.name === name)!

  test('a reflector has nodes as clients under its cluster id, and other reflectors as equals', () => {
    expect(birdConfiguration(clients, of('rr-2'))).toMatch(
      /bgp a \{[^}]*rr client;\s+rr cluster id 244\.0\.0\.2;[^}]*\}(.|\n)*/,
    )
    expect(birdConfiguration(clients, of('rr-2')).match(/rr client/g)).toHaveLength(1)
    const gobgp = gobgpConfiguration(clients, of('rr-1'))
    expect(gobgp.match(/route-reflector-client = true/g)).toHaveLength(1)
    expect(gobgp).toContain('route-reflector-cluster-id = "9.9.9.9"')
    expect(frrConfiguration(clients, of('rr-1')).match(/route-reflector-client/g)).toHaveLength(1)
    expect(openbgpdConfiguration(clients, of('rr-1'), '/s').match(/route-reflector 9\.9\.9\.9/g)).toHaveLength(1)
  })

  test('FRR on a node announces its block alone, on a ToR everything', () => {
    expect(frrConfiguration(clients, of('a'), ['10.244.0.0/26'])).toMatch(
      /neighbor 10\.0\.1\.1 route-map OWN4 out(.|\n)*ip prefix-list OWN4 permit 10\.244\.0\.0\/26/,
    )
    expect(frrConfiguration(clients, of('tor'))).not.toContain('OWN')
  })

  test('a session of IPv6 addresses carries IPv6 and nothing else, whoever speaks', () => {
    const dual = planLab(
      parseTopology(
        't.yaml',
        `name: t
racks: [{ name: r1, subnet: 10.0.1.0/24, subnet6: 'fd00:1::/64' }]
reflectors: [{ name: rr, rack: r1 }]
nodes: [{ name: a, rack: r1 }]
`,
      ),
    )
    const at = (name: string) => dual.devices.find((each) => each.name === name)!
    const blocks = ['10.244.0.0/26', 'fd00:2::/122']
    const six = (text: string, from: RegExp) => text.slice(text.search(from))
    const bird = birdConfiguration(dual, at('a'), blocks)
    expect(bird).toMatch(
      /protocol bgp rr_6 \{\s+local fd00:1::b as 64512;\s+neighbor fd00:1::a[^}]*ipv6 \{ import all;/,
    )
    expect(bird).toContain('protocol static { ipv6; route fd00:2::/122 blackhole; }')
    expect(bird.match(/protocol kernel/g)).toHaveLength(2)
    const frr = frrConfiguration(dual, at('a'), blocks)
    expect(frr).toMatch(/ipv4 unicast\s+no neighbor fd00:1::a activate/)
    expect(frr).toMatch(
      /ipv6 unicast\s+network fd00:2::\/122\s+neighbor fd00:1::a activate\s+neighbor fd00:1::a route-map OWN6/,
    )
    expect(frr).toContain('ipv6 prefix-list OWN6 permit fd00:2::/122')
    expect(six(gobgpConfiguration(dual, at('rr')), /"fd00:1::b"/)).not.toContain('ipv4-unicast')
    expect(six(openbgpdConfiguration(dual, at('rr'), '/s'), /neighbor fd00/)).toMatch(
      /announce IPv4 none\s+announce IPv6 unicast/,
    )
  })

  test('behind an interface FRR finds its neighbour, BIRD waits for it, and the rest cannot', () => {
    const cabled = planLab(
      parseTopology(
        't.yaml',
        `name: t
loopbacks: 10.255.0.0/24
tors: [{ name: t1, as: 64601 }, { name: t2, as: 64602 }]
nodes: [{ name: a, as: 65001, uplinks: [t1, t2] }]
`,
      ),
    )
    const at = (name: string) => cabled.devices.find((each) => each.name === name)!
    const frr = frrConfiguration(cabled, at('a'), ['10.244.0.0/26'])
    expect(frr).toContain(' neighbor eth0 interface remote-as external\n neighbor eth0 timers connect 3')
    expect(frr).toMatch(/ipv6 unicast\s+neighbor eth0 activate\s+neighbor eth1 activate/)
    expect(frr).toContain('  neighbor eth1 route-map OWN4 out')
    expect(frr).toContain('interface eth1\n ipv6 nd ra-interval 10')
    expect(frr).not.toContain('fe80')
    const bird = birdConfiguration(cabled, at('t1'))
    expect(bird).toContain('neighbor range fe80::/10 external;\n  interface "eth0";')
    expect(bird).toContain('protocol radv { interface "eth0"')
    expect(unfit(at('a'), 'frr')).toBeUndefined()
    expect(unfit(at('a'), 'bird')).toMatch(/only waits for who is behind an interface/)
    expect(unfit(at('t1'), 'bird')).toBeUndefined()
    expect(unfit(at('t1'), 'gobgp')).toMatch(/finds nobody behind an interface/)
  })

  test('their clients are read', () => {
    const frr =
      '{"10.0.1.2":{"bgpState":"Active","lastResetDueTo":"Peer closed","addressFamilyInfo":{"ipv4Unicast":{"acceptedPrefixCounter":2,"sentPrefixCounter":1}}}}'
    expect(parseFrrNeighbours(frr)).toMatchObject([
      { address: '10.0.1.2', state: 'Active', reason: 'Peer closed', received: 2, sent: 1 },
    ])
    expect(parseFrrNeighbours('{"eth0":{"bgpNeighborAddr":"fe80::1","bgpState":"Established"}}')).toMatchObject([
      { address: 'fe80::1%eth0', state: 'Established' },
    ])
    const gobgp =
      '[{"state":{"neighbor_address":"10.0.1.2","session_state":6},"afi_safis":[{"state":{"received":3,"advertised":4}}]}]'
    expect(parseGobgpNeighbours(gobgp)).toMatchObject([
      { address: '10.0.1.2', state: 'Established', received: 3, sent: 4 },
    ])
    const openbgpd =
      '{"neighbors":[{"remote_addr":"10.0.1.2","state":"Idle","last_error":"x","stats":{"prefixes":{"received":1,"sent":2}}}]}'
    expect(parseOpenbgpdNeighbours(openbgpd)).toMatchObject([
      { address: '10.0.1.2', state: 'Idle', reason: 'x', received: 1, sent: 2 },
    ])
  })
})
