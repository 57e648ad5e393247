import { testConfig, testPeer } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { signatureOf, synFilter, watchedPorts } from './signatures.js'

/** A SYN from 40000 to 179 with these options, padded to four octets. */
function syn(options: readonly number[], flags = 0x02): Uint8Array {
  const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(0)]
  const segment = new Uint8Array(20 + padded.length)
  new DataView(segment.buffer).setUint16(0, 40_000)
  new DataView(segment.buffer).setUint16(2, 179)
  segment[12] = (segment.length / 4) << 4
  segment[13] = flags
  segment.set(padded, 20)
  return segment
}

const MSS = [2, 4, 5, 180]
const MD5 = [19, 18, ...new Array<number>(16).fill(7)]
const AO = [29, 16, 1, 1, ...new Array<number>(12).fill(7)]

describe('the signature of a segment', () => {
  it.each([
    ['none without options', syn([]), 'none'],
    ['none with others', syn([...MSS, 1, 1, 4, 2]), 'none'],
    ['MD5 behind padding', syn([1, 1, ...MD5]), 'md5'],
    ['MD5 behind the MSS', syn([...MSS, ...MD5]), 'md5'],
    ['AO', syn([...MSS, ...AO]), 'ao'],
    ['what stands behind the end does not count', syn([0, ...MD5]), 'none'],
    ['an option of length 0 ends no loop', syn([99, 0, 99, 0]), 'none'],
    ['a segment that is cut off', syn([...MSS, ...MD5]).subarray(0, 22), 'none'],
  ] as const)('%s', (_what, segment, signature) => {
    expect(signatureOf(segment, 0)).toBe(signature)
  })

  it('is found behind an IP header', () => {
    const packet = new Uint8Array(24 + 40)
    packet.set(syn(MD5), 24)
    expect(signatureOf(packet, 24)).toBe('md5')
  })
})

/** As the kernel runs classic BPF, for the few instructions used. */
function run(program: ReturnType<typeof synFilter>, packet: Uint8Array): number {
  let a = 0
  let x = 0
  for (let at = 0; at < program.length; at++) {
    const [code, jt, jf, k] = program[at] ?? [0, 0, 0, 0]
    if (code === 0xb1) x = ((packet[k] ?? 0) & 15) * 4
    else if (code === 0x01) x = k
    else if (code === 0x50) a = packet[x + k] ?? 0
    else if (code === 0x48) a = ((packet[x + k] ?? 0) << 8) | (packet[x + k + 1] ?? 0)
    else if (code === 0x45) at += (a & k) !== 0 ? jt : jf
    else if (code === 0x15) at += a === k ? jt : jf
    else if (code === 0x06) return k
    else throw new Error(`instruction ${code}`)
  }
  throw new Error('the program ran off its end')
}

describe.each([4, 6] as const)('the filter for IPv%i', (family) => {
  const wrap = (segment: Uint8Array) =>
    family === 4 ? Uint8Array.from([0x46, ...new Array(23).fill(0), ...segment]) : segment
  const filter = synFilter(family, [179, 1179])
  const answer = () => {
    const segment = syn(MD5, 0x12)
    segment.set([4, 0x9b, 1, 1], 0)
    return segment
  }

  it.each([
    ['a SYN to a port of ours', syn(MD5), true],
    ['a SYN-ACK from one', answer(), true],
    ['no SYN', syn(MD5, 0x10), false],
    ['another port', syn(MD5).fill(9, 2, 4), false],
  ] as const)('%s: taken %s', (_what, segment, taken) => {
    expect(run(filter, wrap(segment)) > 0).toBe(taken)
  })
})

it('watches where we listen and where we dial', () => {
  const config = testConfig('10.0.0.1', [testPeer('10.0.0.2'), testPeer('10.0.0.3', { remotePort: 1179 })])
  expect([...watchedPorts(config, [178])].sort()).toEqual([1179, 178, 179])
})
