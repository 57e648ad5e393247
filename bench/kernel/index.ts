/**
 * Kernel routes per second, in one run and one namespace each: Starling's programmer (the whole road: wish, reconciler,
 * driver, kernel; with the netlink worker as `starling node` uses it, and without), `ip -batch`, and BIRD's kernel
 * protocol; and the other way, learning what another program has put there, beside BIRD. Routes are /26 via one gateway, protocol 12, metric 32.
 *
 *   npm run bench -- kernel [--routes 100000,500000] [--without thread,bird,ip,learn]
 *
 * The event loop's longest block is measured beside, and a dump with comparison of everything. Needs root.
 */

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type DesiredRoute, type FibDriver, RouteProgrammer } from '@starling/route-programmer'
import { NetlinkDriver, systemClock, WorkerNetlinkDriver } from '@starling/route-programmer/netlink'
import { connect, eventually, inside, Namespace } from '../../test/kernel/netns.js'
import { buildWorker } from '../../test/kernel/worker.js'

const GATEWAYS = ['10.255.0.2', '10.255.0.3'] as const

export interface Row {
  readonly routes: number
  readonly who: string
  readonly what: string
  readonly seconds: number
  readonly perSecond: number
  /** Longest block of the event loop in ms, where it is ours. */
  readonly blocked?: number
  /** Processor time of the main thread's longest turn in ms: what other programs on a busy machine do not add to. */
  readonly busy?: number
}

function address(i: number): Uint8Array {
  const value = 0x14000000 + i * 64
  return Uint8Array.of(value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255)
}

const nextHopsVia = (gateway: string) => [{ gateway: Uint8Array.from(gateway.split('.').map(Number)) }]

function wish(i: number, nextHops: DesiredRoute['nextHops']): DesiredRoute {
  return {
    destination: { family: 4, address: address(i), length: 26 },
    kind: 'unicast',
    nextHops,
    metric: 32,
    why: 'bench',
  }
}

function host(): { namespace: Namespace; destroy(): void } {
  const namespace = new Namespace('bench')
  const peer = new Namespace('peer')
  connect(namespace, 'eth0', peer, 'eth0')
  namespace.ip('addr add 10.255.0.1/16 dev eth0')
  const destroy = () => {
    namespace.destroy()
    peer.destroy()
  }
  return { namespace, destroy }
}

const schedstat = openSync('/proc/self/schedstat', 'r')
const text = Buffer.alloc(64)

/** Time this process's first thread has been on a processor (Documentation/scheduler/sched-stats). */
function processorMs(): number {
  readSync(schedstat, text, 0, text.length, 0)
  return Number.parseInt(text.toString('latin1'), 10) / 1e6
}

/** Runs `body` and measures it together with the longest block of the event loop. */
async function measured(body: () => Promise<void>): Promise<{ seconds: number; blocked: number; busy: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  await systemClock.turn()
  delay.enable()
  // Looked at once a millisecond, not every turn: a loop that never sleeps would take a core from the kernel.
  const turns = { longest: 0, last: processorMs() }
  const timer = setInterval(() => {
    const now = processorMs()
    turns.longest = Math.max(turns.longest, now - turns.last)
    turns.last = now
  }, 1)
  const start = performance.now()
  await body()
  const seconds = (performance.now() - start) / 1000
  clearInterval(timer)
  delay.disable()
  return { seconds, blocked: delay.max / 1e6, busy: turns.longest }
}

/** Wishes come and go in slices of two milliseconds, as best routes do from the engine's bounded work. */
async function inSlices(routes: number, each: (i: number) => void): Promise<void> {
  let end = performance.now() + 2
  for (let i = 0; i < routes; i++) {
    each(i)
    if (i % 32 !== 31 || performance.now() < end) continue
    await systemClock.turn()
    end = performance.now() + 2
  }
}

