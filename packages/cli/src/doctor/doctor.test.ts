import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EXIT } from '../exit.js'
import { main } from '../main.js'
import { recordingIo } from '../testing.js'
import { listener, lookAround } from './facts.js'
import type { Finding } from './rules.js'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'starling-doctor-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

test('what is in /proc and /sys arrives as facts', async () => {
  put('proc/self/status', 'Name:\tnode\nCapEff:\t0000000000001400\n')
  put('proc/sys/net/ipv4/ip_unprivileged_port_start', '179\n')
  put('proc/sys/net/ipv4/ip_forward', '1\n')
  put(
    'proc/self/limits',
    'Limit  Soft  Hard\nMax open files            1024                 524288               files\n',
  )
  put('proc/7/comm', 'bird\n')
  put('proc/8/comm', 'chronyd\n')
  put('sys/module/ipip/refcnt', '0')
  put(`lib/modules/${release()}/modules.dep`, 'kernel/drivers/net/vxlan/vxlan.ko: \n')
  put('sys/class/net/eth0/mtu', '9000\n')
  expect(await lookAround(root)).toMatchObject({
    capabilities: { netAdmin: true, netBindService: true, netRaw: false },
    unprivilegedPortStart: 179,
    sysctls: { 'net.ipv4.ip_forward': '1', 'net.ipv6.conf.all.forwarding': undefined },
    modules: { ipip: 'loaded', vxlan: 'available' },
    processes: ['bird', 'chronyd'],
    synchronizedClock: true,
    openFiles: 524_288,
    links: [{ name: 'eth0', mtu: 9000 }],
  })
})

test('an empty /proc is no failure', async () => {
  expect(await lookAround(root)).toMatchObject({
    capabilities: { netAdmin: false, netBindService: false, netRaw: false },
    modules: { ipip: 'absent', vxlan: 'absent' },
    synchronizedClock: false,
    openFiles: 0,
    links: [],
  })
})

test('the owner of a port is found through its socket', () => {
  const row = (state: string, inode: number) =>
    `   0: 00000000:00B3 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0\n`
  put('proc/net/tcp', `  sl  local_address rem_address   st\n${row('01', 11)}${row('0A', 12)}`)
  put('proc/41/comm', 'neighbour\n')
  put('proc/42/comm', 'bird\n')
  for (const [pid, inode] of [
    [41, 11],
    [42, 12],
  ]) {
    mkdirSync(join(root, `proc/${pid}/fd`))
    symlinkSync(`socket:[${inode}]`, join(root, `proc/${pid}/fd/5`))
  }
  expect(listener(root, 179)).toBe('bird (pid 42)')
  expect(listener(root, 180)).toBeUndefined()
})

async function doctor(...args: string[]) {
  const { io, out, err } = recordingIo({ env: { STARLING_CONTROL: join(root, 'nobody.sock') } })
  const code = await main(['doctor', ...args], io)
  return { code, out: out(), err: err() }
}

test('the command reads the datastore, prints fixes, and ends with 4 when there is a problem', async () => {
  const cluster = join(root, 'cluster.yaml')
  writeFileSync(
    cluster,
    `apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: n1 }
spec: { bgp: { ipv4Address: 192.0.2.77/24 } }
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: { name: p }
spec: { cidr: 10.244.0.0/16, ipipMode: Always }
`,
  )
  const { code, out, err } = await doctor('--datastore', `file:${cluster}`, '--name', 'n1')
  expect({ code, err }).toEqual({ code: EXIT.unhealthy, err: '' })
  expect(out).toContain('n1 has 192.0.2.77, which no interface here has')
  expect(out).toMatch(/\d+ problems?, \d+ warnings?, \d+ fine\n$/)
  const json = JSON.parse(
    (await doctor('--datastore', `file:${cluster}`, '--name', 'n1', '-o', 'json')).out,
  ) as Finding[]
  expect(json.find(({ check }) => check === 'kernel module ipip')?.found).not.toContain('no pool needs it')
  expect(json.find(({ check }) => check === 'kernel module vxlan')?.found).toContain('no pool needs it')
})

test('a store that cannot be reached is a finding, not an end', async () => {
  const { code, out } = await doctor('--datastore', 'embedded:unix:/nonexistent/store', '--role', 'reflector')
  expect(code).toBe(EXIT.unhealthy)
  expect(out).toMatch(/PROBLEM +datastore/)
})
