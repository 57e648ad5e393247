import { describe, expect, test } from 'vitest'
import { examine, type HostFacts, type Role } from './rules.js'

const WELL: HostFacts = {
  platform: 'linux',
  nodeVersion: 'v24.21.0',
  name: 'n1',
  now: Date.UTC(2026, 10, 22),
  capabilities: { netAdmin: true, netBindService: true, netRaw: false },
  unprivilegedPortStart: 1024,
  sysctls: { 'net.ipv4.ip_forward': '1', 'net.ipv6.conf.all.forwarding': '0' },
  modules: { ipip: 'loaded', vxlan: 'available' },
  ports: [
    { port: 179, protocol: 'tcp', state: 'free' },
    { port: 3784, protocol: 'udp', state: 'free' },
  ],
  processes: ['systemd', 'sshd'],
  synchronizedClock: true,
  links: [
    { name: 'lo', mtu: 65536, addresses: ['127.0.0.1', '::1'] },
    { name: 'eth0', mtu: 1500, addresses: ['10.0.0.1', 'fe80::1'] },
    { name: 'tunl0', mtu: 1480, addresses: ['10.244.0.1'] },
    { name: 'vxlan.calico', mtu: 1450, addresses: [] },
  ],
  openFiles: 65_536,
  running: false,
  store: {
    description: 'etcd http://10.0.0.9:2379',
    milliseconds: 3,
    node: { addresses: ['10.0.0.1'] },
    encapsulation: { ipip: true, vxlan: true },
  },
}

const bad = (facts: HostFacts, role: Role = 'node') => examine(facts, role).filter(({ verdict }) => verdict !== 'ok')
const taken = (owner?: string): HostFacts['ports'] => [
  { port: 179, protocol: 'tcp', state: 'taken', ...(owner === undefined ? {} : { owner }) },
]

test('a host that is well has no findings, as a node and as a reflector', () => {
  expect(bad(WELL)).toEqual([])
  expect(bad(WELL, 'reflector')).toEqual([])
})

const { store: _, ...WITHOUT_STORE } = WELL
const store = (more: Partial<NonNullable<HostFacts['store']>>): Partial<HostFacts> => ({
  store: { ...WELL.store!, ...more },
})

describe('each fault is found alone, and says what to do', () => {
  test.each<[string, HostFacts, string, RegExp, RegExp]>([
    ['an old Node.js', { ...WELL, nodeVersion: 'v18.20.0' }, 'platform', /v18/, /20\.19/],
    ['20.18', { ...WELL, nodeVersion: 'v20.18.3' }, 'platform', /v20\.18/, /20\.19/],
    ['not Linux', { ...WELL, platform: 'darwin' }, 'platform', /darwin/, /needs Linux/],
    [
      'no NET_ADMIN',
      { ...WELL, capabilities: { netAdmin: false, netBindService: true, netRaw: false } },
      'CAP_NET_ADMIN',
      /no kernel route/,
      /starling programmer/,
    ],
    [
      'no way to port 179',
      { ...WELL, capabilities: { netAdmin: true, netBindService: false, netRaw: false } },
      'port 179',
      /may not open/,
      /ip_unprivileged_port_start=179/,
    ],
    ['port taken', { ...WELL, ports: taken('bird (pid 7)') }, 'tcp port 179', /bird \(pid 7\)/, /ss -lnp/],
    [
      'port taken by another beside us',
      { ...WELL, running: true, ports: taken('gobgpd (pid 7)') },
      'tcp port 179',
      /gobgpd/,
      /stop/,
    ],
    ['BIRD runs', { ...WELL, processes: ['bird', 'confd'] }, 'other daemons', /bird, confd/, /BACKEND=vxlan/],
    ['no forwarding', { ...WELL, sysctls: {} }, 'net.ipv4.ip_forward', /unknown/, /sysctl -w net.ipv4.ip_forward=1/],
    [
      'no IPv6 forwarding on a host with IPv6',
      { ...WELL, links: [...WELL.links, { name: 'eth1', mtu: 1500, addresses: ['fd00::1'] }] },
      'net.ipv6.conf.all.forwarding',
      /0/,
      /sysctl -w/,
    ],
    ['no ipip', { ...WELL, modules: { vxlan: 'loaded' } }, 'kernel module ipip', /none/, /modprobe ipip/],
    [
      'a tunnel too large',
      { ...WELL, links: WELL.links.map((link) => (link.name === 'tunl0' ? { ...link, mtu: 1500 } : link)) },
      'MTU of tunl0',
      /1500, and 1480/,
      /ip link set tunl0 mtu 1480/,
    ],
    ['a clock in the past', { ...WELL, now: 0 }, 'clock', /1970/, /set the clock/],
    ['a clock nobody keeps', { ...WELL, synchronizedClock: false }, 'clock', /nothing seems/, /chrony/],
    ['few open files', { ...WELL, openFiles: 1024 }, 'open files', /1024/, /LimitNOFILE/],
    ['no store named', WITHOUT_STORE, 'datastore', /none was named/, /ETCD_ENDPOINTS/],
    [
      'a store that refuses',
      { ...WELL, ...store({ error: 'connection refused' }) },
      'datastore',
      /refused/,
      /ETCD_CA_CERT_FILE/,
    ],
    ['a slow store', { ...WELL, ...store({ milliseconds: 900 }) }, 'datastore', /900 ms/, /etcd/],
    [
      'an address of somewhere else',
      { ...WELL, ...store({ node: { addresses: ['10.9.9.9'] } }) },
      'Node resource',
      /no interface here/,
      /register/,
    ],
    [
      'a Node without address',
      { ...WELL, ...store({ node: { addresses: [] } }) },
      'Node resource',
      /no BGP address/,
      /register/,
    ],
  ])('%s', (_name, facts, check, found, fix) => {
    const findings = bad(facts)
    expect(findings.map((finding) => finding.check)).toEqual([check])
    expect(findings[0]?.found).toMatch(found)
    expect(findings[0]?.fix).toMatch(fix)
  })
})

test('a node that is not in the datastore', () => {
  const { node: _node, ...without } = WELL.store!
  expect(bad({ ...WELL, store: without })).toEqual([
    {
      check: 'Node resource',
      verdict: 'problem',
      found: 'there is none called n1',
      fix: 'starling register, or the name of the Node resource with --name',
    },
  ])
  expect(bad({ ...WELL, store: without }, 'reflector')[0]?.fix).toContain('routeReflectorClusterID')
})

test('a reflector needs neither NET_ADMIN nor forwarding nor tunnels', () => {
  const facts = {
    ...WELL,
    capabilities: { netAdmin: false, netBindService: true, netRaw: false },
    sysctls: {},
    modules: {},
  }
  expect(bad(facts, 'reflector')).toEqual([])
})

test('a low port start replaces the capability', () => {
  const capabilities = { netAdmin: true, netBindService: false, netRaw: false }
  expect(bad({ ...WELL, capabilities, unprivilegedPortStart: 179 })).toEqual([])
})

test('while a Starling runs, its port and its borrowed name are no faults', () => {
  expect(bad({ ...WELL, running: true, ports: taken('bird (pid 7)'), processes: ['bird'] })).toEqual([])
  expect(bad({ ...WELL, running: true, ports: taken() })).toEqual([])
})
