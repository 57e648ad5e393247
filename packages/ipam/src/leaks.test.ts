import { resourceKey } from '@starling/resources'
import { expect, test } from 'vitest'
import { assignAddress } from './addresses.js'
import { claimBlock } from './claim.js'
import { checkIpam } from './report.js'
import { cluster, NOW, put } from './testing/index.js'

const node = (name: string, bgp: Record<string, unknown> = {}) => ({
  kind: 'Node',
  metadata: { name },
  spec: { bgp: { ipv4Address: '192.0.2.1/24', ...bgp } },
})

test('ipam check finds addresses and blocks that nobody uses any more', async () => {
  const { datastore } = await cluster([{ cidr: '10.0.0.0/24', blockSize: 28 }])
  const context = { datastore, now: () => NOW }
  const hold = async (owner: string, address: string, attributes: Record<string, string>) =>
    assignAddress(context, address, { node: owner, handle: `h-${address}`, attributes: { node: owner, ...attributes } })
  const at = async (owner: string) => (await claimBlock(context, { node: owner, family: 'ipv4' })).prefix
  const text = (prefix: Awaited<ReturnType<typeof at>>, i: bigint): string =>
    [...(prefix.addressAt(i) as Uint8Array)].join('.')
  const [a, gone] = [await at('a'), await at('gone')]
  await hold('a', text(a, 1n), { type: 'ipipTunnelAddress' })
  await hold('a', text(a, 2n), { type: 'vxlanTunnelAddress' })
  await hold('a', text(a, 3n), { namespace: 'default', pod: 'web' })
  await hold('a', text(a, 4n), { namespace: 'default', pod: 'dead' })
  await hold('gone', text(gone, 1n), { namespace: 'default', pod: 'lost' })
  // A store without Nodes cannot tell who is gone.
  expect(await checkIpam(context)).toEqual([])

  await put(datastore, resourceKey('Node', 'a'), node('a', { ipv4IPIPTunnelAddr: text(a, 1n) }))
  const problems = async () => (await checkIpam(context)).map(({ problem }) => problem)
  const always = [
    `${text(a, 2n)} is held as vxlanTunnelAddress of a, which names none`,
    'belongs to gone, and there is no such Node',
    `${text(gone, 1n)} is held for gone, and there is no such Node`,
  ]
  expect((await problems()).sort()).toEqual([...always].sort())

  // Workload endpoints are in the same store, or nowhere: with the first one, a pod without one is a leak.
  const endpoint = { kind: 'WorkloadEndpoint', metadata: { name: 'web' }, spec: { ipNetworks: [`${text(a, 3n)}/32`] } }
  await put(datastore, resourceKey('WorkloadEndpoint', 'web', 'default'), endpoint)
  const dead = `${text(a, 4n)} is held for pod default/dead, which has no workload endpoint with it`
  expect((await problems()).sort()).toEqual([...always, dead].sort())
})
