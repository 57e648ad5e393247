/**
 * Looks at this host for `starling doctor`: /proc, /sys, a try at each port, one question to the datastore. It changes
 * nothing, and what cannot be seen is unknown rather than an error.
 */
import { createSocket } from 'node:dgram'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces, release } from 'node:os'
import { join } from 'node:path'
import type { HostFacts, Link, PortState } from './rules.js'

const BGP_PORT = 179
/** RFC 5881 section 4. */
const BFD_PORT = 3784
const MODULES = ['ipip', 'vxlan']
const SYSCTLS = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']

/** Everything but what the caller knows better: name, datastore, whether a daemon answers. */
export async function lookAround(root = '/'): Promise<Omit<HostFacts, 'name' | 'running' | 'store'>> {
  const processes = names(root)
  return {
    platform: process.platform,
    nodeVersion: process.version,
    now: Date.now(),
    capabilities: capabilities(read(root, 'proc/self/status')),
    unprivilegedPortStart: Number(read(root, 'proc/sys/net/ipv4/ip_unprivileged_port_start') ?? 1024),
    sysctls: Object.fromEntries(SYSCTLS.map((name) => [name, read(root, `proc/sys/${name.replaceAll('.', '/')}`)])),
    modules: Object.fromEntries(MODULES.map((name) => [name, moduleState(root, name)])),
    ports: [await tcp(BGP_PORT, root), await udp(BFD_PORT)],
    processes,
    synchronizedClock: clockIsKept(root, processes),
    links: links(root),
    openFiles: openFiles(read(root, 'proc/self/limits')),
  }
}

function read(root: string, path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8').trim()
  } catch {
    return undefined
  }
}

function folder(root: string, path: string): string[] {
  try {
    return readdirSync(join(root, path))
  } catch {
    return []
  }
}

/** Bits of linux/capability.h. */
function capabilities(status = ''): HostFacts['capabilities'] {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/im.exec(status)?.[1] ?? '0'}`)
  const has = (bit: bigint): boolean => ((mask >> bit) & 1n) === 1n
  return { netBindService: has(10n), netAdmin: has(12n), netRaw: has(13n) }
}

function moduleState(root: string, name: string): 'loaded' | 'available' | 'absent' {
  if (folder(root, 'sys/module').includes(name)) return 'loaded'
  const here = `lib/modules/${release()}`
  if (read(root, `${here}/modules.builtin`)?.includes(`/${name}.ko`) === true) return 'loaded'
  return read(root, `${here}/modules.dep`)?.includes(`/${name}.ko`) === true ? 'available' : 'absent'
}

const pids = (root: string): string[] => folder(root, 'proc').filter((each) => /^\d+$/.test(each))
const names = (root: string): string[] => [
  ...new Set(pids(root).flatMap((pid) => read(root, `proc/${pid}/comm`) ?? [])),
]

const clockIsKept = (root: string, processes: readonly string[]): boolean =>
  folder(root, 'run/systemd/timesync').includes('synchronized') ||
  processes.some((name) => ['chronyd', 'ntpd', 'ntpsec', 'timemaster'].includes(name))

function links(root: string): Link[] {
  const addresses = networkInterfaces()
  return folder(root, 'sys/class/net').map((name) => ({
    name,
    mtu: Number(read(root, `sys/class/net/${name}/mtu`) ?? 0),
    addresses: (addresses[name] ?? []).map(({ address }) => address),
  }))
}

function openFiles(limits = ''): number {
  // Node.js raises the soft limit to the hard one at its start.
  const found = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1]
  return found === undefined ? 0 : found === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(found)
}

function judged(port: number, protocol: 'tcp' | 'udp', error: NodeJS.ErrnoException, root?: string): PortState {
  if (error.code !== 'EADDRINUSE') return { port, protocol, state: 'forbidden' }
  const owner = root === undefined ? undefined : listener(root, port)
  return { port, protocol, state: 'taken', ...(owner === undefined ? {} : { owner }) }
}

function tcp(port: number, root: string): Promise<PortState> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(judged(port, 'tcp', error, root)))
    server.listen(port, '0.0.0.0', () => server.close(() => resolve({ port, protocol: 'tcp', state: 'free' })))
  })
}

function udp(port: number): Promise<PortState> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', (error) => {
      socket.close()
      resolve(judged(port, 'udp', error))
    })
    socket.bind(port, () => socket.close(() => resolve({ port, protocol: 'udp', state: 'free' })))
  })
}

/** `bird (pid 123)`: whose socket listens on the port; only root sees everybody's. */
export function listener(root: string, port: number): string | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = ['proc/net/tcp', 'proc/net/tcp6'].flatMap((file) => (read(root, file) ?? '').split('\n').slice(1))
  const LISTEN = '0A'
  const inodes = rows
    .map((row) => row.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix) === true && columns[3] === LISTEN)
    .map((columns) => `socket:[${columns[9]}]`)
  for (const pid of inodes.length === 0 ? [] : pids(root)) {
    for (const fd of folder(root, `proc/${pid}/fd`)) {
      try {
        if (inodes.includes(readlinkSync(join(root, `proc/${pid}/fd/${fd}`)))) {
          return `${read(root, `proc/${pid}/comm`) ?? 'a process'} (pid ${pid})`
        }
      } catch {
        // closed while we looked
      }
    }
  }
  return undefined
}
