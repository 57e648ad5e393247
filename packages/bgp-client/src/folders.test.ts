import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SecretsFolder, WorkloadFolder } from './folders.js'

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
    await vi.waitFor(() => expect(folder.value.get('a/k')).toBe('new'), { timeout: 10_000 })
    folder.stop()
    expect(changes).toBe(1)
  })
})

describe('a folder of endpoint status files', () => {
  it('gives what it can read and passes over the rest', async () => {
    await writeFile(
      join(root, 'one'),
      JSON.stringify({ ifaceName: 'cali1', ipv4Nets: ['10.0.0.1/32'], bgpPeerName: 'p' }),
    )
    await writeFile(join(root, 'two'), 'not json')
    const folder = new WorkloadFolder(root, listener)
    await folder.start()
    folder.stop()
    expect(folder.value).toEqual([{ ifaceName: 'cali1', ipv4Nets: ['10.0.0.1/32'], ipv6Nets: [], bgpPeerName: 'p' }])
  })

  it('may not exist yet', async () => {
    const folder = new WorkloadFolder(join(root, 'missing'), listener)
    await folder.start()
    folder.stop()
    expect(folder.value).toEqual([])
    expect(problems).toEqual([])
  })
})
