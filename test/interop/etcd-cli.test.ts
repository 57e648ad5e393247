/**
 * The command line against an etcd that asks for client certificates and for a user, under Calico's variable names, with
 * and without their prefix, and under a namespace of its own.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROGRAM } from '../support/command.js'
import { needs } from '../support/needs.js'
import { EtcdRig, TWO_NODES } from './etcd-rig.js'

needs('etcd', 'openssl')

const folder = mkdtempSync(join(tmpdir(), 'starling-etcd-cli-'))
const at = (name: string): string => join(folder, name)
let rig: EtcdRig

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function certificate(name: string, usage: string): void {
  writeFileSync(at(`${name}.ext`), `subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=${usage}\n`)
  openssl('req', ...KEY, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
  const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2']
  openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-extfile', `${name}.ext`, '-out', `${name}.crt`)
}

beforeAll(async () => {
  openssl('req', '-x509', ...KEY, '-days', '2', '-subj', '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.crt')
  certificate('server', 'serverAuth,clientAuth')
  // Its name is no etcd user, so that the password is what counts.
  certificate('client', 'clientAuth')
  const tls = [`--cert-file=${at('server.crt')}`, `--key-file=${at('server.key')}`]
  const flags = [...tls, `--trusted-ca-file=${at('ca.crt')}`, '--client-cert-auth=true']
  const ctlFlags = [`--cacert=${at('ca.crt')}`, `--cert=${at('client.crt')}`, `--key=${at('client.key')}`]
  rig = await EtcdRig.start({ scheme: 'https', flags, ctlFlags })
  rig.ctl(['user', 'add', 'root:secret'])
  rig.ctl(['user', 'grant-role', 'root', 'root'])
  rig.ctl(['auth', 'enable'])
  writeFileSync(at('cluster.yaml'), TWO_NODES)
})

afterAll(async () => {
  await rig.close()
  rmSync(folder, { recursive: true, force: true })
})

const everything = (): Record<string, string> => ({
  ETCD_ENDPOINTS: rig.urls.join(','),
  ETCD_CA_CERT_FILE: at('ca.crt'),
  ETCD_CERT_FILE: at('client.crt'),
  ETCD_KEY_FILE: at('client.key'),
  ETCD_USERNAME: 'root',
  ETCD_PASSWORD: 'secret',
})

function starling(environment: Record<string, string>, ...args: string[]) {
  const env = { PATH: process.env['PATH'] ?? '', ...environment }
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { env, encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}

describe('starling with an etcd behind certificates and users', () => {
  it('applies, plans and differs, under the names of Calico', () => {
    const env = everything()
    const applied = starling(env, 'apply', at('cluster.yaml'), '--datastore', 'etcd')
    expect(applied, applied.err).toMatchObject({ code: 0, out: 'Node/w1 created\nNode/w2 created\n' })
    // Endpoints in the environment mean etcd (calico.md 1.1).
    const planned = starling(env, 'plan', '--node', 'w1', '-o', 'json')
    expect(JSON.parse(planned.out).peers.map((peer: { name: string }) => peer.name)).toEqual(['Mesh_10_0_0_2'])
    const same = starling(env, 'plan', '--node', 'w1', '--datastore', `file:${at('cluster.yaml')}`, '--against', 'etcd')
    expect(same, same.err).toMatchObject({ code: 0, out: 'No difference.\n' })
  })

  it('takes each variable with the prefix CALICO_ as well', () => {
    const prefixed = Object.fromEntries(Object.entries(everything()).map(([name, value]) => [`CALICO_${name}`, value]))
    const { code, out, err } = starling({ ...prefixed, CALICO_DATASTORE_TYPE: 'etcdv3' }, 'plan', '--node', 'w2')
    expect(code, err).toBe(0)
    expect(out).toContain('Mesh_10_0_0_1')
  })

  it('keeps to its namespace', () => {
    const env = { ...everything(), STARLING_ETCD_NAMESPACE: '/other' }
    expect(starling(env, 'plan', '--node', 'w1')).toMatchObject({ code: 1, err: 'starling: there is no Node w1\n' })
    expect(starling(env, 'apply', at('cluster.yaml')).code).toBe(0)
    expect(starling(env, 'plan', '--node', 'w1').code).toBe(0)
    const keys = rig.ctl(['--user=root:secret', 'get', '--prefix', '--keys-only', '/other/']).trim().split(/\n+/)
    expect(keys).toEqual(['w1', 'w2'].map((name) => `/other/calico/resources/v3/projectcalico.org/nodes/${name}`))
  })

  const without = (...names: string[]): Record<string, string> =>
    Object.fromEntries(Object.entries(everything()).filter(([name]) => !names.includes(name)))
  it.each([
    ['a wrong password', () => ({ ...everything(), ETCD_PASSWORD: 'wrong' }), /authentication failed|invalid user/i],
    [
      'no user where one is needed',
      () => without('ETCD_USERNAME', 'ETCD_PASSWORD'),
      /permission denied|user name is empty/i,
    ],
    ['a file that is not there', () => ({ ...everything(), ETCD_CA_CERT_FILE: at('none.crt') }), /none\.crt/],
    ['no client certificate', () => without('ETCD_CERT_FILE', 'ETCD_KEY_FILE'), /certificate|TLS|alert/i],
    [
      'endpoints and discovery at once',
      () => ({ ...everything(), ETCD_DISCOVERY_SRV: 'example.org' }),
      /ETCD_ENDPOINTS and ETCD_DISCOVERY_SRV are both set/,
    ],
    ['another datastore type', () => ({ DATASTORE_TYPE: 'kubernetes' }), /DATASTORE_TYPE=kubernetes is not supported/],
  ])('%s is told in words, and ends the command', (_what, environment, words) => {
    const { code, err } = starling(environment(), 'plan', '--node', 'w1')
    expect(code).not.toBe(0)
    expect(err).toMatch(words)
    expect(err).not.toContain('secret')
  })
})
