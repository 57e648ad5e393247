/**
 * Real etcd members for tests and benchmarks: Debian's `etcd` on loopback with random ports and a temporary folder,
 * ended by pid; and a TCP proxy in front of them that cuts, holds and counts. Nothing here outlives `close()`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../support/places.js'

export const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

/** Budgets of clients that are not what is tested: a busy disk may take seconds over a write. */
export const PATIENT = { attemptMs: 30_000, callMs: 90_000 } as const

/** Waits until the condition holds; a test's time limit is the outer bound. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limit = 90_000): Promise<void> {
  const end = performance.now() + limit
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${limit} ms in vain: ${what}`)
    await pause(5)
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener')
  return address.port
}

/** Nodes w1 and w2, as documents of a file. */
export const TWO_NODES = ['w1', 'w2']
  .map(
    (name, i) =>
      `apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: ${name}}\nspec: {bgp: {ipv4Address: 10.0.0.${i + 1}/24}}\n`,
  )
  .join('---\n')

export interface RigOptions {
  readonly members?: number
  readonly flags?: readonly string[]
  /** `https` when the flags turn TLS on for clients; then etcdctl needs its own flags. */
  readonly scheme?: 'http' | 'https'
  readonly ctlFlags?: readonly string[]
}

export class EtcdRig {
  readonly urls: readonly string[]
  readonly ports: readonly number[]
  readonly #folder = mkdtempSync(join(tmpdir(), 'starling-etcd-'))
  readonly #peers: readonly number[]
  readonly #options: RigOptions
  readonly #running: (ChildProcess | undefined)[] = []

  private constructor(ports: readonly number[], peers: readonly number[], options: RigOptions) {
    this.ports = ports
    this.#peers = peers
    this.#options = options
    this.urls = ports.map((port) => `${options.scheme ?? 'http'}://127.0.0.1:${port}`)
  }

  static async start(options: RigOptions = {}): Promise<EtcdRig> {
    const count = options.members ?? 1
    const ports = await freePorts(count * 2)
    const rig = new EtcdRig(ports.slice(0, count), ports.slice(count), options)
    try {
      for (let i = 0; i < count; i++) rig.run(i)
      await rig.healthy()
    } catch (error) {
      await rig.close()
      throw error
    }
    return rig
  }

  /** Starts member `i`, with the data it had if it ran before. */
  run(i: number): void {
    const cluster = this.#peers.map((port, n) => `m${n}=http://127.0.0.1:${port}`).join(',')
    const args = [`--name=m${i}`, `--data-dir=${join(this.#folder, `m${i}`)}`, '--log-level=error', '--logger=zap']
    args.push(`--listen-client-urls=${this.urls[i]}`, `--advertise-client-urls=${this.urls[i]}`)
    args.push(`--listen-peer-urls=http://127.0.0.1:${this.#peers[i]}`)
    args.push(`--initial-advertise-peer-urls=http://127.0.0.1:${this.#peers[i]}`, `--initial-cluster=${cluster}`)
    args.push('--initial-cluster-state=new', '--heartbeat-interval=50', '--election-timeout=500')
    args.push(...(this.#options.flags ?? []))
    const env = { ...process.env, ETCD_UNSUPPORTED_ARCH: process.arch === 'arm64' ? 'arm64' : '' }
    this.#running[i] = spawn('etcd', args, { stdio: 'ignore', env })
  }

  async healthy(): Promise<void> {
    const endpoints = this.urls.filter((_, i) => this.#running[i] !== undefined).join()
    await until('etcd is healthy', () => {
      try {
        this.ctl(['endpoint', 'health', `--endpoints=${endpoints}`])
        return true
      } catch {
        return false
      }
    })
  }

  ctl(args: readonly string[]): string {
    const all = [...args, ...(this.#options.ctlFlags ?? [])]
    if (!all.some((arg) => arg.startsWith('--endpoints'))) all.push(`--endpoints=${this.urls[0]}`)
    const env = { ...process.env, ETCDCTL_API: '3' }
    return execFileSync('etcdctl', all, {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      maxBuffer: 1e9,
    })
  }

  signal(i: number, signal: NodeJS.Signals): void {
    this.#running[i]?.kill(signal)
  }

  /** Stops member `i` with SIGSTOP; resolves when none of its threads runs any more, which may take a moment. */
  async suspend(i: number): Promise<void> {
    const tasks = `/proc/${this.#running[i]?.pid}/task`
    this.signal(i, 'SIGSTOP')
    await until('every thread is stopped', () =>
      readdirSync(tasks).every((task) => /\) T /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8'))),
    )
  }

  /** Ends member `i` and waits until it is gone. */
  async kill(i: number): Promise<void> {
    const child = this.#running[i]
    this.#running[i] = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map((_, i) => this.kill(i)))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A TCP proxy to one port, which can cut a connection after any byte on its way to the client. */
export class CuttingProxy {
  /** How many bytes of a new connection reach the client before it is cut; asked once per connection. */
  budget: () => number = () => Number.POSITIVE_INFINITY
  connections = 0
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #open = true

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(target: number, host = '127.0.0.1'): Promise<CuttingProxy> {
    const server = createServer()
    const proxy = new CuttingProxy(server)
    server.on('connection', (client) => proxy.#join(client, target))
    server.listen(0, host)
    await once(server, 'listening')
    return proxy
  }

  get port(): number {
    return portOf(this.#server)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  #join(client: Socket, target: number): void {
    if (!this.#open) {
      client.destroy()
      return
    }
    this.connections++
    const upstream = dial(target, '127.0.0.1')
    const pair = [client, upstream] as const
    this.#pairs.add(pair)
    const end = () => {
      this.#pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of pair) socket.on('error', end).on('close', end)
    client.on('data', (chunk) => upstream.write(chunk))
    let left = this.budget()
    upstream.on('data', (chunk) => {
      if (chunk.length <= left) client.write(chunk)
      else {
        client.end(chunk.subarray(0, left))
        upstream.destroy()
      }
      left = Math.max(0, left - chunk.length)
    })
  }

  /** Ends every connection; new ones are accepted. */
  cut(): void {
    for (const [client, upstream] of [...this.#pairs]) {
      client.destroy()
      upstream.destroy()
    }
  }

  /** Ends every connection and refuses new ones until `up`. */
  down(): void {
    this.#open = false
    this.cut()
  }

  up(): void {
    this.#open = true
  }

  async close(): Promise<void> {
    this.down()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
