import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jitteredBackoff, shuffled } from './clock.js'
import { discoverEndpoints, type SrvRecord } from './discovery.js'
import { parseEndpoint } from './endpoints.js'
import { fromGrpc } from './errors.js'
import { EtcdClient } from './index.js'
import { loadTls } from './tls.js'

describe('an endpoint', () => {
  it.each([
    ['http://10.0.0.1:2379', false, 'ipv4:10.0.0.1:2379', false],
    ['https://10.0.0.1:2379/', false, 'ipv4:10.0.0.1:2379', true],
    ['https://[fd00::1]:2379', false, 'ipv6:[fd00::1]:2379', true],
    ['http://etcd.example:2379', false, 'dns:///etcd.example:2379', false],
    ['10.0.0.1:2379', false, 'ipv4:10.0.0.1:2379', false],
    ['10.0.0.1:2379', true, 'ipv4:10.0.0.1:2379', true],
    ['http://10.0.0.1:2379', true, 'ipv4:10.0.0.1:2379', false],
    ['https://etcd.example', false, 'dns:///etcd.example:443', true],
  ])('%s (TLS given: %s) is dialled as %s', (text, tls, target, secure) => {
    expect(parseEndpoint(text, tls)).toMatchObject({ target, secure })
  })

  it.each(['', 'ftp://a:1', 'http://', 'http://a:port'])('%j is refused', (text) => {
    expect(() => parseEndpoint(text, false)).toThrow(/expected http/)
  })
})

describe('SRV discovery', () => {
  const record = (name: string, port: number, priority = 0, weight = 0): SrvRecord => ({ name, port, priority, weight })
  const zone = (records: Record<string, SrvRecord[]>) => async (name: string) => {
    const found = records[name]
    if (!found) throw new Error(`ENOTFOUND ${name}`)
    return found
  }

  it('takes TLS records before plain ones, by priority and weight', async () => {
    const resolve = zone({
      '_etcd-client-ssl._tcp.example': [
        record('c.example.', 2379, 2),
        record('a.example', 2379, 1, 1),
        record('b.example', 2379, 1, 9),
      ],
      '_etcd-client._tcp.example': [record('d.example', 2379)],
    })
    expect(await discoverEndpoints('example', resolve)).toEqual([
      'https://b.example:2379',
      'https://a.example:2379',
      'https://c.example:2379',
      'http://d.example:2379',
    ])
  })

  it('is content with one of the two, and says what is missing when there is neither', async () => {
    const plain = zone({ '_etcd-client._tcp.example': [record('d.example', 2379)] })
    expect(await discoverEndpoints('example', plain)).toEqual(['http://d.example:2379'])
    await expect(discoverEndpoints('example', zone({}))).rejects.toThrow(/_etcd-client-ssl\._tcp\.example/)
  })
})

describe('an error of gRPC', () => {
  it('says what the socket said, and still counts as never sent', () => {
    const details =
      'No connection established. Last error: Error: connect ECONNREFUSED 10.0.0.1:2379. Resolution note: '
    const error = fromGrpc(Object.assign(new Error(details), { code: status.UNAVAILABLE, details }))
    expect(error).toMatchObject({ message: 'connect ECONNREFUSED 10.0.0.1:2379', unsent: true, ambiguous: false })
  })
})

describe('pauses', () => {
  it('grow, stay below their limit, and are never less than half of what they could be', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (dice) => {
        const backoff = jitteredBackoff(100, 1_000, () => dice)
        for (const whole of [100, 200, 400, 800, 1_000, 1_000]) {
          const wait = backoff.next()
          expect(wait).toBeGreaterThanOrEqual(whole / 2)
          expect(wait).toBeLessThanOrEqual(whole)
        }
        backoff.reset()
        expect(backoff.next()).toBeLessThanOrEqual(100)
      }),
    )
  })

  it('are preceded by a shuffle that loses nobody', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (items) => void expect(shuffled(items).sort()).toEqual([...items].sort())),
    )
  })
})

