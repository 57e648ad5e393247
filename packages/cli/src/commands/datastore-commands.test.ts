import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Datastore, MemoryStore } from '@starling/datastore'
import { serveEmbedded } from '@starling/datastore/embedded'
import { resourceKey } from '@starling/resources'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EXIT } from '../exit.js'
import { main } from '../main.js'
import { recordingIo } from '../testing.js'

const NODES = `
apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: worker-1, labels: { rack: r1 } }
spec: { bgp: { ipv4Address: 10.0.0.11/24 } }
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: worker-2 }
spec: { bgp: { ipv4Address: 10.0.0.12/24 } }
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: { name: pods }
spec: { cidr: 10.244.0.0/24, blockSize: 26 }
---
apiVersion: projectcalico.org/v3
kind: BlockAffinity
metadata: { name: worker-1-block }
spec: { state: confirmed, node: worker-1, cidr: 10.244.0.0/26, deleted: 'false' }
`
const TOR = `
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: { name: tor }
spec: { peerIP: 192.0.2.1, asNumber: 64601 }
`
const BOTH = `${NODES}---${TOR}`

let folder = ''
let store: MemoryStore
let datastore: Datastore
let close: () => Promise<void>
let spec = ''

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-cli-store-'))
  store = new MemoryStore()
  datastore = store.connect()
  const path = join(folder, 'store.sock')
  const server = await serveEmbedded({ store, listen: { path } })
  close = () => server.close()
  spec = `embedded:unix:${path}`
})
afterEach(async () => {
  await close()
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function run(...args: string[]) {
  const { io, out, err } = recordingIo()
  const code = await main(args, io)
  return { code, out: out(), err: err() }
}

describe('plan', () => {
  test('peers, announcements and their reasons', async () => {
    const { code, out } = await run('plan', '--datastore', `file:${file('c.yaml', BOTH)}`, '--node', 'worker-1')
    expect(code).toBe(EXIT.ok)
    expect(out).toMatch(/Mesh_10_0_0_12 +mesh +10\.0\.0\.12 +64512 +passive/)
    expect(out).toMatch(/Global_192_0_2_1 +global +192\.0\.2\.1 +64601 .*BGPPeer\/tor/)
    expect(out).toMatch(/10\.244\.0\.0\/26 +own block/)
  })

  test('as JSON with the documented fields', async () => {
    const { out } = await run(
      'plan',
      '--datastore',
      `file:${file('c.yaml', NODES)}`,
      '--node',
      'worker-2',
      '-o',
      'json',
    )
    expect(JSON.parse(out)).toMatchObject({
      asNumber: 64512,
      routerId: '10.0.0.12',
      peers: [{ name: 'Mesh_10_0_0_11', kind: 'mesh', passive: false, hasPassword: false }],
    })
  })

  test('the difference to what runs now, by whole state or on top of it', async () => {
    await run('apply', file('now.yaml', NODES), '--datastore', spec)
    const whole = await run(
      'plan',
      '--datastore',
      `file:${file('next.yaml', BOTH)}`,
      '--against',
      spec,
      '--node',
      'worker-1',
    )
    expect(whole.out).toMatch(/^\+ session Global_192_0_2_1 /m)
    const part = await run(
      'plan',
      '--datastore',
      `file:${file('tor.yaml', TOR)}`,
      '--overlay',
      '--against',
      spec,
      '--node',
      'worker-1',
    )
    expect(part.out).toBe(whole.out)
    const same = await run('plan', '--datastore', spec, '--against', spec, '--node', 'worker-1')
    expect(same.out).toBe('No difference.\n')
  })

  test('a node that comes is a difference, one that nobody knows is a mistake', async () => {
    await run('apply', file('now.yaml', TOR), '--datastore', spec)
    const against = (node: string) =>
      run('plan', '--datastore', `file:${file('next.yaml', BOTH)}`, '--against', spec, '--node', node)
    expect((await against('worker-2')).out).toMatch(/^\+ session Mesh_10_0_0_11 /m)
    expect((await against('worker-9')).code).toBe(EXIT.failed)
  })

  test('secrets and workloads from the folders a node would read', async () => {
    const workload = `
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: { name: vms }
spec: { localWorkloadSelector: all(), asNumber: 64900 }
---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: { name: default }
spec: { nodeMeshPassword: { secretKeyRef: { name: bgp, key: mesh } } }
`
    mkdirSync(join(folder, 'secrets', 'bgp'), { recursive: true })
    mkdirSync(join(folder, 'status'))
    file('secrets/bgp/mesh', 'secret\n')
    file('status/one', '{"ifaceName":"cali1","ipv4Nets":["10.244.0.5/32"],"bgpPeerName":"vms"}')
    const state = `file:${file('c.yaml', `${NODES}---${workload}`)}`
    const folders = ['--secrets-dir', join(folder, 'secrets'), '--endpoint-status', join(folder, 'status')]
    const { out } = await run('plan', '--datastore', state, '--node', 'worker-1', ...folders, '-o', 'json')
    const { peers, problems } = JSON.parse(out) as { peers: { name: string }[]; problems: unknown[] }
    expect(problems).toEqual([])
    expect(peers).toMatchObject([
      { name: 'Local_Workload_10_244_0_5', kind: 'local-workload', passive: true, remoteAs: 64900, hasPassword: false },
      { name: 'Mesh_10_0_0_12', hasPassword: true },
    ])
    const missing = await run('plan', '--datastore', state, '--node', 'worker-1', '--secrets-dir', '/nonexistent')
    expect(missing.code).toBe(EXIT.failed)
  })

  test('CALICO_K8S_NODE_REF names the node that endpoints name', async () => {
    const service = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec: { type: NodePort, clusterIP: 10.96.0.10, externalTrafficPolicy: Local }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: default, labels: { kubernetes.io/service-name: web } }
endpoints: [{ addresses: [10.244.0.5], nodeName: ip-10-0-0-11 }]
---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: { name: default }
spec: { serviceClusterIPs: [{ cidr: 10.96.0.0/12 }] }
`
    const state = `file:${file('c.yaml', `${NODES}---${service}`)}`
    const { io, out } = recordingIo({ env: { CALICO_K8S_NODE_REF: 'ip-10-0-0-11' } })
    await main(['plan', '--datastore', state, '--node', 'worker-1'], io)
    expect(out()).toMatch(/10\.96\.0\.10\/32 +service default\/web/)
  })

  test('one route through the rules', async () => {
    const state = `file:${file('c.yaml', BOTH)}`
    const evaluate = (route: string, from: string, to: string) =>
      run('plan', '--datastore', state, '--node', 'worker-1', '--evaluate', route, '--from', from, '--to', to)
    expect((await evaluate('10.244.0.0/26', 'static', 'Global_192_0_2_1')).out).toMatch(/accept: /)
    expect((await evaluate('172.30.0.0/16,{"asPath":[64601]}', 'Global_192_0_2_1', 'kernel')).out).toMatch(/import: /)
    expect((await evaluate('10.244.0.0/26', 'nobody', 'kernel')).code).toBe(EXIT.usage)
    expect((await evaluate('10.244.0.0/26,banana', 'static', 'kernel')).code).toBe(EXIT.usage)
  })

  test('a node that is not there, a datastore that is not there', async () => {
    expect(await run('plan', '--datastore', `file:${file('c.yaml', NODES)}`, '--node', 'x')).toMatchObject({
      code: EXIT.failed,
    })
    expect(await run('plan', '--datastore', 'file:/nonexistent', '--node', 'x')).toMatchObject({
      code: EXIT.unreachable,
    })
  })
})

describe('check', () => {
  test('sound files', async () => {
    expect(await run('check', file('c.yaml', NODES))).toMatchObject({
      code: EXIT.ok,
      out: '4 documents, 0 errors, 0 warnings\n',
    })
  })

  test('every error with file and line, and exit 4', async () => {
    const bad = file(
      'bad.yaml',
      `${TOR}---\nkind: IPPool\napiVersion: projectcalico.org/v3\nmetadata: {name: p}\nspec: {cidr: banana}\n`,
    )
    const { code, out } = await run('check', bad, file('broken.yaml', 'a: [1,\n  b: }'))
    expect(code).toBe(EXIT.unhealthy)
    expect(out).toMatch(/bad\.yaml:\d+: error: .*spec\.cidr/)
    expect(out).toMatch(/broken\.yaml:\d+: error/)
  })

  test('each problem stands at the line of its field, in YAML, JSON and lists', async () => {
    const peer = (name: string, spec: string): string =>
      `apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: ${name}}\nspec:\n${spec}`
    const yaml = `${peer('a', '  peerIP: 10.0.0.300\n  asNumber: many\n')}---\n${peer('b', '  asNumber: 1\n  peerIP: 10.0.0.3\n  filters:\n  - f\n  - g\n')}`
    const item = { kind: 'IPPool', metadata: { name: 'p' }, spec: { cidr: '10.0.0.0/8', blockSize: 19 } }
    const list = { kind: 'IPPoolList', apiVersion: 'projectcalico.org/v3', items: [item] }
    const places = [file('y.yaml', yaml), file('j.json', JSON.stringify(list, undefined, 1))]
    const { out } = await run('check', ...places)
    const lines = out
      .split('\n')
      .map((line) => line.replace(/^.*\/(?=[yj]\.)/, '').replace(/(error: \S+ \S+): .*/, '$1'))
    expect(lines.slice(0, -2)).toEqual([
      'y.yaml:5: error: BGPPeer/a spec.peerIP',
      'y.yaml:6: error: BGPPeer/a spec.asNumber',
      'j.json:12: error: IPPool/p spec.blockSize',
      'y.yaml:15: error: BGPPeer/b spec.filters[0]',
      'y.yaml:16: error: BGPPeer/b spec.filters[1]',
    ])
  })

  test('documents of other APIs and of Calico’s policy are no mistakes', async () => {
    const others = [
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n',
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\n',
      'apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: allow, namespace: default}\nspec: {}\n',
      'apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: w1-eth0}\nspec: {node: w1}\n',
    ]
    const { code, out } = await run('check', file('o.yaml', others.join('---\n')))
    expect(code).toBe(EXIT.ok)
    expect(out).toContain('4 documents, 0 errors, 2 warnings')
    const typo = await run(
      'check',
      file('t.yaml', 'apiVersion: projectcalico.org/v3\nkind: BGPPeers\nmetadata: {name: x}\n'),
    )
    expect(typo.code).toBe(EXIT.unhealthy)
  })

  test('a path that does not exist', async () => {
    expect((await run('check', '/nonexistent')).code).toBe(EXIT.usage)
  })
})

describe('apply', () => {
  const node = async () => JSON.parse((await datastore.get(resourceKey('Node', 'worker-1')))?.value ?? 'null')

  test('creates, then changes nothing, then updates; uid, creation time and status stay', async () => {
    const path = file('c.yaml', NODES)
    expect((await run('apply', path, '--datastore', spec)).out).toContain('Node/worker-1 created')
    const first = await node()
    expect(first.metadata).toMatchObject({
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      creationTimestamp: expect.stringMatching(/Z$/),
    })
    expect((await run('apply', path, '--datastore', spec)).out).toContain('Node/worker-1 unchanged')
    await datastore.update(
      resourceKey('Node', 'worker-1'),
      JSON.stringify({ ...first, status: { podCIDRs: ['10.1.0.0/24'] } }),
      (await datastore.get(resourceKey('Node', 'worker-1')))?.revision ?? 0,
    )
    const changed = file('d.yaml', NODES.replace('10.0.0.11/24', '10.0.0.99/24'))
    expect((await run('apply', changed, '--datastore', spec)).out).toContain('Node/worker-1 updated')
    expect(await node()).toMatchObject({
      metadata: first.metadata,
      spec: { bgp: { ipv4Address: '10.0.0.99/24' } },
      status: { podCIDRs: ['10.1.0.0/24'] },
    })
  })

  const peers = (spec: string): string =>
    `kind: BGPPeer\napiVersion: projectcalico.org/v3\nmetadata: {name: tor}\nspec: ${spec}\n---\n` +
    'kind: BGPFilter\napiVersion: projectcalico.org/v3\nmetadata: {name: f}\nspec: {importV4: [{action: Accept, source: RemotePeers}, {action: Reject}]}\n'
  const specOf = async (kind: 'BGPPeer' | 'BGPFilter', name: string) =>
    JSON.parse((await datastore.get(resourceKey(kind, name)))?.value ?? 'null')?.spec

  test('a field that only a newer release knows stays, one that the file left out goes', async () => {
    const standing = {
      BGPPeer: ['tor', { peerIP: '192.0.2.1', asNumber: 65001, ttlSecurity: 3, dialect: { version: 2 } }],
      BGPFilter: [
        'f',
        {
          importV4: [
            { action: 'Accept', source: 'RemotePeers', vrf: 'red' },
            { action: 'Accept', vrf: 'x' },
          ],
        },
      ],
    } as const
    for (const [kind, [name, spec]] of Object.entries(standing))
      await datastore.create(
        resourceKey(kind as 'BGPPeer', name),
        JSON.stringify({ kind, apiVersion: 'projectcalico.org/v3', metadata: { name, finalizers: ['x'] }, spec }),
      )
    const path = file('p.yaml', peers('{peerIP: 192.0.2.1, asNumber: 65002}'))
    const { out } = await run('apply', path, '--datastore', spec)
    expect(out).toContain('BGPPeer/tor updated; kept metadata.finalizers, spec.dialect (--replace removes)')
    expect(await specOf('BGPPeer', 'tor')).toEqual({ peerIP: '192.0.2.1', asNumber: 65002, dialect: { version: 2 } })
    // Of a list, where the rest of the item is the same; another rule is another rule.
    expect((await specOf('BGPFilter', 'f')).importV4).toEqual([
      { action: 'Accept', source: 'RemotePeers', vrf: 'red' },
      { action: 'Reject' },
    ])
    expect((await run('apply', path, '--datastore', spec)).out).toContain('BGPPeer/tor unchanged')
    await run('apply', path, '--datastore', spec, '--replace')
    expect(await specOf('BGPPeer', 'tor')).toEqual({ peerIP: '192.0.2.1', asNumber: 65002 })
  })

  test('a BGPPeer may name a BGPFilter that only the datastore has', async () => {
    const [peer = '', filter = ''] = peers('{peerIP: 192.0.2.1, asNumber: 65001, filters: [f]}').split('---\n')
    const alone = file('peer.yaml', peer)
    const refused = await run('apply', alone, '--datastore', spec)
    expect(refused).toMatchObject({ code: EXIT.unhealthy, out: '' })
    expect(refused.err).toContain("spec.filters[0]: no BGPFilter 'f'")
    await run('apply', file('filter.yaml', filter), '--datastore', spec)
    expect(await run('apply', alone, '--datastore', spec)).toMatchObject({
      code: EXIT.ok,
      out: 'BGPPeer/tor created\n',
    })
  })

  test('--dry-run writes nothing; errors write nothing', async () => {
    expect((await run('apply', file('c.yaml', NODES), '--datastore', spec, '--dry-run')).out).toContain(
      'created (dry run)',
    )
    const wrong = file(
      'w.yaml',
      `${NODES}---\nkind: BGPPeer\napiVersion: projectcalico.org/v3\nmetadata: {name: x}\nspec: {filters: [none], peerIP: 1.2.3.4, asNumber: 1}\n`,
    )
    expect(await run('apply', wrong, '--datastore', spec)).toMatchObject({ code: EXIT.unhealthy })
    expect((await datastore.list('/calico/')).entries).toEqual([])
  })
})

describe('ipam', () => {
  beforeEach(async () => {
    await run('apply', file('c.yaml', NODES.split('---').slice(0, 3).join('---')), '--datastore', spec)
  })
  const ipam = (...args: string[]) => run('ipam', ...args, '--datastore', spec)

  test('claim, show, check, release', async () => {
    const claimed = JSON.parse((await ipam('claim', '--node', 'worker-1', '-o', 'json')).out)
    expect(claimed.cidr).toMatch(/^10\.244\.0\.\d+\/26$/)
    const shown = await ipam('show', '--blocks')
    expect(shown.out).toMatch(/^IP Pool +10\.244\.0\.0\/24 +- +256 +0 \(0%\) +0 \(0%\) +256 \(100%\)$/m)
    expect(shown.out).toMatch(/^Block +10\.244\.0\.\d+\/26 +host:worker-1 +64/m)
    expect(await ipam('check')).toMatchObject({ code: EXIT.ok, out: 'The books agree.\n' })
    expect((await ipam('release', claimed.cidr, '--node', 'worker-1')).out).toBe(`${claimed.cidr} released\n`)
    expect((await ipam('release', claimed.cidr, '--node', 'worker-1')).code).toBe(EXIT.failed)
  })

  test('a held block is refused until forced', async () => {
    const { cidr } = JSON.parse((await ipam('claim', '--node', 'worker-1', '--hold', '-o', 'json')).out)
    expect(await ipam('release', cidr, '--node', 'worker-1')).toMatchObject({
      code: EXIT.failed,
      err: expect.stringContaining('not-empty'),
    })
    expect((await ipam('release', cidr, '--node', 'worker-1', '--force')).code).toBe(EXIT.ok)
    expect((await ipam('check')).code).toBe(EXIT.ok)
  })

  test('damage is exit 4', async () => {
    await datastore.create('/calico/ipam/v2/host/x/ipv4/block/10.244.0.0-26', '{"state":"confirmed"}')
    expect(await ipam('check')).toMatchObject({ code: EXIT.unhealthy, out: expect.stringContaining('without a block') })
  })
})

test('register writes the Node of this machine and keeps its name', async () => {
  const kept = join(folder, 'calico', 'nodename')
  const env = { NODENAME: 'me', IP: '10.9.9.9/24', CALICO_IPV4POOL_CIDR: '10.5.0.0/16', CALICO_NODENAME_FILE: kept }
  const { io, out } = recordingIo({ env })
  expect(await main(['register', '--datastore', spec], io)).toBe(EXIT.ok)
  expect(out().split('\n')).toEqual([
    'Node me has 10.9.9.9/24',
    'IPPool default-ipv4-ippool created',
    'ClusterInformation/default created',
    'FelixConfiguration/default created',
    'FelixConfiguration/node.me created',
    'BGPConfiguration/default created',
    '',
  ])
  expect(readFileSync(kept, 'utf8')).toBe('me')
  const again = recordingIo({ env: { NODENAME: 'me', AS: 'banana' } })
  expect(await main(['register', '--datastore', spec], again.io)).toBe(EXIT.usage)
  expect(again.err()).toContain('AS: "banana" is not an AS number')
})
