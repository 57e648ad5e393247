import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { recordingIo } from '../testing.js'
import { readinessPolicy, surfaceOf } from './surface-options.js'

const folder = mkdtempSync(join(tmpdir(), 'starling-surface-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each([
  ['any', { kind: 'any' }],
  ['calico', { kind: 'calico', settleTime: 30_000 }],
  ['quorum:0.5', { kind: 'quorum', fraction: 0.5 }],
  ['quorum:66%', { kind: 'quorum', fraction: 0.66 }],
  ['quorum:1', { kind: 'quorum', fraction: 1 }],
  ['required:tor-a', { kind: 'required', peers: ['tor-a'] }],
  ['required:10.0.0.1,fd00::1,fe80::1%eth0', { kind: 'required', peers: ['10.0.0.1', 'fd00::1', 'fe80::1%eth0'] }],
] as const)('--readiness %s', (text, policy) => {
  expect(readinessPolicy(text)).toEqual(policy)
})

test.each(['', 'most', 'quorum', 'quorum:0', 'quorum:2', 'quorum:101%', 'required:', 'required:a,,b', 'required:a b'])(
  '--readiness %j is refused with what would be right',
  (text) => expect(() => readinessPolicy(text)).toThrow(/any, calico, quorum:FRACTION/),
)

test('certificate and key are read, and the token comes from the environment', async () => {
  const [tlsCert, tlsKey] = ['cert.pem', 'key.pem'].map((name) => join(folder, name)) as [string, string]
  writeFileSync(tlsCert, 'a certificate')
  writeFileSync(tlsKey, 'a key')
  const { io } = recordingIo({ env: { STARLING_TOKEN: ' secret\n' } })
  const surface = await surfaceOf({ http: { host: '127.0.0.1', port: 9180 }, tlsCert, tlsKey }, io)
  expect(surface.http).toMatchObject({ host: '127.0.0.1', port: 9180, token: 'secret' })
  expect(String(surface.http?.tls?.cert)).toBe('a certificate')
  expect(String(surface.http?.tls?.key)).toBe('a key')
})

test.each([
  ['a certificate without its key', { http: { host: '::1', port: 1 }, tlsCert: 'a' }, /go together/],
  ['TLS without TCP', { tlsCert: 'a', tlsKey: 'b' }, /needs --http/],
  ['a file that is not there', { http: { host: '::1', port: 1 }, tlsCert: '/nowhere', tlsKey: '/nowhere' }, /ENOENT/],
])('%s is refused', async (_what, options, words) => {
  await expect(surfaceOf(options, recordingIo().io)).rejects.toThrow(words)
})
