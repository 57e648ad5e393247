/** `starling decode` from its inputs to its output: lines, packed MRT files, captures with their TCP troubles. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import {
  encodeMessage,
  encodeMrtMessage,
  encodeMrtPeerIndex,
  encodeMrtRib,
  hexOf,
  packUpdates,
  parseHex,
  updateContext,
} from '@starling/bgp-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { main } from '../main.js'
import { type DecodeCommandOptions, runDecode } from './command.js'
import { InputError } from './input-error.js'
import { Reassembly } from './reassembly.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'decode-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(options: DecodeCommandOptions, input = ''): Promise<{ status: number; text: string }> {
  const pieces: string[] = []
  async function* stdin(): AsyncGenerator<string> {
    // Cut in the middle of lines, as pipes do.
    for (let at = 0; at < input.length; at += 17) yield input.slice(at, at + 17)
  }
  const status = await runDecode(options, stdin(), { write: (piece) => pieces.push(piece) })
  return { status, text: pieces.join('') }
}

const json = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

const attributes = { origin: 'IGP', asPath: [{ type: 'sequence', asns: [64500] }], nextHop: 0xc0000201 } as const
const [UPDATE] = packUpdates([{ prefix: '198.51.100.0/24' }], attributes) as [Uint8Array]
const KEEPALIVE = encodeMessage({ type: 'KEEPALIVE' })
const session = {
  peerAs: 64500,
  localAs: 64501,
  interfaceIndex: 0,
  afi: 1,
  peerAddress: '192.0.2.1',
  localAddress: '192.0.2.2',
}

describe('lines', () => {
  it('every line gets its answer, bad ones an error and exit code 1', async () => {
    const lines = `${hexOf(UPDATE)}\n\n{"hex":"${hexOf(KEEPALIVE)}"}\nnonsense\n`
    const { status, text } = await run({ json: true }, lines)
    expect(status).toBe(1)
    expect(json(text).map(({ verdict, error }) => verdict ?? error)).toEqual([
      'accept',
      'accept',
      'the line is no hexadecimal text',
    ])
  })

  it('trees without --json, and the last line may lack its end', async () => {
    const { status, text } = await run({}, hexOf(KEEPALIVE))
    expect(status).toBe(0)
    expect(text).toMatch(/^KEEPALIVE, 19 octets: accept\n/)
  })

  it('session options hold for lines that state none', async () => {
    const [octets] = packUpdates([{ prefix: '10.0.0.0/8', pathId: 5 }], attributes, {
      context: updateContext({ addPathIPv4: true }),
    }) as [Uint8Array]
    const { text } = await run({ json: true, session: { addPathIPv4: true } }, hexOf(octets))
    expect(json(text)[0]?.['message']).toMatchObject({ nlri: [{ prefix: '10.0.0.0/8', pathId: 5 }] })
  })
})

describe('MRT', () => {
  const block = parseHex('4001010040020602010000fbf4400304c0000201') as Uint8Array
  const file = Buffer.concat([
    encodeMrtPeerIndex(1, 2, '', [{ bgpId: 1, address: '192.0.2.1', asn: 64500 }]),
    encodeMrtRib(2, 0, '198.51.100.0/24', [{ peerIndex: 0, originated: 1, attributes: block }]),
    encodeMrtMessage({ timestamp: 3 }, session, UPDATE),
  ])
  it.each([
    ['plain', file],
    ['gzip', gzipSync(file)],
  ])('%s', async (name, bytes) => {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    const { status, text } = await run({ mrt: path, json: true })
    expect(status).toBe(0)
    const [index, rib, message] = json(text)
    expect(index).toMatchObject({ type: 'PEER-INDEX', peers: [{ address: '192.0.2.1', asn: 64500 }] })
    expect(rib).toMatchObject({
      type: 'RIB',
      prefix: '198.51.100.0/24',
      entries: [{ peer: '192.0.2.1', nextHop: '192.0.2.1' }],
    })
    expect(message).toMatchObject({ peer: '192.0.2.1', verdict: 'accept', message: { nlri: ['198.51.100.0/24'] } })
  })

  it('as bgpdump prints it', async () => {
    const path = join(folder, 'lines')
    writeFileSync(path, file)
    const { text } = await run({ mrt: path, bgpdump: true })
    expect(text.split('\n')[1]).toBe('BGP4MP|3|A|192.0.2.1|64500|198.51.100.0/24|64500|IGP|192.0.2.1|0|0||NAG||')
  })

  it('a cut file says so', async () => {
    const path = join(folder, 'cut')
    writeFileSync(path, file.subarray(0, file.length - 3))
    const { status, text } = await run({ mrt: path, json: true })
    expect(status).toBe(1)
    expect(json(text).at(-1)).toEqual({ error: expect.stringContaining('cut') })
  })

  it('bzip2', async () => {
    const path = join(folder, 'bzip2')
    writeFileSync(path, Buffer.from(KEEPALIVE_BZ2, 'base64'))
    const { status, text } = await run({ mrt: path, json: true })
    expect(status).toBe(0)
    expect(json(text)[0]).toMatchObject({ peerAs: 64500, message: { type: 'KEEPALIVE' } })
  })
})

/** `encodeMrtMessage({ timestamp: 1 }, session, KEEPALIVE)` through bzip2 1.0.8. */
const KEEPALIVE_BZ2 = 'QlpoOTFBWSZTWSdNE2AAAABwBPQESAAAgEAABgigADEA0ADTJNDamksqOtBi+XqBZBawxQwITFfF3JFOFCQJ00TYAA=='

