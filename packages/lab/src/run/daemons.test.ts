/** How daemons are started, and BIRD's configuration for its place in a topology. */
import { describe, expect, test } from 'vitest'
import { parseTopology } from '../topology/parse.js'
import { planLab } from '../topology/plan.js'
import { birdConfiguration, starling } from './daemons.js'
import { parseBirdProtocols } from './observe.js'

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
  const place = { folder: '/state', program: '/bin/starling.js', datastore: 'memory', memoryFib: false }

  test('a node claims its block, a reflector does not', () => {
    const node = starling(device('b'), place).args
    expect(node).toEqual(expect.arrayContaining(['node', '--name', 'b', '--control', '/state/b.sock', '--claim-block']))
    const reflector = starling(device('rr-1'), place).args
    expect(reflector).toContain('reflector')
    expect(reflector).not.toContain('--claim-block')
  })

  test('without namespaces routes stay in memory and HTTP listens on the node’s own address', () => {
    const { args } = starling(device('b'), { ...place, memoryFib: true })
    expect(args.slice(-2)).toEqual(['--fib', 'memory'])
    expect(args).toContain('10.0.1.12:9179')
  })
})

describe('birdConfiguration', () => {
  test('a ToR speaks eBGP with each node from the leg they share, and passes on what it learned', () => {
    const text = birdConfiguration(plan, device('tor'))
    expect(text).toContain('protocol bgp b {\n  local 10.0.1.1 as 64601;\n  neighbor 10.0.1.12 as 64512;')
    expect(text).toContain('import all; export where source = RTS_BGP; next hop self;')
    expect(text).not.toContain('protocol static')
  })

  test('a node announces its block alone, to the reflector and to the ToR', () => {
    const text = birdConfiguration(plan, device('a'), '10.244.0.0/26')
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
