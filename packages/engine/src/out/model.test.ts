/**
 * The random model of `out/`: whatever happens, every peer ends up holding exactly what a naive computation gives it.
 *
 * Each seed makes up a few peers of different groups (clients, non-clients, eBGP, ADD-PATH, an export policy), then
 * announces, withdraws, flushes a little, blocks transports, lets peers join, leave,
 * restart gracefully, lag, change groups and ask again.
 * At the end everybody may read, and the tables the peers decoded are compared with one computed route by route from
 * what is announced. Segments and bounds are made tiny, so that every edge is met. `MODEL_SEEDS` says how many seeds.
 */
import { expect, test } from 'vitest'
import { LIMITS } from '../config/limits.js'
import type { SessionParameters } from '../rib/contract.js'
import { settle, TestHost } from '../rib/harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from '../rib/synthetic.js'
import { RibTables } from '../rib/tables.js'

Object.assign(LIMITS, { groupLog: 1500, dumpLog: 900, segment: 512, firstSegment: 128, copyPieces: 150 })

const SEEDS = Number(process.env['MODEL_SEEDS'] ?? 300)
const FIRST = Number(process.env['MODEL_FIRST'] ?? 1)

function generator(seed: number): (below: number) => number {
  let s = (seed * 2654435761) >>> 0
  return (below) => {
    s ^= s << 13
    s ^= s >>> 17
    s ^= s << 5
    s >>>= 0
    return s % below
  }
}

/** What one peer announces: prefix (and path id) to its attributes. */
interface Announced {
  readonly localPref: number
  readonly asPath: string
  readonly nextHop: string
}

type Shape = 'client' | 'non-client' | 'ebgp' | 'add-path' | 'filtered'

function sessionOf(slot: number, shape: Shape): SessionParameters {
  const families: [boolean, boolean] = [true, slot % 3 !== 2]
  const base = { families }
  switch (shape) {
    case 'client':
      return syntheticSession(slot, base)
    case 'non-client':
      return syntheticSession(slot, { ...base, config: { routeReflectorClient: false } })
    case 'ebgp':
      return syntheticSession(slot, {
        ...base,
        external: true,
        remoteAs: 64500 + slot,
        config: { routeReflectorClient: false },
      })
    case 'add-path':
      return syntheticSession(slot, {
        ...base,
        addPathReceive: [true, true],
        addPathSend: [slot % 2 === 0 ? Number.POSITIVE_INFINITY : 2, 3],
      })
    case 'filtered':
      return syntheticSession(slot, { ...base, config: { exportPolicy: REJECT_SOME } })
  }
}

const REJECT_SOME = [
  {
    why: { resource: 'test', rule: 'test' },
    conditions: [
      {
        kind: 'prefix' as const,
        ranges: [{ family: 'ipv4' as const, network: '10.2.0.0/22', minimum: 22, maximum: 32 }],
        negate: false,
      },
    ],
    actions: [],
    verdict: 'reject' as const,
  },
]

class World {
  readonly host = new TestHost()
  readonly tables: RibTables
  readonly shapes: Shape[] = []
  readonly sessions: SessionParameters[] = []
  readonly up: boolean[] = []
  readonly announced: Map<string, Announced>[] = []
  /** Names kept from before a restart and not announced since: stale. */
  readonly stale: (Set<string> | undefined)[] = []
  readonly next: (below: number) => number
  readonly names: string[]

  constructor(seed: number) {
    this.next = generator(seed)
    this.tables = new RibTables(syntheticConfig(), this.host, { hashSeed: seed })
    const count = 2 + this.next(5)
    const shapes: Shape[] = ['client', 'client', 'non-client', 'ebgp', 'add-path', 'filtered']
    for (let slot = 0; slot < count; slot++) {
      this.shapes.push(shapes[this.next(shapes.length)])
      this.sessions.push(sessionOf(slot, this.shapes[slot]))
      this.up.push(false)
      this.announced.push(new Map())
      this.stale.push(undefined)
    }
    const prefixes = 3 + this.next(12)
    this.names = Array.from({ length: prefixes }, (_, i) => (i % 4 === 3 ? `2001:db8:${i}::/48` : `10.2.${i}.0/24`))
  }

