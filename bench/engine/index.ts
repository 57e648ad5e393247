/**
 * `npm run bench -- engine [ingest|fanout|all] [--cold] [--prefixes N]`: the tables alone, no sockets.
 *
 * ingest: a million internet-like routes from one peer to another, then 5 % withdrawn and announced again, then the peer
 * lost. fanout: four blocks from each of N clients to all others, and a storm of all joining. Times are CPU time of this process; the side-by-side comparison with other daemons is another program.
 */
import { BODY, syntheticConfig, syntheticSession, updateMessages } from '../../packages/engine/src/rib/synthetic.js'
import { RibTables } from '../../packages/engine/src/rib/tables.js'
import { warmUp } from '../../packages/speaker/src/warm-up.js'
import { CountingHost } from './counting-host.js'
import { type Feed, internet } from './feed.js'

const SLICE = 512

/** CPU time: the machine may be busy with other things, and nothing here waits. */
function now(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function ms(from: number): number {
  return now() - from
}

function rss(): number {
  return process.memoryUsage.rss() / 1048576
}

function drain(tables: RibTables): void {
  while (tables.work(SLICE, 0));
}

/** Feeds as the speaker does: a read's worth of messages, then slices of work. */
function feed(tables: RibTables, slot: number, { buffer, ends }: Feed, count = ends.length): void {
  let taken = 0
  let at = 0
  for (let n = 0; n < count; n++) {
    tables.update(slot, buffer, at + BODY, ends[n], 0)
    at = ends[n]
    if (at - taken < 65536) continue
    taken = at
    while (tables.work(SLICE, 0));
  }
  drain(tables)
}

function ingest(prefixes: number): void {
  const announce = internet(prefixes)
  const withdraw = internet(prefixes, true)
  const part = Math.floor(announce.ends.length / 20)
  const host = new CountingHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 12345 })
  tables.peerUp(0, syntheticSession(0), 0)
  tables.peerUp(1, syntheticSession(1), 0)
  drain(tables)
  globalThis.gc?.()
  const before = rss()
  let start = now()
  feed(tables, 0, announce)
  const announced = ms(start)
  const memory = tables.memory()
  globalThis.gc?.()
  const grown = rss() - before
  const rows: [string, string][] = [
    ['prefixes', String(memory.prefixes)],
    ['attribute sets', String(memory.attributeSets)],
    ['announce', `${announced.toFixed(0)} ms, ${((announced * 1e6) / memory.prefixes).toFixed(0)} ns a route`],
    ['sent', `${(host.bytes / 1048576).toFixed(1)} MB in ${host.writes} writes`],
    ['growth', `${grown.toFixed(0)} MB, ${((grown * 1048576) / memory.prefixes).toFixed(0)} bytes a route`],
  ]
  start = now()
  feed(tables, 0, announce)
  rows.push(['same again (refresh)', `${ms(start).toFixed(0)} ms`])
  start = now()
  feed(tables, 0, withdraw, part)
  rows.push(['withdraw 5 %', `${ms(start).toFixed(1)} ms`])
  start = now()
  feed(tables, 0, announce, part)
  rows.push(['announce 5 % again', `${ms(start).toFixed(1)} ms`])
  start = now()
  tables.peerUp(2, syntheticSession(2), 0)
  drain(tables)
  rows.push(['a third peer joins', `${ms(start).toFixed(0)} ms`])
  start = now()
  tables.peerDown(0, { stale: [false, false] }, 0)
  drain(tables)
  rows.push(['peer lost', `${ms(start).toFixed(0)} ms`])
  print('ingest', rows)
}

function fanout(clients: number): void {
  const host = new CountingHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 99 })
  const updates = Array.from({ length: clients }, (_, slot) =>
    updateMessages({
      announce: [0, 1, 2, 3].map((i) => `10.${slot >>> 6}.${(slot * 4 + i) & 255}.0/26`),
      nextHop: `100.64.${slot >>> 8}.${slot & 255}`,
      localPref: 100,
    }),
  )
  for (let slot = 0; slot < clients; slot++) tables.peerUp(slot, syntheticSession(slot), 0)
  drain(tables)
  const rows: [string, string][] = []
  let start = now()
  const all = () => {
    for (const [slot, messages] of updates.entries()) {
      for (const bytes of messages) tables.update(slot, bytes, BODY, bytes.length, 0)
    }
    drain(tables)
  }
  all()
  rows.push(['announce', `${ms(start).toFixed(2)} ms, ${(host.bytes / 1048576).toFixed(1)} MB, ${host.writes} writes`])
  const [change] = updateMessages({ announce: ['10.0.0.0/26'], nextHop: '100.64.0.0', localPref: 101 })
  const [back] = updateMessages({ announce: ['10.0.0.0/26'], nextHop: '100.64.0.0', localPref: 100 })
  start = now()
  for (let i = 0; i < 200; i++) {
    const bytes = i % 2 === 0 ? change : back
    tables.update(0, bytes, BODY, bytes.length, 0)
    drain(tables)
  }
  rows.push(['one route changes', `${((ms(start) / 200) * 1000).toFixed(0)} us`])
  start = now()
  for (let slot = 0; slot < 50; slot++) tables.peerDown(slot, { stale: [false, false] }, 0)
  drain(tables)
  rows.push(['kill 50', `${ms(start).toFixed(2)} ms`])
  start = now()
  for (let slot = 0; slot < 50; slot++) tables.peerUp(slot, syntheticSession(slot), 0)
  for (let slot = 0; slot < 50; slot++) {
    for (const bytes of updates[slot]) tables.update(slot, bytes, BODY, bytes.length, 0)
  }
  drain(tables)
  rows.push(['those reconnect', `${ms(start).toFixed(2)} ms`])
  start = now()
  for (let slot = 0; slot < clients; slot++) tables.peerDown(slot, { stale: [false, false] }, 0)
  for (let slot = 0; slot < clients; slot++) tables.peerUp(slot, syntheticSession(slot), 0)
  all()
  rows.push(['storm', `${ms(start).toFixed(1)} ms`])
  print(`${clients} clients x 4 routes`, rows)
}

/** 100,000 routes of one peer to N receivers. */
function broad(receivers: number): void {
  const announce = internet(100_000)
  const host = new CountingHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 5 })
  for (let slot = 0; slot <= receivers; slot++) tables.peerUp(slot, syntheticSession(slot), 0)
  drain(tables)
  const start = now()
  feed(tables, 0, announce)
  print(`100,000 routes to ${receivers}`, [
    ['announce', `${ms(start).toFixed(0)} ms, ${(host.bytes / 1048576).toFixed(0)} MB, ${host.writes} writes`],
  ])
}

function print(title: string, rows: readonly [string, string][]): void {
  console.log(title)
  for (const [name, value] of rows) console.log(`  ${name.padEnd(22)} ${value}`)
}

export function run(args: readonly string[]): void {
  const what = args.find((arg) => !arg.startsWith('--')) ?? 'all'
  const at = args.indexOf('--prefixes')
  const prefixes = at < 0 ? 1_000_000 : Number(args[at + 1])
  if (!args.includes('--cold')) {
    const start = now()
    warmUp(syntheticConfig())
    console.log(`warm-up ${ms(start).toFixed(0)} ms`)
  }
  if (what === 'all' || what === 'ingest') ingest(prefixes)
  if (what === 'all' || what === 'fanout') for (const clients of [100, 500, 1000]) fanout(clients)
  if (what === 'all' || what === 'broad') broad(100)
}
