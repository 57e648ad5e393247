import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Api, startApi } from '@starling/api'
import { fakeDaemon } from '@starling/api/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { main } from '../main.js'
import { recordingIo } from '../testing.js'

const folder = mkdtempSync(join(tmpdir(), 'starling-elsewhere-'))
const control = join(folder, 's.sock')
const prefix = '10.244.2.0/26'
let here: Api
let knows: Api
let ignorant: Api

beforeAll(async () => {
  const speaker = (name: string, more: Partial<ReturnType<typeof fakeDaemon>> = {}) => {
    const daemon = Object.assign(fakeDaemon(), more)
    daemon.identityValue = { ...daemon.identityValue, name }
    return daemon
  }
  const explanation = { prefix, paths: [fakeDaemon().routeList[1]!], decision: [], exports: [] }
  const process = { metrics: { process: false } }
  here = await startApi({ ports: speaker('worker-1', { explanation }), control, ...process })
  knows = await startApi({ ports: speaker('worker-2', { explanation }), http: { port: 0 }, ...process })
  ignorant = await startApi({ ports: speaker('worker-3'), http: { port: 0 }, ...process })
})
afterAll(async () => {
  await Promise.all([here, knows, ignorant].map((api) => api.close()))
  rmSync(folder, { recursive: true, force: true })
})

test('other speakers are asked the same; one that is away is a line, not a failure', async () => {
  const { io, out } = recordingIo({ env: { STARLING_CONTROL: control } })
  const urls = [knows.url, ignorant.url, 'http://127.0.0.1:1'].flatMap((url) => ['--also', url ?? ''])
  expect(await main(['explain', prefix, ...urls], io)).toBe(0)
  const [, elsewhere = ''] = out().split('Elsewhere')
  expect(elsewhere).toMatch(/worker-2 +1 +Mesh_10_0_0_12 +10\.0\.0\.12 +installed via 10\.0\.0\.12/)
  expect(elsewhere).toMatch(/worker-3 +0 /)
  expect(elsewhere).toMatch(/http:\/\/127\.0\.0\.1:1 .*nobody listens/)
})

test('as JSON, beside the answer of the one that was asked', async () => {
  const { io, out } = recordingIo({ env: { STARLING_CONTROL: control } })
  await main(['explain', prefix, '-o', 'json', '--also', knows.url ?? ''], io)
  expect(JSON.parse(out())).toMatchObject({ prefix, elsewhere: [{ speaker: 'worker-2', best: 'Mesh_10_0_0_12' }] })
})