async function starling(
  who: string,
  driver: FibDriver,
  routes: number,
  namespace: Namespace,
  rows: Row[],
): Promise<void> {
  const programmer = new RouteProgrammer(driver, systemClock)
  programmer.start()
  programmer.allowDeletes()
  const { counters } = programmer.reconciler
  const [first, second] = [nextHopsVia(GATEWAYS[0]), nextHopsVia(GATEWAYS[1])]
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const step = async (what: string, body: () => Promise<void>) => {
    const { seconds, blocked, busy } = await measured(body)
    report(rows, { routes, who, what, seconds, perSecond: Math.round(routes / seconds), blocked, busy })
  }
  await until(() => counters.reads === 1)
  await step('add', async () => {
    await inSlices(routes, (i) => programmer.set(wish(i, first)))
    await until(() => counters.added >= routes)
  })
  await step('replace', async () => {
    await inSlices(routes, (i) => programmer.set(wish(i, second)))
    await until(() => counters.replaced >= routes)
  })
  await step('dump and compare', async () => {
    programmer.verify()
    await until(() => counters.reads === 2)
  })
  if (counters.repairs > 0 || countRoutes(namespace) < routes) throw new Error('desired and actual differ')
  await step('remove', async () => {
    await inSlices(routes, (i) => programmer.remove(wish(i, [])))
    await until(() => counters.deleted >= routes)
  })
  await programmer.stop()
}

/** Lines of the kernel's own count, without listing the routes. */
function countRoutes(namespace: Namespace): number {
  const text = namespace.exec('cat', '/proc/net/fib_triestat')
  return Math.max(...[...text.matchAll(/Prefixes:\s+(\d+)/g)].map((match) => Number(match[1])))
}

function ipBatch(routes: number, namespace: Namespace, folder: string, rows: Row[]): void {
  const line = (op: string, gateway: string) => (i: number) =>
    `route ${op} ${address(i).join('.')}/26 via ${gateway} proto 12 metric 32`
  const steps: [what: string, op: string, gateway: string][] = [
    ['add', 'add', GATEWAYS[0]],
    ['replace', 'replace', GATEWAYS[1]],
    ['remove', 'del', GATEWAYS[1]],
  ]
  for (const [what, op, gateway] of steps) {
    const file = join(folder, `${op}.batch`)
    writeFileSync(file, Array.from({ length: routes }, (_, i) => line(op, gateway)(i)).join('\n'))
    const start = performance.now()
    execFileSync('ip', ['-n', namespace.name, '-batch', file])
    const seconds = (performance.now() - start) / 1000
    report(rows, { routes, who: 'ip -batch', what, seconds, perSecond: Math.round(routes / seconds) })
  }
}

/** BIRD: static routes into its kernel protocol; replace and remove by a new configuration, as its users do. */
async function bird(routes: number, namespace: Namespace, folder: string, rows: Row[]): Promise<void> {
  const config = (gateway: string, withRoutes: boolean) =>
    [
      'router id 10.255.0.1;',
      'protocol device { scan time 1000; }',
      'protocol kernel { scan time 1000; metric 32; ipv4 { import none; export all; }; }',
      'protocol static { ipv4;',
      ...(withRoutes
        ? Array.from({ length: routes }, (_, i) => `route ${address(i).join('.')}/26 via ${gateway};`)
        : []),
      '}',
      '',
    ].join('\n')
  const file = join(folder, 'bird.conf')
  const control = join(folder, 'bird.ctl')
  const base = countRoutes(namespace)
  const gatewayCount = (gateway: string) => {
    const last = namespace.exec('ip', 'route', 'get', address(routes - 1).join('.'))
    return last.includes(`via ${gateway}`)
  }
  const measure = async (what: string, act: () => void, done: () => boolean) => {
    const start = performance.now()
    act()
    await eventually(`BIRD's ${what}`, done, 120_000)
    const seconds = (performance.now() - start) / 1000
    report(rows, { routes, who: 'bird', what, seconds, perSecond: Math.round(routes / seconds) })
  }
  const reconfigure = () => void execFileSync('birdc', ['-s', control, 'configure'], { stdio: 'pipe' })
  writeFileSync(file, config(GATEWAYS[0], true))
  const daemon = spawn('ip', ['netns', 'exec', namespace.name, 'bird', '-f', '-c', file, '-s', control])
  try {
    await measure(
      'add',
      () => undefined,
      () => countRoutes(namespace) >= base + routes,
    )
    writeFileSync(file, config(GATEWAYS[1], true))
    await measure('replace', reconfigure, () => gatewayCount(GATEWAYS[1]) && countRoutes(namespace) >= base + routes)
    writeFileSync(file, config(GATEWAYS[1], false))
    await measure('remove', reconfigure, () => countRoutes(namespace) <= base)
  } finally {
    daemon.kill('SIGKILL')
  }
}

