import { describe, expect, it } from 'vitest'
import { BFD_STATES, type BfdState, type ControlPacket, Diagnostic } from './packet.js'
import { BfdSession, type SessionOptions, TRANSITIONS } from './session.js'

const OPTIONS: SessionOptions = { interval: 100, multiplier: 3, passive: false }

interface Made {
  readonly session: BfdSession
  readonly sent: ControlPacket[]
  readonly changes: string[]
}

function make(options = OPTIONS, random = () => 1, now = 0): Made {
  const sent: ControlPacket[] = []
  const changes: string[] = []
  const sink = {
    transmit: (packet: ControlPacket) => sent.push(packet),
    changed: (from: BfdState, to: BfdState, diagnostic: number) => changes.push(`${from} ${to} ${diagnostic}`),
  }
  return { session: new BfdSession(1, options, sink, random, now), sent, changes }
}

function packet(state: BfdState, overrides: Partial<ControlPacket> = {}): ControlPacket {
  return {
    diagnostic: 0,
    state,
    poll: false,
    final: false,
    authenticated: false,
    demand: false,
    detectMultiplier: 3,
    myDiscriminator: 9,
    yourDiscriminator: 1,
    desiredMinTx: 100_000,
    requiredMinRx: 100_000,
    ...overrides,
  }
}

/** In the wanted state by the ordinary road. */
function inState(state: BfdState): Made {
  const made = make()
  if (state === 'AdminDown') made.session.disable(0)
  if (state === 'Init' || state === 'Up') made.session.receive(packet('Down'), 0)
  if (state === 'Up') made.session.receive(packet('Init'), 0)
  expect(made.session.state).toBe(state)
  made.sent.length = 0
  made.changes.length = 0
  return made
}

const last = <T>(list: readonly T[]): T => list.at(-1) as T

describe('every state meets every event', () => {
  /** Rows: our state; columns: AdminDown, Down, Init, Up received, Detection Time passed, disable, enable. */
  const TABLE: readonly [BfdState, ...BfdState[]][] = [
    ['AdminDown', 'AdminDown', 'AdminDown', 'AdminDown', 'AdminDown', 'AdminDown', 'AdminDown', 'Down'],
    ['Down', 'Down', 'Init', 'Up', 'Down', 'Down', 'AdminDown', 'Down'],
    ['Init', 'Down', 'Init', 'Up', 'Up', 'Down', 'AdminDown', 'Init'],
    ['Up', 'Down', 'Down', 'Up', 'Up', 'Down', 'AdminDown', 'Up'],
  ]
  for (const [state, ...expected] of TABLE) {
    BFD_STATES.forEach((received, i) => {
      it(`${state}, ${received} received: ${expected[i]}`, () => {
        const { session, changes } = inState(state)
        session.receive(packet(received), 10)
        expect(session.state).toBe(expected[i])
        expect(changes.length).toBe(expected[i] === state ? 0 : 1)
        expect(TRANSITIONS[state][received][0]).toBe(expected[i])
      })
    })
    it(`${state}, Detection Time passed: ${expected[4]}`, () => {
      const { session } = inState(state)
      session.expire(100_000)
      expect(session.state).toBe(expected[4])
      expect(session.remoteDiscriminator).toBe(0)
      if (expected[4] !== state) expect(session.diagnostic).toBe(Diagnostic.detectionTimeExpired)
    })
    it(`${state}, disabled: ${expected[5]}; enabled: ${expected[6]}`, () => {
      const { session } = inState(state)
      session.enable(10)
      expect(session.state).toBe(expected[6])
      session.disable(20)
      expect(session.state).toBe(expected[5])
    })
  }

  it('the peer that says Down or AdminDown is named in our diagnostic', () => {
    for (const received of ['Down', 'AdminDown'] as const) {
      const { session, sent } = inState('Up')
      session.receive(packet(received), 10)
      expect(last(sent)).toMatchObject({ state: 'Down', diagnostic: Diagnostic.neighborSignaledDown })
    }
  })
})

