/**
 * The load: all clients of a scenario in one process, and the phases they play. A phase is over when every receiver holds
 * exactly what the others have announced, prefix by prefix; 300 ms later that must still be so.
 */
import { type AddressInfo, createServer } from 'node:net'
import { KEEPALIVE } from '@starling/bgp-packet'
import { Client, type Score } from './client.js'
import { addressNumber, announcementsOf, churned, openOf, single, withdrawalsOf } from './messages.js'
import { addressOf, ownerOf, type Scenario, type Universe, universeOf } from './scenarios.js'

export interface Phase {
  readonly phase: string
  readonly ok: boolean
  /** Until the last receiver was complete; for `latency` the middle of all single announcements. */
  readonly milliseconds: number
  /** Of single routes: announced, 99th percentile; withdrawn, median. */
  readonly p99?: number
  readonly withdrawal?: number
  /** Prefixes still held wrongly when the time was over. */
  readonly wrong: number
  /** CPU time of the load itself. */
  readonly loadCpu: number
}

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Octets of whole messages at the beginning. */
function wholeMessages(octets: Buffer): number {
  let at = 0
  while (octets.length - at >= 19 && octets.length - at >= octets.readUInt16BE(at + 16))
    at += octets.readUInt16BE(at + 16)
  return at
}

