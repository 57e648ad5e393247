import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SecretsFolder, WorkloadFolder } from './folders.js'
import { NO_WORKLOADS, workloadsOf } from './workloads.js'

let root: string
const problems: string[] = []
let changes = 0
const listener = { changed: () => changes++, problem: (text: string) => problems.push(text) }

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'starling-folders-'))
  problems.length = 0
  changes = 0
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('a folder of secrets', () => {
  it('gives values by name and key, without the newline that editors add', async () => {
    await mkdir(join(root, 'bgp-secrets'))
    await writeFile(join(root, 'bgp-secrets', 'rack1'), 's3cret\n')
    const folder = new SecretsFolder(root, listener)
    await folder.start()
    folder.stop()
    expect([...folder.value]).toEqual([['bgp-secrets/rack1', 's3cret']])
  })

  it('keeps its values and tells why when it cannot be read', async () => {
    const folder = new SecretsFolder(join(root, 'missing'), listener)
    await folder.start()
    folder.stop()
    expect(folder.value.size).toBe(0)
    expect(problems[0]).toContain('missing')
  })

  it('tells of a change while it runs', async () => {
    await mkdir(join(root, 'a'))
    await writeFile(join(root, 'a', 'k'), 'old')
    const folder = new SecretsFolder(root, listener)
    await folder.start()
    await writeFile(join(root, 'a', 'k'), 'new')
    await vi.waitFor(() => expect(folder.value.get('a/k')).toBe('new'), { timeout: 60_000 })
    folder.stop()
    expect(changes).toBe(1)
  })
})

describe('a folder of endpoint status files', () => {
  const good = { ifaceName: 'cali1', ipv4Nets: ['10.0.0.1/32'], bgpPeerName: 'p' }
  const read = { ...good, ipv6Nets: [] }

  it('gives what it can use, and says what it cannot', async () => {
    await writeFile(join(root, 'one'), JSON.stringify(good))
    await writeFile(join(root, 'two'), '{"ifaceName": "cali2", "ipv4Nets": ["10.0.')
    const folder = new WorkloadFolder(root, listener)
    await folder.start()
    folder.stop()
    expect([...folder.value.files.values()]).toEqual([read])
    expect(folder.value.problems).toEqual([
      {
        severity: 'error',
        resource: 'endpoint-status/two',
        message: expect.stringMatching(/^is not JSON .*: no session with this workload$/),
      },
    ])
  })

  it.each([
    ['[]', undefined, 'is not a JSON object'],
    ['{}', 'ifaceName', 'is not the name of an interface'],
    ['{"ifaceName": "cali1", "ipv4Nets": "10.0.0.1/32"}', 'ipv4Nets', 'is not a list'],
    [
      '{"ifaceName": "cali1", "ipv4Nets": ["10.0.0.1", "10.0.0.300"]}',
      'ipv4Nets[1]',
      'is "10.0.0.300", no IPv4 address',
    ],
    ['{"ifaceName": "cali1", "ipv6Nets": ["10.0.0.1"]}', 'ipv6Nets[0]', 'is "10.0.0.1", no IPv6 address'],
    ['{"ifaceName": "cali1", "bgpPeerName": 5}', 'bgpPeerName', 'is not the name of a BGPPeer'],
    [undefined, undefined, 'cannot be read'],
  ])('a file of %s: %s %s', (text, field, fault) => {
    const { files, problems } = workloadsOf(new Map([['f', text]]), NO_WORKLOADS)
    expect(files.size).toBe(0)
    expect(problems).toMatchObject([
      { ...(field === undefined ? {} : { field }), message: expect.stringContaining(fault) },
    ])
  })

  it('keeps the last good content of a file that is half written, until the file goes', () => {
    const whole = workloadsOf(new Map([['f', JSON.stringify(good)]]), NO_WORKLOADS)
    const half = workloadsOf(new Map([['f', JSON.stringify(good).slice(0, 20)]]), whole)
    expect([...half.files.values()]).toEqual([read])
    expect(half.problems[0]?.message).toMatch(/the last good content stays$/)
    expect(workloadsOf(new Map(), half)).toEqual(NO_WORKLOADS)
  })

  it('may not exist yet', async () => {
    const folder = new WorkloadFolder(join(root, 'missing'), listener)
    await folder.start()
    folder.stop()
    expect(folder.value.files.size).toBe(0)
    expect(problems).toEqual([])
  })
})
