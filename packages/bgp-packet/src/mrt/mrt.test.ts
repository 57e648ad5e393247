/** MRT: what is written is read, any chunking, damaged files, and real files against bgpdump's text where they are present. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { octets } from '../testing/build.js'
import { hexOf } from '../text.js'
import { updateContext } from '../update/context.js'
import { packUpdates } from '../update/encode-values.js'
import { printMrt } from './print.js'
import { MrtReader } from './reader.js'
import { decodeMrt, type MrtPeer } from './records.js'
import { encodeMrtMessage, encodeMrtPeerIndex, encodeMrtRib, encodeMrtStateChange } from './writer.js'

function print(file: Uint8Array, size: number): { lines: string[]; error: string | undefined; pending: number } {
  const reader = new MrtReader()
  const lines: string[] = []
  let peers: readonly MrtPeer[] = []
  for (let at = 0; at < file.length; at += size) {
    reader.push(file.slice(at, at + size))
    while (reader.next()) {
      const record = decodeMrt(reader)
      if (record.kind === 'peer-index') peers = record.peers
      if (record.kind === 'unknown') lines.push(`unknown: ${record.reason}`)
      lines.push(...printMrt(record, peers))
    }
  }
  return { lines, error: reader.error, pending: reader.pending }
}

const session = {
  peerAs: 4200000000,
  localAs: 64501,
  interfaceIndex: 0,
  afi: 2,
  peerAddress: '2001:db8::1',
  localAddress: '2001:db8::2',
}
const asPath = [{ type: 'sequence', asns: [4200000000, 64510] }] as const
const attributes = { origin: 'IGP', asPath, med: 7, communities: [0xffffff01, 0xfbf40001] } as const
const [message] = packUpdates([{ prefix: '2001:db8:1::/48' }], attributes, { nextHop: '2001:db8::1' })
const BLOCK = octets('4001010040020602010000fbf4400304c0000201')

const FILE = [
  encodeMrtStateChange({ timestamp: 100 }, session, 5, 6),
  encodeMrtMessage({ timestamp: 101, microseconds: 5 }, session, message),
  encodeMrtPeerIndex(102, 1, 'main', [
    { bgpId: 1, address: '192.0.2.1', asn: 64500 },
    { bgpId: 2, address: '2001:db8::2', asn: 4200000000 },
  ]),
  encodeMrtRib(103, 0, '198.51.100.0/24', [{ peerIndex: 0, originated: 1, attributes: BLOCK }]),
  encodeMrtRib(104, 1, '198.51.101.0/24', [{ peerIndex: 1, originated: 1, pathId: 9, attributes: BLOCK }]),
]
const LINES = [
  'BGP4MP|100|STATE|2001:db8::1|4200000000|5|6',
  'BGP4MP_ET|101.000005|A|2001:db8::1|4200000000|2001:db8:1::/48|4200000000 64510|IGP|2001:db8::1|0|7|no-export 64500:1|NAG||',
  'TABLE_DUMP2|103|B|192.0.2.1|64500|198.51.100.0/24|64500|IGP|192.0.2.1|0|0||NAG||',
  'TABLE_DUMP2_AP|104|B|2001:db8::2|4200000000|198.51.101.0/24|9|64500|IGP|192.0.2.1|0|0||NAG||',
]
const BYTES = Uint8Array.from(FILE.flatMap((record) => [...record]))

describe('written and read', () => {
  it.each([1, 2, 7, 12, 13, 64, 100000])('in chunks of %d octets', (size) => {
    expect(print(BYTES, size)).toEqual({ lines: LINES, error: undefined, pending: 0 })
  })

  it('a cut file leaves octets pending', () => {
    expect(print(BYTES.subarray(0, BYTES.length - 1), 50).pending).toBeGreaterThan(0)
  })

  it('an absurd length is an error, not an allocation', () => {
    const bytes = BYTES.slice()
    bytes[8] = 0x7f
    expect(print(bytes, 64)).toMatchObject({ lines: [], error: expect.stringMatching(/^record of/) })
  })
})

describe('messages of sessions', () => {
  const old = { ...session, afi: 1, peerAs: 64500, peerAddress: '192.0.2.1', localAddress: '192.0.2.2' }
  const path = [{ type: 'sequence', asns: [64500, 64510] }] as const
  const values = { origin: 'IGP', asPath: path, nextHop: 0xc0000201 } as const

  it.each([
    [true, true, 'BGP4MP_AP|1|A|192.0.2.1|64500|198.51.100.0/24|7|64500 64510|IGP|192.0.2.1|0|0||NAG||'],
    [true, false, 'BGP4MP_AP|1|A|192.0.2.1|64500|198.51.100.0/24|7|64500 64510|IGP|192.0.2.1|0|0||NAG||'],
    [false, false, 'BGP4MP|1|A|192.0.2.1|64500|198.51.100.0/24|64500 64510|IGP|192.0.2.1|0|0||NAG||'],
  ])('ADD-PATH %s, 4-octet AS %s: the subtype says how the message is read', (addPath, as4, line) => {
    const prefix = { prefix: '198.51.100.0/24', ...(addPath ? { pathId: 7 } : {}) }
    const context = updateContext({ as4, addPathIPv4: addPath })
    const [update] = packUpdates([prefix], values, { context })
    const file = encodeMrtMessage({ timestamp: 1 }, old, update, addPath, as4)
    expect(print(file, 100).lines).toEqual([line])
  })
})

describe('RIB entries', () => {
  it('a local route without attributes is printed with the words of bgpdump', () => {
    const file = encodeMrtRib(103, 0, '198.51.100.0/24', [{ peerIndex: 0, originated: 1, attributes: octets('') }])
    expect(print(file, 100).lines).toEqual([
      'TABLE_DUMP2|103|B||0|198.51.100.0/24||INCOMPLETE|255.255.255.255|0|0||NAG||',
    ])
  })

  it.each([
    ['IPv4', 6, '000101 18c63364', 'TABLE_DUMP2|1|B||0|198.51.100.0/24|64500|IGP|192.0.2.1|0|0||NAG||'],
    ['IPv6', 6, '000201 20 20010db8', 'TABLE_DUMP2|1|B||0|2001:db8::/32|64500|IGP|192.0.2.1|0|0||NAG||'],
    [
      'IPv4 with ADD-PATH',
      12,
      '000101 18c63364',
      'TABLE_DUMP2_AP|1|B||0|198.51.100.0/24|9|64500|IGP|192.0.2.1|0|0||NAG||',
    ],
    ['EVPN', 6, '001946 0200', 'unknown: family l2vpn evpn without a decoder'],
    ['nothing', 6, '0001', 'unknown: truncated'],
  ])('RIB_GENERIC of %s', (_, subtype, family, line) => {
    const pathId = subtype === 12 ? '00000009' : ''
    const entry = `0001 0000 00000001 ${pathId} ${BLOCK.length.toString(16).padStart(4, '0')} ${hexOf(BLOCK)}`
    const body = octets(`00000000 ${family} ${family === '0001' ? '' : entry}`)
    const head = octets(
      `00000001 000d ${subtype.toString(16).padStart(4, '0')} ${body.length.toString(16).padStart(8, '0')}`,
    )
    expect(print(Uint8Array.from([...head, ...body]), 100).lines).toEqual([line])
  })
})

describe('damaged records', () => {
  it.each([
    ['BGP4MP without a session', '00000001001000040000000200 00'],
    ['BGP4MP of family 9', `000000010010000400000030 0000000100000002 0000 0009${'00'.repeat(36)}`],
    ['RIB with a prefix of 33 bits', '00000001000d00020000000c 00000000 21c6336400 0000 00'],
    ['RIB that claims two entries', '00000001000d00020000000a 00000000 18c63364 0002'],
    ['peer index that claims a peer', '00000001000d000100000008 00000001 0000 0001'],
    ['TABLE_DUMP cut short', '00000001000c000100000004 00000000'],
    ['a type without a decoder', '00000001006300010000000100'],
  ])('%s', (_, hex) => {
    const { lines } = print(octets(hex), 1000)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^unknown: /)
  })
})

/** Outside the repository; `STARLING_MRT` names it elsewhere. */
const REAL = process.env['STARLING_MRT'] ?? fileURLToPath(new URL('../../../../../shared/data/mrt/', import.meta.url))

describe('real files', () => {
  const names = existsSync(REAL)
    ? readdirSync(REAL).filter((name) => /^(updates\.|bview\.ipv).*(?<!txt)\.gz$/.test(name))
    : []

  it('every line is the one bgpdump -m prints', () => {
    for (const name of names) {
      const { lines, error } = print(gunzipSync(readFileSync(REAL + name)), 65536)
      const wanted = gunzipSync(readFileSync(REAL + name.replace('.gz', '.bgpdump.txt.gz')))
        .toString()
        .trimEnd()
        .split('\n')
      expect(error).toBeUndefined()
      expect(lines).toEqual(wanted)
    }
  })
})
