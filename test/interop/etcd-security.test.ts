/**
 * Users with tokens that expire, and TLS with certificates that are renewed, against a real etcd. Certificates are made by
 * openssl for the occasion.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { etcdDatastore } from '@starling/datastore/etcd'
import { EtcdClient, type EtcdOptions, type WatchEnd } from '@starling/etcd3'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { CuttingProxy, EtcdRig, pause, until } from './etcd-rig.js'

needs('etcd', 'openssl')

const clients: EtcdClient[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

/** How long a call may try. */
const CALL_MS = 10_000

async function open(options: EtcdOptions): Promise<EtcdClient> {
  const client = await EtcdClient.open({ maxBackoffMs: 100, attemptMs: 5_000, callMs: CALL_MS, ...options })
  clients.push(client)
  return client
}

function watch(client: EtcdClient, prefix: string, from: number) {
  const values: string[] = []
  const ends: WatchEnd[] = []
  const links: string[] = []
  client.watchPrefix(prefix, from, {
    events: (events) => void values.push(...events.map(({ kv }) => kv.value)),
    link: (up, detail) => void links.push(up ? 'up' : detail),
    end: (end) => void ends.push(end),
  })
  return { values, ends, links }
}

describe('with users and tokens that live for one second', () => {
  let rig: EtcdRig
  const root = ['--user=root:secret']
  beforeAll(async () => {
    rig = await EtcdRig.start({ flags: ['--auth-token-ttl=1'] })
    rig.ctl(['user', 'add', 'root:secret'])
    rig.ctl(['user', 'grant-role', 'root', 'root'])
    rig.ctl(['user', 'add', 'node:pass'])
    rig.ctl(['role', 'add', 'reader'])
    rig.ctl(['role', 'grant-permission', 'reader', 'readwrite', '/calico/', '--prefix=true'])
    rig.ctl(['user', 'grant-role', 'node', 'reader'])
    rig.ctl(['auth', 'enable'])
  })
  afterAll(() => rig.close())

  const node = { username: 'node', password: 'pass' }
  /** Longer than etcd's token keeper takes to drop a token of one second. */
  const expiry = () => pause(2_500)

  it('a call with an expired token fetches another and succeeds', async () => {
    const client = await open({ endpoints: rig.urls, ...node })
    await client.put('/calico/a', '1')
    await expiry()
    expect((await client.get('/calico/a'))?.value).toBe('1')
    await expiry()
    await client.put('/calico/a', '2')
    expect((await client.get('/calico/a'))?.value).toBe('2')
  })

  it('a watch outlives its token, and one that starts with an expired token starts all the same', async () => {
    const client = await open({ endpoints: rig.urls, ...node })
    const from = await client.put('/calico/w', '1')
    const early = watch(client, '/calico/w', from)
    await until('the early watch', () => early.values.length === 1)
    await expiry()
    const late = watch(client, '/calico/w', from)
    await until('the late watch', () => late.values.length === 1)
    await expiry()
    await client.put('/calico/w', '2')
    await until('both', () => early.values.length === 2 && late.values.length === 2)
    expect([early.ends, late.ends]).toEqual([[], []])
  })

  it('a watch comes back after a restart of etcd, which forgets all tokens', async () => {
    const client = await open({ endpoints: rig.urls, ...node })
    const from = await client.put('/calico/r', '1')
    const { values, ends } = watch(client, '/calico/r', from)
    await until('the first', () => values.length === 1)
    await rig.kill(0)
    rig.run(0)
    await until('a write succeeds', async () => (await client.put('/calico/r', '2').catch(() => 0)) > 0)
    await until('its event', () => values.at(-1) === '2')
    expect(ends).toEqual([])
  })

  it('a wrong password is an error for a human, at once', async () => {
    const client = await open({ endpoints: rig.urls, username: 'node', password: 'wrong' })
    const asked = performance.now()
    await expect(client.get('/calico/a')).rejects.toMatchObject({ code: 'denied', retriable: false })
    expect(performance.now() - asked, 'tried once').toBeLessThan(CALL_MS)
    const { ends } = watch(client, '/calico/', 1)
    await until('the watch ends', () => ends.length > 0)
    expect(ends).toMatchObject([{ kind: 'denied' }])
    const datastore = await etcdDatastore({ endpoints: rig.urls, username: 'node', password: 'wrong' })
    await expect(datastore.list('/calico/')).rejects.toMatchObject({ retriable: false })
    expect(datastore.description).not.toContain('wrong')
    await datastore.close()
  })

  it('what the role does not allow is denied, to calls and to watches', async () => {
    const client = await open({ endpoints: rig.urls, ...node })
    await expect(client.get('/other')).rejects.toMatchObject({ code: 'denied' })
    const { ends } = watch(client, '/other', 1)
    await until('the watch ends', () => ends.length > 0)
    expect(ends).toMatchObject([{ kind: 'denied' }])
  })

  it('no credentials where some are needed is an error too, not silence', async () => {
    const client = await open({ endpoints: rig.urls })
    await expect(client.get('/calico/a')).rejects.toMatchObject({ retriable: false })
  })

  it('credentials that nobody asks for do no harm, and count once auth is turned on', async () => {
    rig.ctl(['auth', 'disable', ...root])
    const client = await open({ endpoints: rig.urls, ...node })
    await client.put('/calico/free', '1')
    rig.ctl(['auth', 'enable'])
    expect((await client.get('/calico/free'))?.value).toBe('1')
  })
})