interface Piece {
  readonly forward: boolean
  readonly sequence: number
  readonly payload: Uint8Array
  readonly syn?: boolean
}

it('a file that is not there, or is damaged in its packing, rejects', async () => {
  const nowhere = join(folder, 'nowhere')
  for (const input of [{ mrt: nowhere }, { pcap: nowhere }, { mrt: folder }]) {
    const error = await run(input).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InputError)
    expect(String(error)).toMatch(/cannot read .*: E(NOENT|ISDIR)/)
  }
  const path = join(folder, 'damaged')
  for (const magic of [
    [0x1f, 0x8b, 8],
    [0x42, 0x5a, 0x68, 0x39, 0x31],
  ]) {
    writeFileSync(path, Uint8Array.from([...magic, ...Array.from({ length: 40 }, (_, n) => n)]))
    await expect(run({ mrt: path })).rejects.toThrow(InputError)
  }
})

it('a packed file that is cut rejects after what could be read', async () => {
  const path = join(folder, 'cut-in-packing')
  for (const packed of [gzipSync(UPDATE), Buffer.from(KEEPALIVE_BZ2, 'base64')]) {
    for (let size = 4; size < packed.length; size++) {
      writeFileSync(path, packed.subarray(0, size))
      await expect(run({ mrt: path })).rejects.toThrow(InputError)
    }
  }
})

it('the command says in one line which file it cannot read', async () => {
  let said = ''
  const io = {
    write: () => undefined,
    error: (text: string) => {
      said += text
    },
    terminal: false,
    columns: 80,
    rows: 24,
    env: {},
    signal: new AbortController().signal,
  }
  expect(await main(['decode', '--mrt', join(folder, 'nowhere')], io)).toBe(1)
  expect(said).toMatch(/^starling: cannot read [^\n]*nowhere: ENOENT[^\n]*\n$/)
})

it('a file that is no capture rejects', async () => {
  const path = join(folder, 'no-capture')
  for (const text of ['', '\xa1\xb2\xc3\xd4', 'root:x:0:0:root:/root:/bin/bash\n'.repeat(9)]) {
    writeFileSync(path, text)
    await expect(run({ pcap: path })).rejects.toThrow('neither pcap nor pcapng')
  }
})

/** A little-endian pcap file of raw IPv4 packets. */
function pcap(pieces: readonly Piece[]): Uint8Array {
  const packets = pieces.map(({ forward, sequence, payload, syn }) => {
    const packet = Buffer.alloc(40 + payload.length)
    packet[0] = 0x45
    packet.writeUInt16BE(packet.length, 2)
    packet[9] = 6
    packet.set(forward ? [10, 0, 0, 1, 10, 0, 0, 2] : [10, 0, 0, 2, 10, 0, 0, 1], 12)
    packet.writeUInt16BE(forward ? 40000 : 179, 20)
    packet.writeUInt16BE(forward ? 179 : 40000, 22)
    packet.writeUInt32BE(sequence, 24)
    packet[32] = 0x50
    packet[33] = syn === true ? 2 : 0x10
    packet.set(payload, 40)
    return packet
  })
  const head = Buffer.alloc(24)
  head.writeUInt32LE(0xa1b2c3d4, 0)
  head.writeUInt32LE(101, 20)
  const parts = packets.flatMap((packet, n) => {
    const record = Buffer.alloc(16)
    record.writeUInt32LE(1000 + n, 0)
    record.writeUInt32LE(packet.length, 8)
    record.writeUInt32LE(packet.length, 12)
    return [record, packet]
  })
  return Buffer.concat([head, ...parts])
}

