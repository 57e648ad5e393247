/**
 * Debian's own bird_exporter against our control sockets: what a dashboard read from BIRD before, it reads from us.
 *
 * Verifies: both sockets answer, every protocol is seen with its state and counts, the daemon's own figures are there,
 * and the names and labels are the ones `--metrics-compat bird_exporter` gives without the exporter.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Api, startApi } from '@starling/api'
import { type FakeDaemon, fakeDaemon } from '@starling/api/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { freePort } from '../support/places.js'

needs('bird-exporter')

const folder = mkdtempSync(join(tmpdir(), 'starling-bird-exporter-'))
const daemon: FakeDaemon = fakeDaemon()
let api: Api
let exporter: ChildProcess
let theirs = ''
let ours = ''
let said = ''

async function scrape(url: string): Promise<string> {
  for (let attempt = 0; attempt < 1_800; attempt++) {
    const text = await fetch(url).then(
      (response) => response.text(),
      () => undefined,
    )
    if (text !== undefined) return text
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing answers at ${url}: ${said}`)
}

beforeAll(async () => {
  api = await startApi({
    ports: daemon,
    birdControl: folder,
    http: { port: 0 },
    metrics: { process: false, compat: 'bird_exporter', perPeer: 'all' },
  })
  const port = await freePort()
  exporter = spawn('prometheus-bird-exporter', [
    ...['-bird.socket', join(folder, 'bird.ctl'), '-bird.socket6', join(folder, 'bird6.ctl')],
    ...['-web.listen-address', `127.0.0.1:${port}`],
  ])
  exporter.stderr?.on('data', (chunk) => {
    said += String(chunk)
  })
  theirs = await scrape(`http://127.0.0.1:${port}/metrics`)
  ours = await scrape(`${api.url}/metrics`)
})
afterAll(async () => {
  exporter.kill()
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

/** `name{labels}` to value, of BIRD's names only; labels in alphabetical order. */
function series(text: string): Map<string, number> {
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const parts = /^(bird_\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (parts === null) continue
    const labels = (parts[2] ?? '').match(/\w+="[^"]*"/g) ?? []
    found.set(`${parts[1]}{${labels.sort().join(',')}}`, Number(parts[3]))
  }
  return found
}

const labels = (name: string, family: 4 | 6, proto = 'BGP'): string =>
  `export_filter="ACCEPT",import_filter="ACCEPT",ip_version="${family}",name="${name}",proto="${proto}"`

describe('bird_exporter', () => {
  test('reads both sockets without a complaint', () => {
    expect(said).not.toMatch(/error|fail/i)
    expect([...series(theirs).keys()].filter((name) => name.includes('proto="Kernel"'))).not.toEqual([])
  })

  test('sees every session with its state and its counts', () => {
    const found = series(theirs)
    expect(found.get(`bird_protocol_up{${labels('Mesh_10_0_0_12', 4)},state="Established"}`)).toBe(1)
    expect(found.get(`bird_protocol_up{${labels('Mesh_10_0_0_13', 4)},state="Connect       connection refused"}`)).toBe(
      0,
    )
    expect(found.get(`bird_protocol_up{${labels('Mesh_fd00_a__12', 6)},state="Established"}`)).toBe(1)
    expect(found.get(`bird_protocol_prefix_import_count{${labels('Mesh_10_0_0_12', 4)}}`)).toBe(2)
    expect(found.get(`bird_protocol_prefix_export_count{${labels('Mesh_10_0_0_12', 4)}}`)).toBe(1)
    expect(found.get(`bird_protocol_prefix_filter_count{${labels('Mesh_10_0_0_12', 4)}}`)).toBe(1)
  })

  test('what we export under its names ourselves is what it exports', () => {
    const [there, here] = [series(theirs), series(ours)]
    const sessions = [...there.keys()].filter(
      (name) => name.startsWith('bird_protocol_') && name.includes('proto="BGP"'),
    )
    expect(sessions.length).toBeGreaterThan(20)
    const differing = sessions.flatMap((name) =>
      // An uptime is counted from another moment, and it takes the whole last column for the state.
      name.startsWith('bird_protocol_uptime') || name.includes('state="Connect') || here.get(name) === there.get(name)
        ? []
        : [`${name}: ${there.get(name)} there, ${here.get(name)} here`],
    )
    expect(differing).toEqual([])
  })
})