describe('an error', () => {
  const rows: [string, number, string, object][] = [
    [
      'a refused connection: nothing was sent',
      status.UNAVAILABLE,
      'No connection established. Last error: connect ECONNREFUSED',
      { code: 'unavailable', unsent: true, ambiguous: false, retriable: true },
    ],
    [
      'a connection that broke: who knows',
      status.UNAVAILABLE,
      'Connection dropped',
      { code: 'unavailable', unsent: false, ambiguous: true },
    ],
    [
      'a channel replaced under a call',
      status.UNAVAILABLE,
      'Channel closed before call started',
      { code: 'unavailable', unsent: true, ambiguous: false },
    ],
    [
      'no answer in time',
      status.DEADLINE_EXCEEDED,
      'Deadline exceeded after 3.0s,remote_addr=127.0.0.1:2379',
      { code: 'deadline', ambiguous: true, retriable: true },
    ],
    [
      'no answer in time, not even a connection',
      status.DEADLINE_EXCEEDED,
      'Deadline exceeded after 3.0s,Waiting for LB pick',
      { code: 'deadline', unsent: true },
    ],
    [
      'an expired token',
      status.UNAUTHENTICATED,
      'etcdserver: invalid auth token',
      { code: 'unauthenticated', retriable: false },
    ],
    [
      'auth turned on meanwhile',
      status.INVALID_ARGUMENT,
      'etcdserver: user name is empty',
      { code: 'unauthenticated' },
    ],
    [
      'a wrong password',
      status.INVALID_ARGUMENT,
      'etcdserver: authentication failed, invalid user ID or password',
      { code: 'denied', retriable: false },
    ],
    ['a role that forbids it', status.PERMISSION_DENIED, 'etcdserver: permission denied', { code: 'denied' }],
    [
      'compaction',
      status.OUT_OF_RANGE,
      'etcdserver: mvcc: required revision has been compacted',
      { code: 'compacted' },
    ],
    [
      'a full disk',
      status.RESOURCE_EXHAUSTED,
      'etcdserver: mvcc: database space exceeded',
      { code: 'invalid', ambiguous: false },
    ],
  ]
  it.each(rows)('tells %s', (_, code, details, expected) => {
    expect(fromGrpc(Object.assign(new Error(details), { code, details }))).toMatchObject(expected)
  })
})

describe('options', () => {
  const wrong: [string, Parameters<typeof EtcdClient.open>[0], RegExp][] = [
    ['no endpoints', {}, /either endpoints or discoverySrv/],
    ['both endpoints and discovery', { endpoints: ['http://a:1'], discoverySrv: 'a' }, /either/],
    ['an empty list', { endpoints: [] }, /no etcd endpoints/],
    ['a user without password', { endpoints: ['http://a:1'], username: 'u' }, /password/],
    ['a key without certificate', { endpoints: ['http://a:1'], tls: { key: 'x' } }, /certificate needs its key/],
    [
      'inline and file at once',
      { endpoints: ['http://a:1'], tls: { ca: 'x', caFile: '/x' } },
      /both inline and as a file/,
    ],
    ['a CA file that is not there', { endpoints: ['http://a:1'], tls: { caFile: '/nowhere/ca' } }, /ENOENT/],
  ]
  it.each(wrong)('with %s are refused at once', async (_, options, message) => {
    await expect(EtcdClient.open(options)).rejects.toThrow(message)
  })

  it('with a certificate that is none are refused at once', () => {
    const folder = mkdtempSync(join(tmpdir(), 'starling-tls-'))
    writeFileSync(join(folder, 'ca'), 'not PEM')
    expect(() => loadTls({ certFile: join(folder, 'ca'), keyFile: join(folder, 'ca') })).toThrow(/etcd TLS/)
    rmSync(folder, { recursive: true })
  })
})