  join(slot: number): void {
    this.up[slot] = true
    this.host.accepts.set(slot, true)
    this.host.up(this.tables, this.sessions[slot], slot)
  }

  leave(slot: number): void {
    this.up[slot] = false
    this.announced[slot].clear()
    this.stale[slot] = undefined
    this.tables.peerDown(slot, { stale: [false, false] }, 0)
  }

  /** The session falls and comes back, its routes are kept meanwhile (RFC 4724). */
  restart(slot: number): void {
    this.tables.peerDown(slot, { stale: [true, true] }, 0)
    if (this.next(2) === 0) this.tables.work(1 + this.next(8), 0)
    this.stale[slot] = new Set(this.announced[slot].keys())
    this.host.accepts.set(slot, true)
    this.host.up(this.tables, this.sessions[slot], slot)
  }

  sweep(slot: number): void {
    for (const name of this.stale[slot] ?? []) this.announced[slot].delete(name)
    this.stale[slot] = undefined
    for (const family of [0, 1] as const) this.tables.sweepStale(slot, family, 0)
  }

  send(slot: number, fields: UpdateFields): void {
    for (const bytes of updateMessages(fields)) {
      const error = this.tables.update(slot, bytes, BODY, bytes.length, 0)
      if (error !== undefined) throw new Error(error.reason)
    }
  }

  announce(slot: number): void {
    const { next } = this
    const external = this.sessions[slot].external
    const nextHop = `10.9.${slot}.${next(2)}`
    const asPath = ['', '1', '1 2'][next(3)]
    const attributes: Announced = {
      localPref: external ? 100 : 100 + next(3),
      asPath: external ? `${this.sessions[slot].remoteAs} ${asPath}`.trim() : asPath,
      nextHop,
    }
    const names: string[] = []
    for (let i = 0; i <= next(4); i++) {
      const name = this.names[next(this.names.length)]
      const family = name.includes(':') ? 1 : 0
      if (!this.sessions[slot].families[family]) continue
      names.push(this.sessions[slot].addPathReceive[family] ? `${name}#${1 + next(2)}` : name)
    }
    for (const name of names) {
      this.announced[slot].set(name, attributes)
      this.stale[slot]?.delete(name)
    }
    const { localPref, ...rest } = attributes
    this.send(slot, { announce: names, ...rest, ...(!external && { localPref }) })
  }

  withdraw(slot: number): void {
    const held = [...this.announced[slot].keys()]
    if (held.length === 0) return
    const name = held[this.next(held.length)]
    this.announced[slot].delete(name)
    this.stale[slot]?.delete(name)
    this.send(slot, { withdraw: [name] })
  }

  step(): void {
    const { next, tables, host } = this
    const slot = next(this.sessions.length)
    const what = next(100)
    if (what < 8) {
      if (this.up[slot]) this.leave(slot)
      else this.join(slot)
    } else if (!this.up[slot]) {
      this.join(slot)
    } else if (what < 42) this.announce(slot)
    else if (what < 55) this.withdraw(slot)
    else if (what < 80) tables.work(1 + next(20), 0)
    else if (what < 88) {
      host.accepts.set(slot, false)
    } else if (what < 93) {
      host.accepts.set(slot, true)
      tables.writable(slot, 0)
    } else if (what < 95) {
      tables.routeRefresh(slot, next(2) === 0 ? 0 : 1, 0, 0)
    } else if (what < 97) this.restart(slot)
    else if (what < 98) this.sweep(slot)
    else this.regroup(slot)
  }

  /** Between the client and the filtered group, without a session reset. */
  regroup(slot: number): void {
    const shape = this.shapes[slot]
    if (shape !== 'client' && shape !== 'filtered') return
    this.shapes[slot] = shape === 'client' ? 'filtered' : 'client'
    this.sessions[slot] = sessionOf(slot, this.shapes[slot])
    this.host.sessions[slot] = this.sessions[slot]
    this.tables.peerReconfigured(slot, this.sessions[slot], { import: false, export: true }, 0)
  }

