/**
 * Network namespaces for kernel tests: created here under unique names, always removed, never a real interface touched.
 * The test's own thread can move into one, so that drivers opened afterwards live there.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { CLONE, capabilities, setns } from '@starling/sys'
import { sweepNamespaces } from '../support/sweep.js'

/** Namespaces need root; elsewhere the suite says so and is skipped by the caller. */
export const mayUseNamespaces = process.platform === 'linux' && capabilities().sysAdmin && capabilities().netAdmin

let counter = 0
const alive = new Set<Namespace>()

if (mayUseNamespaces) sweepNamespaces(/^stk-(\d+)-/)

process.on('exit', () => {
  for (const namespace of alive) namespace.destroy()
})

export class Namespace {
  readonly name: string
  private readonly children: ChildProcess[] = []

  constructor(label: string) {
    this.name = `stk-${process.pid}-${++counter}-${label}`
    execFileSync('ip', ['netns', 'add', this.name])
    alive.add(this)
    this.ip('link set lo up')
  }

  /** `ip` inside the namespace; throws with its words on failure. */
  ip(command: string): string {
    return execFileSync('ip', ['-n', this.name, ...command.split(' ')], { stdio: 'pipe' }).toString()
  }

  /** As `ip`, but whatever the result. */
  tryIp(command: string): void {
    try {
      this.ip(command)
    } catch {
      // the caller does not care
    }
  }

  bridge(command: string): string {
    return execFileSync('bridge', ['-n', this.name, ...command.split(' ')], { stdio: 'pipe' }).toString()
  }

  exec(...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, ...command], { stdio: 'pipe' }).toString()
  }

  sysctl(key: string, value: string | number): void {
    this.exec('sysctl', '-qw', `${key}=${value}`)
  }

  /** A program in the namespace, ended with it. */
  spawn(...command: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, ...command], { stdio: 'pipe' })
    this.children.push(child)
    return child
  }

  destroy(): void {
    if (!alive.delete(this)) return
    for (const child of this.children) child.kill('SIGKILL')
    execFileSync('ip', ['netns', 'del', this.name])
  }
}

/** Runs `body` with this thread inside the namespace: sockets opened meanwhile belong to it. */
export async function inside<T>(namespace: Namespace, body: () => Promise<T> | T): Promise<T> {
  const home = openSync('/proc/thread-self/ns/net', 'r')
  const target = openSync(`/run/netns/${namespace.name}`, 'r')
  try {
    setns(target, CLONE.NEWNET)
    return await body()
  } finally {
    setns(home, CLONE.NEWNET)
    closeSync(target)
    closeSync(home)
  }
}

let nextIndex = 1000

/**
 * A veth pair between two namespaces, both ends up. Their indexes differ on purpose: the kernel announces a lost carrier
 * of a veth up to a second late when both happen to have the same one (linkwatch_urgent_event).
 */
export function connect(a: Namespace, nameA: string, b: Namespace, nameB: string): void {
  nextIndex += 1
  a.ip(`link add name ${nameA} index ${nextIndex} type veth peer name ${nameB} netns ${b.name}`)
  a.ip(`link set ${nameA} up`)
  b.ip(`link set ${nameB} up`)
}

/**
 * Waits for a condition of the real world, looked at every 10 ms, and says how long it took. The limit is for what never
 * comes: a busy machine may need many times what is usual.
 */
export async function eventually(what: string, holds: () => boolean, limit = 90_000): Promise<number> {
  const start = performance.now()
  while (!holds()) {
    if (performance.now() - start > limit) throw new Error(`not within ${limit} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return performance.now() - start
}
