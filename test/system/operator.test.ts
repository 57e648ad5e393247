/**
 * What operators and their machines see of running daemons: Calico's probes, a real Prometheus with the shipped rules and
 * dashboards over TLS, the process's name, and a session recorded and played again.
 *
 * Two nodes on loopback addresses; a third exists in the datastore and is never started.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { freePorts } from '../support/places.js'
import { type Finished, PROGRAM, starling } from './support.js'

// Linux with its whole 127.0.0.0/8 on the loopback device; no namespaces, no privileges.
needs('ip', 'prometheus', 'openssl')

const ADDRESS = { n1: '127.32.0.1', n2: '127.32.0.2', away: '127.32.0.3' } as const
const BGP_PORT = 11793
const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url))
const CALICO = { CALICO_NODENAME_FILE: '' }

const folder = mkdtempSync(join(tmpdir(), 'starling-operator-'))
const children: ChildProcess[] = []
const at = (name: string): string => join(folder, name)
const control = (name: string): readonly string[] => ['--control', at(`${name}.sock`)]
let http = { n1: 0, n2: 0, prometheus: 0 }

function run(label: string, file: string, args: readonly string[]): ChildProcess {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => writeFileSync(at(`${label}.log`), chunk, { flag: 'a' }))
  children.push(child)
  return child
}

function node(name: 'n1' | 'n2', ...more: readonly string[]): ChildProcess {
  const place = ['--datastore', `file:${at('cluster')}`, '--fib', 'memory', ...control(name)]
  return run(name, process.execPath, [PROGRAM, 'node', '--name', name, ...place, ...more])
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 180_000
  while (!(await done().catch(() => false))) {
    if (Date.now() > end) throw new Error(`not so after 180 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const peersOf = async (name: string): Promise<{ remoteAddress: string; state: string; established: number }[]> =>
  JSON.parse((await starling(['show', 'peers', '-o', 'json', ...control(name)])).out)

const established = async (name: string): Promise<number> =>
  (await peersOf(name)).filter(({ state }) => state === 'Established').length

const health = (name: string, ...checks: readonly string[]): Promise<Finished> =>
  starling(['health', ...checks, ...control(name)], CALICO)

let first: ChildProcess

beforeAll(async () => {
  mkdirSync(at('cluster'))
  CALICO.CALICO_NODENAME_FILE = at('nodename')
  const calico = (kind: string, name: string, spec: object) =>
    JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec })
  const documents = [
    ...Object.entries(ADDRESS).map(([name, address]) => calico('Node', name, { bgp: { ipv4Address: `${address}/8` } })),
    calico('BGPConfiguration', 'default', { listenPort: BGP_PORT, bindMode: 'NodeIP' }),
    calico('IPPool', 'pods', { cidr: '10.244.0.0/16' }),
    calico('BlockAffinity', 'n2-block', {
      node: 'n2',
      cidr: '10.244.1.0/26',
      state: 'confirmed',
      type: 'host',
      deleted: 'false',
    }),
  ]
  writeFileSync(join(at('cluster'), 'cluster.yaml'), documents.join('\n---\n'))
  const names = ['-subj', '/CN=n1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', at('key.pem')]
  execFileSync('openssl', ['req', '-x509', ...key, '-out', at('cert.pem'), '-days', '2', ...names], { stdio: 'ignore' })
  const [n1 = 0, n2 = 0, prometheus = 0] = await freePorts(3)
  http = { n1, n2, prometheus }
  const tls = ['--http', `127.0.0.1:${http.n1}`, '--tls-cert', at('cert.pem'), '--tls-key', at('key.pem')]
  first = node('n1', ...tls, '--readiness', 'required:Mesh_127_32_0_3', '--process-name', 'bird')
  const compat = ['--metrics-compat', 'bird_exporter', '--peer-metrics', 'all']
  node('n2', '--http', `127.0.0.1:${http.n2}`, '--readiness', 'quorum:50%', ...compat)
  await until('n1 and n2 have a session', async () => (await established('n1')) === 1)
})

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

describe("Calico's probes", () => {
  test('no nodename file: not ready, but live', async () => {
    expect(await health('n1', '--bird-ready')).toMatchObject({ code: 1, err: expect.stringContaining('nodename') })
    expect(await health('n1', '--bird-live')).toMatchObject({ code: 0 })
  })

  test('in the first 30 s after node startup every peer counts, and is named by address', async () => {
    writeFileSync(at('nodename'), 'n1')
    const { code, err } = await health('n1', '--bird-ready', '--bird-live')
    expect(code).toBe(1)
    expect(err).toContain('calico/node is not ready: BIRD is not ready: BGP not established with 127.32.0.3')
  })

  test('later one of them is enough, and a family without peers is always ready', async () => {
    const before = Date.now() / 1000 - 60
    utimesSync(at('nodename'), before, before)
    expect(await health('n1', '--bird-ready', '--bird-live')).toMatchObject({ code: 0, err: '' })
    expect(await health('n1', '--bird6-ready')).toMatchObject({ code: 0 })
  })

  test('no daemon: neither ready nor live', async () => {
    const { code, err } = await health('nobody', '--bird-ready', '--bird-live')
    expect(code).toBe(1)
    expect(err).toContain('calico/node is not ready: BIRD is not ready')
    expect(err).toContain('calico/node is not live: bird is not live')
  })

  test('the process is found by the name it was given', () => {
    // calico.md 6.2: the tools look at argv[0].
    expect(readFileSync(`/proc/${first.pid}/cmdline`, 'utf8').split('\0')[0]).toBe('bird')
    expect(readFileSync(`/proc/${first.pid}/comm`, 'utf8').trim()).toBe('bird')
  })
})

test('readiness follows the policy that was asked for', async () => {
  const required = await health('n1')
  expect(required.code).not.toBe(0)
  expect(required.err).toMatch(/required-peer-down: .*Mesh_127_32_0_3/)
  expect(await health('n2')).toMatchObject({ code: 0, out: 'ok (quorum 50 %)\n' })
})

test('over TLS for those who trust the authority', async () => {
  const url = ['--url', `https://127.0.0.1:${http.n1}`]
  expect((await starling(['show', 'peers', ...url, '--cacert', at('cert.pem')])).out).toContain('Mesh_127_32_0_2')
  expect((await starling(['show', 'peers', ...url])).code).not.toBe(0)
})

describe('a real Prometheus', () => {
  const api = async (path: string): Promise<{ status: string; error?: string; data: unknown }> =>
    (await fetch(`http://127.0.0.1:${http.prometheus}/api/v1/${path}`)).json() as never
  const query = async (expression: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> => {
    const { status, error, data } = await api(`query?query=${encodeURIComponent(expression)}`)
    expect([expression, status, error]).toEqual([expression, 'success', undefined])
    return (data as { result: never }).result
  }

  beforeAll(async () => {
    const job = (name: string, more: string): string => `  - job_name: ${name}\n    scrape_interval: 1s\n${more}`
    const secure = `    scheme: https\n    tls_config: { ca_file: ${at('cert.pem')} }\n`
    const targets = (port: number): string => `    static_configs: [{ targets: ['127.0.0.1:${port}'] }]\n`
    writeFileSync(
      at('prometheus.yaml'),
      `global: { evaluation_interval: 1s }\nrule_files: ['${DEPLOY}prometheus/starling.rules.yaml']\nscrape_configs:\n` +
        job('secure', secure + targets(http.n1)) +
        job('plain', targets(http.n2)),
    )
    const listen = `--web.listen-address=127.0.0.1:${http.prometheus}`
    run('prometheus', 'prometheus', [
      `--config.file=${at('prometheus.yaml')}`,
      `--storage.tsdb.path=${at('tsdb')}`,
      listen,
    ])
    await until('both daemons are scraped', async () => (await query('count(up == 1)'))[0]?.value[1] === '2')
  })

  test('promtool finds nothing wrong with the exposition, nor with the rules and their tests', () => {
    const rules = `${DEPLOY}prometheus/starling.rules`
    execFileSync('promtool', ['check', 'config', at('prometheus.yaml')])
    execFileSync('promtool', ['test', 'rules', `${rules}.test.yaml`])
    const text = execFileSync(process.execPath, [
      '-e',
      `fetch('http://127.0.0.1:${http.n2}/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))`,
    ])
    // Only our own names: prom-client's process metrics have habits of their own, bird_exporter's are what they are.
    const ours = text
      .toString()
      .split('\n')
      .filter((line) => /starling_/.test(line))
    execFileSync('promtool', ['check', 'metrics'], { input: `${ours.join('\n')}\n` })
  })

  test('every rule is evaluated, and the node that misses a peer is about to alert', async () => {
    await until('rules are evaluated', async () => {
      const { data } = await api('rules')
      const rules = (data as { groups: { rules: { health: string }[] }[] }).groups.flatMap((group) => group.rules)
      return rules.length > 15 && rules.every((rule) => rule.health === 'ok')
    })
    await until('StarlingNotReady is pending for n1', async () =>
      (await query('ALERTS{alertname="StarlingNotReady"}')).some(({ metric }) => metric['job'] === 'secure'),
    )
  })

  test('every question of every dashboard is understood', async () => {
    const values: Readonly<Record<string, string>> = { $job: '.*', $instance: `127.0.0.1:${http.n2}`, $peer: '.*' }
    const boards = readdirSync(`${DEPLOY}grafana`).map(
      (name) =>
        JSON.parse(readFileSync(`${DEPLOY}grafana/${name}`, 'utf8')) as { panels: { targets?: { expr: string }[] }[] },
    )
    const questions = boards.flatMap(({ panels }) =>
      panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    )
    expect(questions.length).toBeGreaterThan(60)
    const answers = async (): Promise<number> => {
      let answered = 0
      for (const question of new Set(questions)) {
        const text = question.replace(/\$(?:job|instance|peer)\b/g, (name) => values[name] ?? name)
        if ((await query(text)).length > 0) answered++
      }
      return answered
    }
    // Rates need two scrapes, some panels need trouble: most have something to show.
    await until('most questions have an answer', async () => (await answers()) > 40)
  })

  test('the figures are true: sessions, latency to the kernel, the names of bird_exporter', async () => {
    const sessions = await query('sum(starling_sessions{job="secure",state="Established"})')
    expect(sessions[0]?.value[1]).toBe('1')
    await until(
      'a route took its time to the kernel',
      async () => (await query('starling_update_to_kernel_seconds_count{job="secure"} > 0')).length === 1,
    )
    const up = await query('bird_protocol_up{name="Mesh_127_32_0_1",proto="BGP",ip_version="4"}')
    expect(up.map(({ value }) => value[1])).toEqual(['1'])
    expect((await query('starling_peer_up{job="plain"}')).length).toBe(2)
    expect(await query('starling_peer_up{job="secure"}')).toEqual([])
  })
})

test('a session is recorded from its first octet, and plays again', async () => {
  const file = at('session.jsonl')
  const session = async () => (await peersOf('n1')).find(({ remoteAddress }) => remoteAddress === ADDRESS.n2)
  const before = (await session())?.established ?? 0
  const recording = starling(['record', 'Mesh_127_32_0_2', '--file', file, '--restart', ...control('n1')])
  await until('the session came back', async () => {
    const now = await session()
    return now?.state === 'Established' && now.established > before
  })
  await starling(['peer', 'restart', 'Mesh_127_32_0_2', ...control('n1')])
  expect(await recording).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+ lines: the session ended\n$/) })
  const replay = await starling(['record', '--replay', file])
  expect(replay.out).toContain('the replay says the same')
  expect(replay.code).toBe(0)
})
