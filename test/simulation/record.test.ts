/**
 * A recording of one session is evidence: played to a fresh engine, the same inputs get the same judgement, and no secret
 * travels with it.
 */
import { decodeMrt, MrtReader, packUpdates, printMrt, updateContext } from '@starling/bgp-packet'
import { EngineTap, fromLines, recordingToMrt, recordSession, replayRecording } from '@starling/daemon'
import type { PeerConfig, RouteView } from '@starling/engine'
import { Network, Random, SimClock, SimNode, testConfig, testPeer } from '@starling/testkit'
import { describe, expect, test } from 'vitest'

const A = '10.0.0.1'
const B = '10.0.0.2'

/** ORIGIN with a length of 2 (RFC 7606 section 7.1: treat-as-withdraw), AS_PATH empty, NEXT_HOP, 192.0.2.0/24. */
const BAD_UPDATE =
  'ffffffffffffffffffffffffffffffff0031020000' + '0016' + '40010200004002004003040a00000240050400000064' + '18c00002'

function rig(more: Partial<PeerConfig> = {}, theirs: Partial<PeerConfig> = {}) {
  const clock = new SimClock()
  const random = new Random(7)
  const network = new Network(clock, random)
  const peer = testPeer(B, { password: 'top-secret', ...more })
  const a = new SimNode(A, testConfig(A, [peer, testPeer('10.0.0.3')]), network, random)
  const b = new SimNode(B, testConfig(B, [testPeer(A, theirs)]), network, random)
  const lines: string[] = []
  const ends: string[] = []
  const tap = new EngineTap(a.engine)
  const stop = recordSession({ engine: a.engine, tap, now: clock.now }, peer, {
    line: (text) => lines.push(text),
    ended: (reason) => ends.push(reason),
  })
  const connection = (): number => {
    const line = fromLines(lines.join('\n')).findLast((each) => 'input' in each && each.input === 'received')
    return line !== undefined && 'connection' in line ? line.connection : 0
  }
  const receive = (hex: string): void =>
    a.input((engine, now) => engine.received(connection(), Buffer.from(hex, 'hex'), now))
  return { clock, a, b, lines, ends, stop, receive, text: () => lines.join('\n') }
}

/** What a route says, without when and how it stands among others. */
const facts = ({
  prefix,
  pathId,
  nextHop,
  origin,
  asPath,
  localPref,
  communities,
  reason,
  eligible,
}: RouteView): string =>
  JSON.stringify({ prefix, pathId, nextHop, origin, asPath, localPref, communities, reason, eligible })

const held = ({ engine }: SimNode): string[] =>
  engine.routes({ view: 'received', peer: B, limit: 1000 }).routes.map(facts).sort()

const ADD_PATH = { families: [{ ...testPeer(B).families[0]!, addPath: { receive: true, send: 2 } }] } as const

/** One prefix, `count` paths of it. */
function paths(prefix: string, count: number): Uint8Array[] {
  const context = updateContext({ as4: true, ibgp: true, addPathIPv4: true })
  return Array.from({ length: count }, (_, i) => {
    const attributes = { origin: 'IGP', asPath: [], nextHop: 0x0a000002, localPref: 100 + i } as const
    return packUpdates([{ prefix, pathId: i + 1 }], attributes, { context, maximum: 4096 })
  }).flat()
}

/** As `bgpdump -m` would print it. */
function mrtLines(lines: readonly string[]): string[] {
  const reader = new MrtReader()
  const printed: string[] = []
  for (const record of recordingToMrt(fromLines(lines.join('\n')))) {
    reader.push(record)
    while (reader.next()) printed.push(...printMrt(decodeMrt(reader)))
  }
  expect(reader.error).toBeUndefined()
  return printed
}