describe('timers', () => {
  it('at most one packet per second until it is Up, then the agreed interval, less jitter', () => {
    const { session, sent } = make(OPTIONS, () => 1)
    for (let now = 0; now <= 5_000; now++) session.tick(now)
    expect(sent.length).toBe(5)
    expect(last(sent)).toMatchObject({ desiredMinTx: 1_000_000, requiredMinRx: 100_000, yourDiscriminator: 0 })
    session.receive(packet('Init', { requiredMinRx: 250_000 }), 5_000)
    expect(last(sent)).toMatchObject({ state: 'Up', desiredMinTx: 100_000, poll: true })
    sent.length = 0
    for (let now = 5_001; now <= 6_000; now++) {
      if (now % 100 === 0) session.receive(packet('Up'), now)
      session.tick(now)
    }
    expect(session.transmitInterval).toBe(100)
    expect(sent.length).toBeGreaterThanOrEqual(9)
  })

  it.each([
    [3, 0, 75],
    [3, 1, 100],
    [1, 0, 75],
    [1, 1, 90],
  ])('multiplier %i, random %i: the next packet after %i ms', (multiplier, random, expected) => {
    const { session } = make({ ...OPTIONS, multiplier }, () => random)
    session.receive(packet('Init'), 0)
    session.tick(0)
    expect(session.deadline()).toBeCloseTo(expected)
  })

  it('goes down exactly when the Detection Time has passed: their multiplier, the slower of both intervals', () => {
    const { session, changes } = inState('Up')
    session.receive(packet('Up', { detectMultiplier: 5, desiredMinTx: 200_000 }), 1_000)
    expect(session.detectionTime).toBe(1_000)
    session.expire(1_999)
    expect(session.state).toBe('Up')
    session.expire(2_000)
    expect(changes).toEqual([`Up Down ${Diagnostic.detectionTimeExpired}`])
  })

  it('a passive one is silent until it is spoken to, and again when it hears nothing', () => {
    const { session, sent } = make({ ...OPTIONS, passive: true })
    for (let now = 0; now < 5_000; now++) session.tick(now)
    expect(sent.length).toBe(0)
    expect(session.deadline()).toBe(Number.POSITIVE_INFINITY)
    session.receive(packet('Down'), 5_000)
    expect(last(sent).state).toBe('Init')
    session.expire(50_000)
    sent.length = 0
    session.transmitDue(60_000)
    expect(sent.length).toBe(0)
  })

  it('says nothing to a peer that wants nothing, nor periodically to one in demand mode', () => {
    const quiet = inState('Up')
    quiet.session.receive(packet('Up', { requiredMinRx: 0, final: true }), 10)
    quiet.session.transmitDue(10_000)
    expect(quiet.sent.length).toBe(0)
    const demand = inState('Up')
    demand.session.receive(packet('Up', { demand: true, final: true }), 10)
    demand.sent.length = 0
    demand.session.transmitDue(10_000)
    expect(demand.sent.length).toBe(0)
    // But a poll is answered.
    demand.session.receive(packet('Up', { demand: true, poll: true }), 20)
    expect(last(demand.sent)).toMatchObject({ final: true, poll: false })
  })
})

describe('poll sequences', () => {
  it('every packet polls until the answer comes; a poll of the peer is answered at once and without our own', () => {
    const { session, sent } = inState('Up')
    session.transmitDue(500)
    expect(last(sent)).toMatchObject({ poll: true, final: false })
    session.receive(packet('Up', { poll: true }), 501)
    expect(last(sent)).toMatchObject({ poll: false, final: true })
    session.receive(packet('Up', { final: true }), 502)
    session.transmitDue(1_000)
    expect(last(sent)).toMatchObject({ poll: false, final: false })
  })

  it('slower sending and stricter detection wait for the answer', () => {
    const { session, sent } = inState('Up')
    session.receive(packet('Up', { final: true }), 10)
    session.configure({ ...OPTIONS, interval: 400 }, 20)
    expect(last(sent)).toMatchObject({ poll: true, desiredMinTx: 400_000, requiredMinRx: 400_000 })
    expect(session.transmitInterval).toBe(100)
    expect(session.detectionTime).toBe(1_200)
    session.receive(packet('Up', { final: true }), 30)
    expect(session.transmitInterval).toBe(400)
    session.configure({ ...OPTIONS, interval: 50 }, 40)
    expect(session.detectionTime).toBe(1_200)
    session.receive(packet('Up', { final: true, desiredMinTx: 50_000 }), 50)
    expect(session.detectionTime).toBe(150)
    expect(session.state).toBe('Up')
  })
})