/**
 * The other way: another program's routes are in the kernel, and each contender starts and learns them all. Clock from the
 * start of the process (BIRD) or of the programmer to the last route known.
 */
async function learn(routes: number, namespace: Namespace, folder: string, script: URL, rows: Row[]): Promise<void> {
  const file = join(folder, 'foreign.batch')
  const line = (_: unknown, i: number) => `route add ${address(i).join('.')}/26 via ${GATEWAYS[0]} proto static`
  writeFileSync(file, Array.from({ length: routes }, line).join('\n'))
  execFileSync('ip', ['-n', namespace.name, '-batch', file])
  let observed = 0
  await inside(namespace, async () => {
    const listener = {
      observed: (given: readonly unknown[]) => {
        observed += given.length
      },
    }
    const programmer = new RouteProgrammer(new WorkerNetlinkDriver(script), systemClock, {}, listener)
    const { seconds, blocked, busy } = await measured(async () => {
      programmer.start()
      while (observed < routes) await new Promise((resolve) => setTimeout(resolve, 1))
    })
    report(rows, {
      routes,
      who: 'starling',
      what: 'learn',
      seconds,
      perSecond: Math.round(routes / seconds),
      blocked,
      busy,
    })
    await programmer.stop()
  })
  const config = join(folder, 'learn.conf')
  const control = join(folder, 'learn.ctl')
  const kernel = 'protocol kernel { learn; scan time 1000; ipv4 { import all; export none; }; }'
  writeFileSync(config, ['router id 10.255.0.1;', 'protocol device { scan time 1000; }', kernel, ''].join('\n'))
  const start = performance.now()
  const daemon = spawn('ip', ['netns', 'exec', namespace.name, 'bird', '-f', '-c', config, '-s', control])
  try {
    const known = () => {
      try {
        const text = execFileSync('birdc', ['-s', control, 'show', 'route', 'count'], { stdio: 'pipe' }).toString()
        return Number(/(\d+) of/.exec(text)?.[1] ?? 0) >= routes
      } catch {
        return false
      }
    }
    await eventually("BIRD's learning", known, 120_000)
    const seconds = (performance.now() - start) / 1000
    report(rows, { routes, who: 'bird', what: 'learn', seconds, perSecond: Math.round(routes / seconds) })
  } finally {
    daemon.kill('SIGKILL')
  }
}

function option(args: readonly string[], name: string): string[] | undefined {
  const at = args.indexOf(`--${name}`)
  return at < 0 ? undefined : args[at + 1]?.split(',')
}

/** Rows appear as they are measured: a long run tells where it is. */
function report(rows: Row[], row: Row): void {
  rows.push(row)
  console.log(`${row.who} ${row.what} ${row.routes}: ${row.seconds.toFixed(2)} s, ${row.perSecond} routes/s`)
}

export async function run(args: readonly string[] = []): Promise<Row[]> {
  const counts = (option(args, 'routes') ?? ['100000', '500000']).map(Number)
  const without = option(args, 'without') ?? []
  const rows: Row[] = []
  const script = buildWorker()
  const folder = mkdtempSync(join(tmpdir(), 'starling-bench-kernel-'))
  try {
    for (const routes of counts) {
      const contenders: [string, (namespace: Namespace) => Promise<void> | void][] = [
        [
          'starling',
          (namespace) =>
            inside(namespace, () => starling('starling', new WorkerNetlinkDriver(script), routes, namespace, rows)),
        ],
        [
          'thread',
          (namespace) =>
            inside(namespace, () => starling('starling, no worker', new NetlinkDriver(), routes, namespace, rows)),
        ],
        ['ip', (namespace) => ipBatch(routes, namespace, folder, rows)],
        ['bird', (namespace) => bird(routes, namespace, folder, rows)],
        ['learn', (namespace) => learn(routes, namespace, folder, script, rows)],
      ]
      for (const [name, contend] of contenders) {
        if (without.includes(name)) continue
        const { namespace, destroy } = host()
        try {
          await contend(namespace)
        } finally {
          destroy()
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
    rmSync(script, { force: true })
  }
  console.table(
    rows.map((row) => ({
      ...row,
      seconds: row.seconds.toFixed(2),
      blocked: row.blocked?.toFixed(1) ?? '',
      busy: row.busy?.toFixed(1) ?? '',
    })),
  )
  return rows
}
