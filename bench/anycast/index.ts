/**
 * `npm run bench -- anycast [PATHS]`: one service prefix that many nodes announce (500 ToRs, 1,000 nodes), and its churn.
 *
 * What must not happen is work in paths times paths: a node that announces anew, withdraws, or becomes the best must cost
 * about the same whether there are ten others or a thousand. Columns: how the listeners are told. CPU time of the tables
 * alone, microseconds a change; every change is decided and sent before the next.
 */
import type { SessionParameters } from '../../packages/engine/src/rib/contract.js'
import { BODY, syntheticConfig, syntheticSession, updateMessages } from '../../packages/engine/src/rib/synthetic.js'
import { RibTables } from '../../packages/engine/src/rib/tables.js'
import { CountingHost } from '../engine/counting-host.js'

const PREFIX = '203.0.113.7/32'
const ROUNDS = 400

function cpu(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

function drain(tables: RibTables): void {
  while (tables.work(512, 0));
}

/** Announcement and withdrawal of each source, made beforehand; `odd` differs in its communities. */
function messages(paths: number, med: boolean) {
  const make = (slot: number, fields: object) => updateMessages({ nextHop: hop(slot), localPref: 100, ...fields })[0]
  const common = (slot: number) => ({
    announce: [PREFIX],
    ...(med && { med: slot, asPath: String(65000 + (slot % 7)) }),
  })
  return Array.from({ length: paths }, (_, slot) => ({
    plain: make(slot, common(slot)),
    odd: make(slot, { ...common(slot), communities: ['64512:1'] }),
    withdraw: updateMessages({ withdraw: [PREFIX] })[0],
  }))
}

function hop(slot: number): string {
  return `10.1.${slot >>> 8}.${slot & 255}`
}

function measure(paths: number, listener: Partial<SessionParameters>, med: boolean): number[] {
  const host = new CountingHost()
  const config = syntheticConfig({
    decision: { alwaysCompareMed: false, deterministicMed: true, maximumPaths: 16, multipathRelax: false },
  })
  const tables = new RibTables(config, host, { hashSeed: 1 })
  const bytes = messages(paths, med)
  const take = (slot: number, message: Uint8Array) => {
    tables.update(slot, message, BODY, message.length, 0)
    drain(tables)
  }
  for (let slot = 0; slot < paths; slot++) tables.peerUp(slot, syntheticSession(slot), 0)
  for (let n = 0; n < 2; n++) tables.peerUp(paths + n, syntheticSession(paths + n, listener), 0)
  drain(tables)
  const timed = (run: () => void, changes: number) => {
    const begin = cpu()
    run()
    return (cpu() - begin) / changes
  }
  const arrive = timed(() => {
    for (let slot = 0; slot < paths; slot++) take(slot, bytes[slot].plain)
  }, paths)
  const slots = Array.from({ length: ROUNDS }, (_, i) => (i * 7919) % paths)
  const change = timed(() => {
    for (const slot of slots) take(slot, bytes[slot].odd)
  }, ROUNDS)
  const flap = timed(() => {
    for (const slot of slots) {
      take(slot, bytes[slot].withdraw)
      take(slot, bytes[slot].plain)
    }
  }, 2 * ROUNDS)
  const best = timed(() => {
    for (let i = 0; i < ROUNDS; i++) {
      take(0, bytes[0].withdraw)
      take(0, bytes[0].plain)
    }
  }, 2 * ROUNDS)
  const audit = tables.audit()
  if (audit.length > 0) throw new Error(audit.join('; '))
  return [arrive, change, flap, best]
}

const LISTENERS: readonly (readonly [name: string, session: Partial<SessionParameters>])[] = [
  ['best path', {}],
  ['ADD-PATH, all', { addPathSend: [Number.POSITIVE_INFINITY, 0] }],
  ['ADD-PATH, best 4', { addPathSend: [4, 0] }],
]

export function run(args: readonly string[]): void {
  const sizes = args.length > 0 ? args.map(Number) : [10, 100, 1000]
  console.log('microseconds a change      paths  first announcement  attributes change   flap    flap of the best')
  for (const med of [false, true]) {
    for (const [name, session] of LISTENERS) {
      for (const size of sizes) {
        const row = measure(size, session, med).map((us) => us.toFixed(1).padStart(15))
        console.log(`${`${name}${med ? ', MEDs' : ''}`.padEnd(24)} ${String(size).padStart(7)} ${row.join(' ')}`)
      }
    }
  }
}
