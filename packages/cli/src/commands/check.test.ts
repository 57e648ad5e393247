import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EXIT } from '../exit.js'
import { main } from '../main.js'
import { recordingIo } from '../testing.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-cli-check-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function run(...args: string[]) {
  const { io, out, err } = recordingIo()
  const code = await main(args, io)
  return { code, out: out(), err: err() }
}

const document = (kind: string, name: string, spec: object) =>
  `${JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec })}\n`
const node = (name: string, ipv4Address: string) => document('Node', name, { bgp: { ipv4Address } })
const write = (name: string, ...documents: (string | Buffer)[]) =>
  writeFileSync(join(folder, name), Buffer.concat(documents.map((text) => Buffer.from(text))))

describe('check tells what a plan would complain of', () => {
  test.each([
    [
      'two nodes with one address',
      EXIT.unhealthy,
      [node('b', '10.0.0.1/24')],
      'error: Node/b spec.bgp.ipv4Address: Node/a has the address',
    ],
    [
      'a peer without an AS',
      EXIT.unhealthy,
      [document('BGPPeer', 'p', { peerIP: '192.0.2.1' })],
      'error: BGPPeer/p spec.asNumber: no AS number for 192.0.2.1',
    ],
    [
      'routes that two programs write',
      EXIT.ok,
      [document('FelixConfiguration', 'default', { programClusterRoutes: 'Enabled' })],
      'warning: FelixConfiguration/default spec.programClusterRoutes: Enabled beside',
    ],
    [
      'more than fits the capability',
      EXIT.ok,
      [document('BGPPeer', 'p', { peerIP: '192.0.2.1', asNumber: 65001, maxRestartTime: '2h' })],
      'warning: BGPPeer/p spec.maxRestartTime: 7200 s does not fit',
    ],
    [
      'a field that only default has',
      EXIT.ok,
      [document('BGPConfiguration', 'node.a', { bindMode: 'NodeIP' })],
      "warning: BGPConfiguration/node.a spec.bindMode: is only honoured in 'default'",
    ],
  ])('%s', async (_what, exit, documents, told) => {
    write('a.json', node('a', '10.0.0.1/24'))
    for (const [i, text] of documents.entries()) write(`b${i}.json`, text)
    const { code, out } = await run('check', folder)
    expect(out).toContain(`${join(folder, 'b0.json')}:1: ${told}`)
    expect(code).toBe(exit)
  })

  test('once, and not of secrets, which are somewhere else', async () => {
    const password = { secretKeyRef: { name: 's', key: 'k' } }
    write('a.yaml', node('a', '10.0.0.1/24'), '---\n', node('b', '10.0.0.2/24'))
    write('p.json', document('BGPPeer', 'p', { peerIP: '192.0.2.1', asNumber: 65001, password, filters: ['none'] }))
    const { out } = await run('check', folder)
    expect(out.match(/BGPPeer\/p/g)).toHaveLength(1)
    expect(out).toContain("spec.filters[0]: no BGPFilter 'none'")
  })

  test('without any node: of the configuration alone', async () => {
    const advertisements = [{ cidr: '10.0.0.0/8', communities: ['x'] }]
    write('c.json', document('BGPConfiguration', 'node.a', { prefixAdvertisements: advertisements }))
    write('f.json', document('FelixConfiguration', 'default', { programClusterRoutes: 'Enabled' }))
    const { out } = await run('check', folder)
    expect(out).toContain('FelixConfiguration/default spec.programClusterRoutes')
    expect(out).not.toContain('does not exist')
  })
})

describe('documents that cannot be read', () => {
  test('stand among the problems of a plan, with resource, field and place', async () => {
    write('a.json', node('a', '10.0.0.1/24'))
    write('p.yaml', document('BGPPeer', 'p', { peerIP: '192.0.2.300', asNumber: 65001, ttlSecurity: 300 }))
    write('q.yaml', 'kind: [\n')
    write('r.yaml', Buffer.from('kind: ä\n', 'latin1'))
    const { code, out, err } = await run('plan', '--datastore', `file:${folder}`, '--node', 'a', '-o', 'json')
    expect(JSON.parse(out).problems).toEqual([
      {
        severity: 'error',
        resource: 'BGPPeer/p',
        field: 'spec.peerIP',
        message: expect.stringMatching(/^'192.0.2.300' is not an address .*p\.yaml:1\)$/),
      },
      { severity: 'error', resource: 'BGPPeer/p', field: 'spec.ttlSecurity', message: expect.stringContaining('255') },
      { severity: 'error', resource: `${join(folder, 'q.yaml')}:2`, message: expect.any(String) },
      { severity: 'error', resource: `${join(folder, 'r.yaml')}:1`, message: expect.stringContaining('UTF-8') },
    ])
    expect({ code, err }).toEqual({ code: EXIT.ok, err: '' })
  })

  test('are told when the node is one of them', async () => {
    write('a.yaml', node('a', '10.0.0.1/99'))
    const { code, err } = await run('plan', '--datastore', `file:${folder}`, '--node', 'a')
    expect(err).toMatch(/Node\/a spec.bgp.ipv4Address: '10.0.0.1\/99' is not an address[\s\S]*there is no Node a/)
    expect(code).not.toBe(EXIT.ok)
  })

  test('are refused by check and written by nobody: Latin-1', async () => {
    write('r.yaml', Buffer.from(`# ä\n${node('a', '10.0.0.1/24')}`, 'latin1'))
    const { code, out } = await run('check', folder)
    expect(out).toContain(`${join(folder, 'r.yaml')}:1: error: file: is not UTF-8 text`)
    expect(code).toBe(EXIT.unhealthy)
  })
})

test.each([
  ['a large file on a terminal', true, 3_000_000, /^reading 3\.0 MB of YAML from /],
  ['a small one', true, 1000, /^$/],
  ['a large one in a pipe', false, 3_000_000, /^$/],
])('a long reading is told of before it begins: %s', async (_what, terminal, size, told) => {
  write('a.yaml', node('a', '10.0.0.1/24'), `---\n#${' '.repeat(size)}\n`)
  const { io, err } = recordingIo({ terminal })
  for (const args of [
    ['check', folder],
    ['plan', '--datastore', `file:${folder}`, '--node', 'a'],
  ]) {
    const before = err().length
    expect(await main(args, io)).toBe(EXIT.ok)
    expect(err().slice(before)).toMatch(told)
  }
})