describe('captures', () => {
  const open = (asn: number, mode: number) =>
    encodeMessage({
      type: 'OPEN',
      version: 4,
      myAs: asn,
      holdTime: 90,
      bgpId: asn,
      capabilities: [
        { kind: 'fourOctetAs', asn },
        { kind: 'addPath', entries: [{ afi: 1, safi: 1, mode }] },
      ],
    })
  const context = updateContext({ addPathIPv4: true })
  const [withId] = packUpdates([{ prefix: '10.0.0.0/8', pathId: 77 }], attributes, { context }) as [Uint8Array]
  const none = new Uint8Array(0)

  it('segments late, twice and overlapping give each message once, read as the OPENs agreed', async () => {
    const stream = Buffer.concat([open(64500, 2), KEEPALIVE, withId])
    const piece = (from: number, to: number) => ({
      forward: true,
      sequence: 101 + from,
      payload: stream.subarray(from, to),
    })
    const path = join(folder, 'session.pcap')
    const pieces = [
      { forward: true, sequence: 100, payload: none, syn: true },
      { forward: false, sequence: 500, payload: none, syn: true },
      { forward: false, sequence: 501, payload: open(64501, 1) },
      piece(0, 10),
      piece(40, stream.length),
      piece(5, 30),
      piece(0, 10),
      piece(25, 45),
    ]
    writeFileSync(path, pcap(pieces))
    const { status, text } = await run({ pcap: path, json: true })
    expect(status).toBe(0)
    const messages = json(text)
    expect(messages.map(({ message }) => (message as { type: string }).type)).toEqual([
      'OPEN',
      'OPEN',
      'KEEPALIVE',
      'UPDATE',
    ])
    expect(messages[3]).toMatchObject({
      from: '10.0.0.1 40000',
      message: { nlri: [{ prefix: '10.0.0.0/8', pathId: 77 }] },
    })
  })

  it('an OPEN without 4-octet AS numbers settles it, also when the other one was not captured', async () => {
    const old = encodeMessage({ type: 'OPEN', version: 4, myAs: 64500, holdTime: 90, bgpId: 1, capabilities: [] })
    const asPath = [{ type: 'sequence', asns: [64500, 64510] }] as const
    const [update] = packUpdates(
      [{ prefix: '10.0.0.0/8' }],
      { origin: 'IGP', asPath, nextHop: 0x0a000001 },
      { context: updateContext({ as4: false }) },
    )
    const path = join(folder, 'one-open.pcap')
    for (const forward of [true, false]) {
      const pieces = [
        { forward, sequence: 1, payload: old },
        { forward: true, sequence: forward ? 1 + old.length : 1, payload: update },
      ]
      writeFileSync(path, pcap(pieces))
      const { text } = await run({ pcap: path, json: true })
      expect(json(text)[1]).toMatchObject({ verdict: 'accept', message: { attributes: { asPath: '64500 64510' } } })
    }
  })

  it('a capture that begins in the middle is read from the first whole message on', async () => {
    const path = join(folder, 'middle.pcap')
    writeFileSync(path, pcap([{ forward: true, sequence: 0xfffffff8, payload: Buffer.concat([KEEPALIVE, UPDATE]) }]))
    const { text } = await run({ pcap: path, json: true })
    expect(json(text)).toHaveLength(2)
  })

  it.each([24, 30, 60, 75])('a file cut to %d octets ends quietly', async (size) => {
    const path = join(folder, `cut-${size}.pcap`)
    writeFileSync(path, pcap([{ forward: true, sequence: 1, payload: KEEPALIVE }]).subarray(0, size))
    expect(await run({ pcap: path, json: true })).toEqual({ status: 0, text: '' })
  })
})

describe('reassembly', () => {
  it('sequence numbers wrap', () => {
    const reassembly = new Reassembly()
    const text = (parts: Uint8Array[]) => parts.map((part) => Buffer.from(part).toString()).join('')
    const bytes = (s: string) => new TextEncoder().encode(s)
    expect(text(reassembly.push(0xfffffffe, true, new Uint8Array(0)))).toBe('')
    expect(text(reassembly.push(3, false, bytes('efg')))).toBe('')
    expect(text(reassembly.push(0xffffffff, false, bytes('abcd')))).toBe('abcdefg')
    expect(text(reassembly.push(0xffffffff, false, bytes('abcdefgh')))).toBe('h')
  })

  it('a gap that stays is skipped after a bounded wait', () => {
    const reassembly = new Reassembly()
    reassembly.push(0, true, new Uint8Array(0))
    let octets = 0
    for (let n = 0; n < 70; n++) {
      for (const part of reassembly.push(101 + n * 65536, false, new Uint8Array(65536))) octets += part.length
    }
    expect(reassembly.lost).toBe(100)
    expect(octets).toBe(70 * 65536)
  })
})