describe('with TLS on both sides', () => {
  let rig: EtcdRig
  const folder = mkdtempSync(join(tmpdir(), 'starling-etcd-tls-'))
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })

  function authority(name: string): void {
    const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    openssl('req', '-x509', ...how, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`)
  }

  function certificate(name: string, issuer: string, usage: string): void {
    writeFileSync(at(`${name}.ext`), `subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=${usage}\n`)
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
    const by = ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`, '-CAcreateserial', '-days', '2']
    openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-extfile', `${name}.ext`, '-out', `${name}.crt`)
  }

  beforeAll(async () => {
    authority('ca')
    authority('other-ca')
    certificate('server', 'ca', 'serverAuth,clientAuth')
    certificate('client', 'ca', 'clientAuth')
    certificate('stranger', 'other-ca', 'clientAuth')
    const files = [`--cert-file=${at('server.crt')}`, `--key-file=${at('server.key')}`]
    const flags = [...files, `--trusted-ca-file=${at('ca.crt')}`, '--client-cert-auth=true']
    const ctlFlags = [`--cacert=${at('ca.crt')}`, `--cert=${at('client.crt')}`, `--key=${at('client.key')}`]
    rig = await EtcdRig.start({ scheme: 'https', flags, ctlFlags })
  })
  afterAll(async () => {
    await rig.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const files = () => ({ caFile: at('ca.crt'), certFile: at('client.crt'), keyFile: at('client.key') })

  it('it reads, writes and watches, with files or the text itself, by address or by name', async () => {
    const inline = {
      ca: readFileSync(at('ca.crt'), 'utf8'),
      cert: readFileSync(at('client.crt'), 'utf8'),
      key: readFileSync(at('client.key'), 'utf8'),
    }
    const byFile = await open({ endpoints: rig.urls, tls: files() })
    const byText = await open({ endpoints: [`localhost:${rig.ports[0]}`], tls: inline })
    const from = await byFile.put('/tls/k', '1')
    const { values } = watch(byText, '/tls/', from)
    await until('the event', () => values.length === 1)
  })

  it('a server of another authority is refused', async () => {
    const client = await open({ endpoints: rig.urls, tls: { caFile: at('other-ca.crt') }, callMs: 2_000 })
    await expect(client.get('/tls/k')).rejects.toThrow(/certificate|signature/i)
  })

  it('a server whose certificate is for another address is refused, though the authority is right', async () => {
    const elsewhere = await CuttingProxy.start(rig.ports[0]!, '127.0.0.2')
    const client = await open({ endpoints: [`https://127.0.0.2:${elsewhere.port}`], tls: files(), callMs: 2_000 })
    await expect(client.get('/tls/k')).rejects.toThrow(/127\.0\.0\.2|does not match/)
    await elsewhere.close()
  })

  it('a client of another authority, or without certificate, is refused', async () => {
    const stranger = { caFile: at('ca.crt'), certFile: at('stranger.crt'), keyFile: at('stranger.key') }
    for (const tls of [stranger, { caFile: at('ca.crt') }]) {
      const client = await open({ endpoints: rig.urls, tls, callMs: 2_000 })
      await expect(client.get('/tls/k')).rejects.toMatchObject({ retriable: true })
    }
  })

  it('renewed files are taken up, half-replaced ones are not, and a watch goes on over the change', async () => {
    const live = { caFile: at('live-ca.crt'), certFile: at('live.crt'), keyFile: at('live.key') }
    copyFileSync(at('ca.crt'), live.caFile)
    copyFileSync(at('client.crt'), live.certFile)
    copyFileSync(at('client.key'), live.keyFile)
    const proxy = await CuttingProxy.start(rig.ports[0]!)
    const client = await open({ endpoints: [`https://127.0.0.1:${proxy.port}`], tls: { ...live, reloadMs: 20 } })
    const from = await client.put('/tls/live', '1')
    const { values, links, ends } = watch(client, '/tls/live', from)
    await until('the first', () => values.length === 1)

    certificate('renewed', 'ca', 'clientAuth')
    copyFileSync(at('renewed.crt'), live.certFile)
    await pause(100)
    expect(proxy.connections).toBe(1)
    copyFileSync(at('renewed.key'), live.keyFile)
    await until('the new certificate is in use', () => proxy.connections === 2)
    await client.put('/tls/live', '2')
    await until('the second', () => values.length === 2)
    expect(values).toEqual(['1', '2'])
    expect(links).toEqual(['up'])
    expect(ends).toEqual([])

    copyFileSync(at('stranger.crt'), live.certFile)
    copyFileSync(at('stranger.key'), live.keyFile)
    await until('a useless certificate is noticed', () => links.length === 2)
    await writeThrough('/tls/live', '3')
    copyFileSync(at('client.crt'), live.certFile)
    copyFileSync(at('client.key'), live.keyFile)
    await until('and mended by the next renewal', () => values.length === 3)
    expect(values).toEqual(['1', '2', '3'])
    await proxy.close()
  })

  async function writeThrough(key: string, value: string): Promise<void> {
    await (await open({ endpoints: rig.urls, tls: files() })).put(key, value)
  }
})