export class Load implements Score {
  readonly universe: Universe
  readonly faults = { unknown: 0, own: 0, nextHop: 0, notification: 0 }
  readonly nextHops: Uint32Array
  updates = 0
  octets = 0
  /** Sessions lost that nobody cut. */
  losses = 0
  readonly #scenario: Scenario
  readonly #clients: Client[]
  readonly #live: Uint8Array
  readonly #owners: Uint16Array
  readonly #announcements: Uint8Array[]
  #wrong = 0
  #completeAt = 0
  #awaited: (() => void) | undefined
  #onEstablished: ((client: Client) => void) | undefined

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.universe = universeOf(scenario)
    this.#live = new Uint8Array(this.universe.size)
    this.#owners = Uint16Array.from({ length: this.universe.size }, (_, i) => ownerOf(scenario, this.universe, i))
    this.nextHops = Uint32Array.from({ length: scenario.clients }, (_, index) => addressNumber(addressOf(index)))
    this.#clients = Array.from({ length: scenario.clients }, (_, index) => new Client(index, this))
    this.#announcements = Array.from({ length: scenario.senders }, (_, client) =>
      announcementsOf(scenario, this.universe, client),
    )
    setInterval(() => {
      for (const client of this.#clients) if (client.up) client.write(KEEPALIVE)
    }, 50_000).unref()
  }

  /** The first table must not be slow because the load is cold: its sockets and its parser run for a moment beforehand. */
  async #warmUp(): Promise<void> {
    const octets = Buffer.from((this.#announcements.at(-1) ?? new Uint8Array(0)).subarray(0, 65536))
    const some = octets.subarray(0, wholeMessages(octets))
    const small = some.subarray(0, some.readUInt16BE(16))
    const clients = this.#clients.slice(0, 50)
    const done = performance.now() + 700
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => {
        socket.write(Buffer.concat([openOf(0), KEEPALIVE]))
        const more = () => {
          if (socket.destroyed || performance.now() > done) return
          if (!socket.writableNeedDrain) socket.write(Math.random() < 0.05 ? some : small)
          setImmediate(more)
        }
        more()
      })
      socket.on('data', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    for (const client of clients) client.start({ host: '127.0.0.1', port })
    while (performance.now() < done) {
      for (const client of clients) if (client.up) client.write(small)
      await sleep(5)
    }
    for (const client of clients) client.drop()
    server.close()
    await sleep(50)
    Object.assign(this.faults, { unknown: 0, own: 0, nextHop: 0, notification: 0 })
    this.updates = 0
    this.octets = 0
    this.losses = 0
    this.#wrong = 0
  }

  // --- Score

  owner(prefix: number): number {
    return this.#owners[prefix] as number
  }

  expected(client: number, prefix: number): boolean {
    return this.#live[prefix] === 1 && this.#owners[prefix] !== client
  }

  wrong(change: 1 | -1): void {
    this.#wrong += change
    if (this.#wrong !== 0) return
    this.#completeAt = performance.now()
    this.#awaited?.()
  }

  established(client: Client): void {
    this.#onEstablished?.(client)
  }

  lost(): void {
    this.losses++
    this.#recount()
  }

  /** Compares every bit of everybody who should be here with what it should be. */
  #recount(): void {
    const { size } = this.universe
    let wrong = 0
    const words = new Uint32Array((size + 31) >>> 5)
    for (let i = 0; i < size; i++)
      if (this.#live[i] === 1) words[i >>> 5] = (words[i >>> 5] as number) | (1 << (i & 31))
    for (const client of this.#clients) {
      if (!client.wanted) continue
      for (let w = 0; w < words.length; w++) {
        const differing = ((words[w] as number) ^ (client.held[w] as number)) >>> 0
        if (differing !== 0) wrong += this.#count(client.index, differing, w * 32)
      }
    }
    this.#wrong = wrong
    if (wrong === 0) this.#completeAt = performance.now()
  }

  #count(client: number, differing: number, first: number): number {
    let wrong = 0
    for (let bits = differing; bits !== 0; bits &= bits - 1) {
      const prefix = first + 31 - Math.clz32(bits & -bits)
      const held = ((this.#clients[client] as Client).held[prefix >>> 5] as number) & (1 << (prefix & 31))
      if ((held !== 0) !== this.expected(client, prefix)) wrong++
    }
    return wrong
  }

  /** Waits until nothing is wrong; false when the time is over. */
  async #complete(limit = this.#scenario.limit * 1000): Promise<boolean> {
    if (this.#wrong !== 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limit)
        this.#awaited = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#awaited = undefined
    }
    return this.#wrong === 0
  }

  async #phase(phase: string, run: () => Promise<number> | number): Promise<Phase> {
    const before = process.cpuUsage()
    const begin = await run()
    const ok = await this.#complete()
    const milliseconds = (ok ? this.#completeAt : performance.now()) - begin
    const { user, system } = process.cpuUsage(before)
    await sleep(300)
    const settled = ok && this.#wrong === 0
    return { phase, ok: settled, milliseconds, wrong: this.#wrong, loadCpu: (user + system) / 1e6 }
  }

  // --- phases

  /** Plays the scenario; `heard` gets each phase as it ends. Stops at the first that fails. */
  async play(heard: (phase: Phase) => void): Promise<void> {
    const { latency, churn, kill, reconnect, storm } = this.#scenario
    await this.#warmUp()
    const parts: (() => Promise<Phase>)[] = [() => this.#establish(), () => this.#announce()]
    if (latency > 0) parts.push(() => this.#latency(latency))
    if (churn > 0)
      parts.push(
        () => this.#withdrawShare(churn),
        () => this.#announceShare(churn),
      )
    if (kill > 0) parts.push(() => this.#kill(kill))
    if (reconnect) parts.push(() => this.#return(kill, 'reconnect'))
    if (storm) parts.push(() => this.#return(this.#clients.length, 'storm'))
    for (const part of parts) {
      const phase = await part()
      heard(phase)
      if (!phase.ok) return
    }
  }

  async #everybodyUp(limit: number): Promise<boolean> {
    const end = performance.now() + limit
    while (this.#clients.some((client) => client.wanted && !client.up)) {
      if (performance.now() > end) return false
      await sleep(2)
    }
    return true
  }

  async #establish(): Promise<Phase> {
    const begin = performance.now()
    for (const client of this.#clients) client.start()
    const ok = await this.#everybodyUp(this.#scenario.limit * 1000)
    const milliseconds = performance.now() - begin
    const wrong = this.#clients.filter((client) => !client.up).length
    await sleep(1_000)
    return { phase: 'establish', ok, milliseconds, wrong, loadCpu: 0 }
  }

  #send(client: Client): void {
    const octets = this.#announcements[client.index]
    if (octets !== undefined) client.write(octets)
  }

  #setLive(client: number, live: 0 | 1): void {
    const { prefixesOfSender, senders } = this.#scenario
    if (client >= senders) return
    this.#live.fill(live, client * prefixesOfSender, (client + 1) * prefixesOfSender)
  }

  #announce(): Promise<Phase> {
    return this.#phase('announce', () => {
      for (const { index } of this.#clients) this.#setLive(index, 1)
      this.#recount()
      const begin = performance.now()
      for (const client of this.#clients) this.#send(client)
      return begin
    })
  }

  /** One route of one client at a time: announced, then withdrawn. */
  async #latency(count: number): Promise<Phase> {
    const before = process.cpuUsage()
    const measure = async (index: number, live: 0 | 1): Promise<number | undefined> => {
      const octets = single(this.universe, index, live === 1)
      this.#live[this.universe.singles + index] = live
      this.#wrong += this.#clients.length - 1
      const begin = performance.now()
      this.#clients[index]?.write(octets)
      if (!(await this.#complete(5_000))) return undefined
      const milliseconds = this.#completeAt - begin
      await sleep(10)
      return milliseconds
    }
    const announced: number[] = []
    const withdrawn: number[] = []
    for (let i = 0; i < count; i++) {
      const index = (i * 37) % this.#clients.length
      const up = await measure(index, 1)
      const down = up === undefined ? undefined : await measure(index, 0)
      if (up === undefined || down === undefined) {
        return { phase: 'latency', ok: false, milliseconds: 5_000, wrong: this.#wrong, loadCpu: 0 }
      }
      announced.push(up)
      withdrawn.push(down)
    }
    announced.sort((a, b) => a - b)
    withdrawn.sort((a, b) => a - b)
    const { user, system } = process.cpuUsage(before)
    return {
      phase: 'latency',
      ok: true,
      milliseconds: percentile(announced, 0.5),
      p99: percentile(announced, 0.99),
      withdrawal: percentile(withdrawn, 0.5),
      wrong: 0,
      loadCpu: (user + system) / 1e6,
    }
  }

  #withdrawShare(share: number): Promise<Phase> {
    const octets = withdrawalsOf(this.#scenario, this.universe, 0, share)
    return this.#phase('withdraw', () => this.#change(0, share, octets, 0))
  }

  #announceShare(share: number): Promise<Phase> {
    const octets = announcementsOf(this.#scenario, this.universe, 0, share)
    return this.#phase('announce again', () => this.#change(0, share, octets, 1))
  }

  #change(client: number, share: number, octets: Uint8Array, live: 0 | 1): number {
    for (const prefix of churned(this.#scenario, client, share)) this.#live[prefix] = live
    this.#recount()
    const begin = performance.now()
    this.#clients[client]?.write(octets)
    return begin
  }

  #kill(count: number): Promise<Phase> {
    return this.#phase('kill', () => {
      const begin = performance.now()
      for (const client of this.#clients.slice(0, count)) {
        client.drop()
        this.#setLive(client.index, 0)
      }
      this.#recount()
      return begin
    })
  }

  /** The first `count` come (back) all at once; each announces as soon as its session is up. */
  #return(count: number, phase: string): Promise<Phase> {
    return this.#phase(phase, async () => {
      const back = this.#clients.slice(0, count)
      for (const client of back) if (client.wanted) client.drop()
      const begin = performance.now()
      this.#onEstablished = (client) => this.#send(client)
      for (const client of back) {
        client.start()
        this.#setLive(client.index, 1)
      }
      this.#recount()
      return begin
    })
  }

  stop(): void {
    for (const client of this.#clients) client.drop()
  }
}
