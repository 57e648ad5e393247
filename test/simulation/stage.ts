/**
 * A whole engine, an ordinary peer beside it, and a peer that says what a test writes: messages by hand, octet for octet,
 * so that nothing of our own encoder stands between the RFC's text and the engine.
 */
import { Framer, KEEPALIVE } from '@starling/bgp-packet'
import type { PeerConfig } from '@starling/engine'
import { Network, Random, SimClock, SimNode, testConfig, testPeer } from '@starling/testkit'
import { expect } from 'vitest'

const A = '10.0.0.1'
export const B = '10.0.0.2'
const C = '10.0.0.3'
/** Message types. */
export const [OPEN, UPDATE, NOTIFICATION, ALIVE, REFRESH] = [1, 2, 3, 4, 5] as const

export const octets = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'))
export const u16 = (value: number) => value.toString(16).padStart(4, '0')
export const u8 = (value: number) => value.toString(16).padStart(2, '0')
export const sizeOf = (hex: string) => hex.replace(/\s/g, '').length / 2

export function message(type: number, body: string, length = 19 + sizeOf(body), marker = 'ff'.repeat(16)): Uint8Array {
  return octets(`${marker} ${u16(length)} ${u8(type)} ${body}`)
}

/** `parameters`: everything behind the BGP Identifier, length octet and all. */
export const open = (
  parameters: string,
  { version = '04', as = 'fde8', hold = '005a', id = '0a000002' } = {},
): Uint8Array => message(OPEN, `${version} ${as} ${hold} ${id} ${parameters}`)

export const capability = (code: number, value = '') => `${u8(code)} ${u8(sizeOf(value))} ${value}`
export const parameter = (value: string, type = 2) => `${u8(type)} ${u8(sizeOf(value))} ${value}`
/** All capabilities in one optional parameter. */
export const offering = (...capabilities: string[]) => {
  const one = parameter(capabilities.join(' '))
  return open(`${u8(sizeOf(one))} ${one}`)
}
export const IPV4 = capability(1, '0001 00 01')
export const IPV6 = capability(1, '0002 00 01')
export const AS4 = capability(65, '0000fde8')
export const USUAL = [IPV4, IPV6, AS4, capability(2), capability(70)]

export const attribute = (flags: number, code: number, value: string) =>
  sizeOf(value) > 255
    ? `${u8(flags | 0x10)} ${u8(code)} ${u16(sizeOf(value))} ${value}`
    : `${u8(flags)} ${u8(code)} ${u8(sizeOf(value))} ${value}`
export const ATTRIBUTES = [attribute(0x40, 1, '00'), attribute(0x40, 2, ''), attribute(0x40, 5, '00000064')].join(' ')
export const NEXT_HOP = attribute(0x40, 3, '0a000002')
export const update = (withdrawn: string, attributes: string, nlri = '') =>
  message(UPDATE, `${u16(sizeOf(withdrawn))} ${withdrawn} ${u16(sizeOf(attributes))} ${attributes} ${nlri}`)
export const reach = (nextHop: string, nlri: string) =>
  attribute(0x80, 14, `0002 01 ${u8(sizeOf(nextHop))} ${nextHop} 00 ${nlri}`)
export const unreach = (nlri: string, family = '0002 01') => attribute(0x80, 15, `${family} ${nlri}`)
export const GLOBAL = '20010db8000000000000000000000002'
export const LINK = 'fe800000000000000000000000000002'

/** A, the one under test; C, an ordinary peer of it; B, whoever the test wants it to be. */
export class Stage {
  readonly clock = new SimClock()
  readonly #random = new Random(5)
  readonly network = new Network(this.clock, this.#random)
  readonly a: SimNode
  readonly c: SimNode
  readonly #framer = new Framer()
  #send: (bytes: Uint8Array) => void = () => undefined
  #hangUp: () => void = () => undefined
  /** Types of what A said to B. */
  readonly said: number[] = []
  /** `code/subcode data` of A's NOTIFICATION. */
  notification = ''
  closed = false

  constructor(about: Partial<PeerConfig> = {}) {
    const c = testPeer(C, { passive: true, routeReflectorClient: true })
    const b = testPeer(B, { routeReflectorClient: true, ...about })
    this.a = new SimNode(A, testConfig(A, [b, c]), this.network, this.#random)
    this.c = new SimNode(C, testConfig(C, [testPeer(A)]), this.network, this.#random)
    this.listen()
    this.clock.runWhile(() => !this.said.includes(OPEN), 10_000)
  }

  listen(): void {
    this.network.listen({
      address: B,
      accept: (end) => {
        this.said.length = 0
        this.notification = ''
        this.closed = false
        this.#send = (bytes) => void end.send(bytes)
        this.#hangUp = () => end.close('abort')
        end.events = {
          received: (bytes) => this.#heard(bytes),
          drained: () => undefined,
          closed: () => {
            this.closed = true
          },
        }
        return true
      },
    })
  }

  #heard(bytes: Uint8Array): void {
    this.#framer.push(Uint8Array.from(bytes))
    while (this.#framer.next()) {
      const { type, buffer, start, end } = this.#framer
      this.said.push(type)
      if (type !== NOTIFICATION) continue
      const data = Buffer.from(buffer.subarray(start + 21, end)).toString('hex')
      this.notification = `${buffer[start + 19]}/${buffer[start + 20]}${data === '' ? '' : ` ${data}`}`
    }
  }

  say(...messages: readonly Uint8Array[]): this {
    for (const bytes of messages) this.#send(bytes)
    this.clock.run(200)
    return this
  }

  /** Octet by octet, each in a segment of its own. */
  dribble(bytes: Uint8Array): this {
    for (const octet of bytes) {
      this.#send(Uint8Array.of(octet))
      this.clock.run(1)
    }
    return this
  }

  hangUp(): void {
    this.#hangUp()
    this.clock.run(200)
  }

  get view() {
    const view = this.a.engine.peer(B)
    if (view === undefined) throw new Error('A does not know B')
    return view
  }

  /** Established, or the NOTIFICATION A ended it with. */
  get outcome(): string {
    return this.notification === '' ? this.view.state : this.notification
  }

  /** Prefixes of B that C got through A. */
  get passedOn(): string[] {
    this.clock.run(1_000)
    return [...this.c.installed.keys()].sort()
  }

  up(...capabilities: string[]): this {
    this.say(offering(...(capabilities.length === 0 ? USUAL : capabilities)), KEEPALIVE)
    expect(this.outcome, this.view.reason).toBe('Established')
    return this
  }

  /** Nobody else noticed, and nothing broke. */
  unharmed(): void {
    expect(this.a.engine.peer(C)?.state).toBe('Established')
    expect(this.a.engine.audit()).toEqual([])
    expect(this.a.engine.internalErrors).toBe(0)
  }
}