  finish(): void {
    for (const slot of this.sessions.keys()) {
      if (this.stale[slot] !== undefined) this.sweep(slot)
      this.host.accepts.set(slot, true)
      if (this.up[slot]) this.tables.writable(slot, 0)
    }
    settle(this.tables, 1 + this.next(64))
  }

  // --- the naive computation ------------------------------------------------------------------------------------

  candidates(prefix: string): { slot: number; id: string; route: Announced }[] {
    const out: { slot: number; id: string; route: Announced }[] = []
    for (const [slot, table] of this.announced.entries()) {
      for (const [key, route] of table) {
        const [name, id = '0'] = key.split('#')
        if (name === prefix) out.push({ slot, id, route })
      }
    }
    const hops = (path: string) => path.split(' ').filter((word) => word !== '').length
    return out.sort(
      (a, b) =>
        b.route.localPref - a.route.localPref ||
        hops(a.route.asPath) - hops(b.route.asPath) ||
        Number(this.sessions[b.slot].external) - Number(this.sessions[a.slot].external) ||
        a.slot - b.slot ||
        Number(a.id) - Number(b.id),
    )
  }

  expected(slot: number): Map<string, string[]> {
    const out = new Map<string, string[]>()
    const session = this.sessions[slot]
    const shape = this.shapes[slot]
    for (const prefix of this.names) {
      const family = prefix.includes(':') ? 1 : 0
      if (!session.families[family]) continue
      if (shape === 'filtered' && /^10\.2\.[0-3]\./.test(prefix)) continue
      const count = session.addPathSend[family] || 1
      const told: string[] = []
      for (const { slot: from, route } of this.candidates(prefix).slice(0, count)) {
        if (from === slot) continue
        const source = this.sessions[from]
        const client = (s: SessionParameters) => s.config.routeReflectorClient
        if (!session.external && !source.external && !client(source) && !client(session)) continue
        told.push(this.text(session, source, from, family, route))
      }
      if (told.length > 0) out.set(prefix, told.sort())
    }
    return out
  }

  text(to: SessionParameters, source: SessionParameters, from: number, family: number, route: Announced): string {
    const learned = family === 1 ? 'fd00::9' : route.nextHop
    const own = family === 1 ? 'fd00::a' : '10.0.0.10'
    if (to.external) return `nh ${own} path ${`65000 ${route.asPath}`.trim()}`
    const text = `nh ${learned} ${`path ${route.asPath}`.trim()} lp ${route.localPref}`
    return source.external ? text : `${text} orig 10.1.0.${from} clusters 10.0.0.10`
  }

  actual(slot: number): Map<string, string[]> {
    const out = new Map<string, string[]>()
    for (const [key, text] of this.host.told[slot]) {
      const [name] = key.split('#')
      const list = out.get(name) ?? []
      list.push(text)
      out.set(name, list.sort())
    }
    return out
  }
}

function run(seed: number): void {
  const world = new World(seed)
  const steps = 20 + world.next(60)
  for (let i = 0; i < steps; i++) world.step()
  world.finish()
  for (const [slot, up] of world.up.entries()) {
    if (!up) continue
    const sort = (table: Map<string, string[]>) => [...table].sort(([a], [b]) => (a < b ? -1 : 1))
    const actual = sort(world.actual(slot))
    const expected = sort(world.expected(slot))
    if (JSON.stringify(actual) !== JSON.stringify(expected)) {
      expect(actual, `seed ${seed}, slot ${slot} (${world.shapes[slot]})`).toEqual(expected)
    }
  }
  const problems = world.tables.audit()
  if (problems.length > 0) expect(problems, `seed ${seed}`).toEqual([])
  for (const slot of world.up.keys()) if (world.up[slot]) world.leave(slot)
  settle(world.tables)
  const memory = world.tables.memory()
  if (memory.paths + memory.prefixes + memory.attributeSets > 0) expect(memory, `seed ${seed}`).toEqual({})
}

test(`after ${SEEDS} random histories every peer holds exactly what a naive computation gives it`, {
  timeout: 600_000 + SEEDS * 100,
}, () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) run(seed)
})