describe('a recorded session', () => {
  test('replays to the same judgement, a malformed UPDATE included', async () => {
    const { clock, b, lines, ends, receive, text } = rig()
    clock.run(20_000)
    b.input((engine, now) =>
      engine.setLocalRoute(
        { prefix: '10.9.1.0/24', source: 'static', target: { kind: 'blackhole' }, label: 'own block' },
        now,
      ),
    )
    clock.run(1_000)
    receive(BAD_UPDATE)
    clock.run(200_000)
    b.kill()
    clock.run(1_000)
    await Promise.resolve()
    expect(ends).toEqual(['the session ended'])

    const replay = replayRecording(fromLines(text()))
    expect(replay.replayed).toEqual(replay.recorded)
    expect(replay.same).toBe(true)
    const types = replay.recorded.map(({ type }) => type)
    expect(types).toEqual(['session-state', 'end-of-rib', 'end-of-rib', 'bad-update', 'session-state'])
    expect(replay.routes.map(({ prefix }) => prefix)).toContain('10.9.1.0/24')

    const after = lines.length
    clock.run(60_000)
    expect(lines).toHaveLength(after)
  })

  test.each([
    ['plain', {}],
    ['asking for ADD-PATH', { families: [{ ...testPeer(B).families[0]!, addPath: { receive: true, send: 2 } }] }],
  ] as const)('that was up before, %s, begins with what made it and replays to the same end', async (_name, more) => {
    const { clock, a, b, ends } = rig(more)
    const originate = (prefix: string): void =>
      b.input((engine, now) =>
        engine.setLocalRoute({ prefix, source: 'static', target: { kind: 'blackhole' }, label: 'own block' }, now),
      )
    for (let i = 0; i < 300; i++) originate(`10.${9 + (i >> 7)}.${i & 127}.0/24`)
    clock.run(20_000)
    // In the middle of a message: what is left of it comes after the recording began.
    const connection = a.engine.evidence(B)?.connection ?? 0
    const bad = Buffer.from(BAD_UPDATE, 'hex')
    a.input((engine, now) => engine.received(connection, bad.subarray(0, 30), now))
    expect(a.engine.evidence(B)?.residue).toHaveLength(30)

    const lines: string[] = []
    const tap = new EngineTap(a.engine)
    const peer = a.engine.peerConfig(B)!
    recordSession({ engine: a.engine, tap, now: clock.now }, peer, {
      line: (text) => lines.push(text),
      ended: (reason) => ends.push(reason),
    })
    const before = held(a)
    expect(replayRecording(fromLines(lines.join('\n'))).routes).toHaveLength(before.length)
    a.input((engine, now) => engine.received(connection, bad.subarray(30), now))
    originate('192.0.2.0/25')
    b.input((engine, now) => engine.removeLocalRoute('static', '10.9.1.0/24', now))
    clock.run(100_000)
    const at = held(a)
    const replay = replayRecording(fromLines(lines.join('\n')))
    expect(replay.replayed).toEqual(replay.recorded)
    expect(replay.recorded.map(({ type }) => type)).toEqual(['bad-update'])
    expect(replay.routes.map(facts).sort()).toEqual(at)
    b.kill()
    clock.run(300_000)
    await Promise.resolve()
    const whole = replayRecording(fromLines(lines.join('\n')))
    expect(whole.same).toBe(true)
    expect(whole.recorded.map(({ type }) => type)).toEqual(['bad-update', 'session-state'])
  })

  test('with ADD-PATH that was up before keeps every path, and reads what comes as it was read', () => {
    const { clock, a, receive } = rig(ADD_PATH, ADD_PATH)
    clock.run(20_000)
    const hex = (messages: readonly Uint8Array[]): string =>
      messages.map((m) => Buffer.from(m).toString('hex')).join('')
    receive(hex([...paths('10.50.0.0/24', 3), ...paths('10.51.0.0/24', 2)]))
    clock.run(1_000)
    expect(a.engine.evidence(B)).toBeDefined()
    const lines: string[] = []
    recordSession({ engine: a.engine, tap: new EngineTap(a.engine), now: clock.now }, a.engine.peerConfig(B)!, {
      line: (text) => lines.push(text),
      ended: () => undefined,
    })
    receive(hex(paths('10.52.0.0/24', 2)))
    clock.run(1_000)
    const at = held(a)
    expect(at.filter((text) => text.includes('10.50.0.0/24'))).toHaveLength(3)
    const replay = replayRecording(fromLines(lines.join('\n')))
    expect(replay.routes.map(facts).sort()).toEqual(at)
    expect(replay.same).toBe(true)

    const mrt = mrtLines(lines)
    const announced = mrt.filter((line) => line.startsWith('BGP4MP_ET_AP|') && line.includes('|A|10.0.0.2|65000|'))
    expect(announced.map((line) => line.split('|').slice(5, 7).join(' ')).sort()).toEqual([
      '10.50.0.0/24 1',
      '10.50.0.0/24 2',
      '10.50.0.0/24 3',
      '10.51.0.0/24 1',
      '10.51.0.0/24 2',
      '10.52.0.0/24 1',
      '10.52.0.0/24 2',
    ])
  })

  test('goes to tools that read MRT: its messages and when it came and went', () => {
    const { clock, b, lines } = rig({ fourOctetAs: false })
    clock.run(20_000)
    b.input((engine, now) =>
      engine.setLocalRoute(
        { prefix: '10.9.1.0/24', source: 'static', target: { kind: 'blackhole' }, label: 'own block' },
        now,
      ),
    )
    clock.run(1_000)
    b.kill()
    clock.run(1_000)
    expect(mrtLines(lines).map((line) => line.replace(/\|\d+\.\d{6}\|/, '|T|'))).toEqual([
      'BGP4MP_ET|T|STATE|10.0.0.2|65000|5|6',
      'BGP4MP_ET|T|A|10.0.0.2|65000|10.9.1.0/24||IGP|10.0.0.2|100|0||NAG||',
      'BGP4MP_ET|T|STATE|10.0.0.2|65000|6|1',
    ])
  })

  test('holds no secret and no other peer', () => {
    const { clock, text } = rig()
    clock.run(20_000)
    expect(text()).toContain('"input":"received"')
    expect(text()).not.toContain('top-secret')
    expect(text()).not.toContain('password')
    expect(text()).not.toContain('10.0.0.3')
  })

  test('that was tampered with does not replay', async () => {
    const { clock, receive, text } = rig()
    clock.run(20_000)
    receive(BAD_UPDATE)
    clock.run(100)
    const honest = text()
    expect(replayRecording(fromLines(honest)).same).toBe(true)
    const forged = honest.replace(BAD_UPDATE, BAD_UPDATE.replace('40010200004002', '40010100400200'))
    expect(forged).not.toBe(honest)
    expect(replayRecording(fromLines(forged)).same).toBe(false)
  })

  test('stopped, leaves the engine as it was', () => {
    const { clock, a, lines, stop } = rig()
    expect(Object.hasOwn(a.engine, 'received')).toBe(true)
    stop()
    expect(Object.hasOwn(a.engine, 'received')).toBe(false)
    expect(Object.hasOwn(a, 'event')).toBe(false)
    const before = lines.length
    clock.run(20_000)
    expect(lines).toHaveLength(before)
  })

  test.each([
    ['', /first line is not its start/],
    ['{"at":1,"input":"tick"}', /first line is not its start/],
    ['{"at":1,"input":"start","format":9}', /format 9/],
    ['nonsense', /line 1 is not JSON/],
  ])('%j is no recording, and is told so', (text, words) => expect(() => fromLines(text)).toThrow(words))
})
