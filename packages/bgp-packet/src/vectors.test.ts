/**
 * Messages of real daemons (vectors/README.md), each in four ways: decoded to the recorded values, encoded again, mirrored octet for
 * octet where the daemon writes in canonical order, and framed at every chunk size. The public corpus joins in where it is present.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { decodeLine } from './decode/line.js'
import { Framer } from './framer.js'
import { decodeMessage, encodeMessage, messageToJson } from './message/message.js'
import { hexOf, parseHex } from './text.js'

interface Vector {
  readonly id: string
  readonly type: string
  readonly hex: string
  readonly as4: boolean
  readonly addpath: readonly string[]
  readonly ibgp: boolean
  readonly message: unknown
}

const FOLDER = fileURLToPath(new URL('../vectors/', import.meta.url))
const lines = (path: string) => readFileSync(path, 'utf8').trim().split('\n')
const VECTORS: Vector[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.jsonl'))
  .flatMap((name) => lines(FOLDER + name).map((line) => JSON.parse(line) as Vector))

function optionsOf({ as4, ibgp, addpath }: Vector) {
  const addPathIPv4 = addpath.includes('1/1')
  return { as4, ibgp, addPathIPv4, addPathIPv6: addpath.includes('2/1'), extendedMessage: true }
}

const octetsOf = (vector: Vector) => parseHex(vector.hex) ?? new Uint8Array(0)

describe.each(VECTORS.map((vector) => [vector.id, vector] as const))('%s', (_, vector) => {
  const options = optionsOf(vector)

  it('decodes to what was recorded', () => {
    const { fault, message } = decodeMessage(octetsOf(vector), options)
    expect(fault).toBeUndefined()
    expect(message && messageToJson(message)).toEqual(vector.message)
  })

  it('encodes to octets that decode to the same', () => {
    const { message } = decodeMessage(octetsOf(vector), options)
    if (message === undefined) throw new Error('not decoded')
    expect(decodeMessage(encodeMessage(message, options), options).message).toEqual(message)
  })

  it('is framed at every chunk size', () => {
    const bytes = octetsOf(vector)
    for (let size = 1; size <= bytes.length; size++) {
      const framer = new Framer()
      let framed = ''
      for (let at = 0; at < bytes.length; at += size) {
        framer.push(bytes.slice(at, at + size))
        while (framer.next()) framed += hexOf(framer.buffer.subarray(framer.start, framer.end))
      }
      expect(framed).toBe(vector.hex)
    }
  })
})

describe('all daemons', () => {
  it('most messages are mirrored octet for octet', () => {
    const mirrored = VECTORS.filter((vector) => {
      const { message } = decodeMessage(octetsOf(vector), optionsOf(vector))
      return message !== undefined && hexOf(encodeMessage(message, optionsOf(vector))) === vector.hex
    })
    expect(mirrored.length).toBeGreaterThanOrEqual(VECTORS.length / 2)
    const daemons = new Set(mirrored.map(({ id }) => id.split('-')[0]))
    expect([...daemons].sort()).toEqual(['bird', 'exabgp', 'frr', 'gobgp', 'openbgpd'])
  })

  it('each sent an OPEN, routes of both families and an End-of-RIB', () => {
    for (const daemon of ['bird', 'exabgp', 'frr', 'gobgp', 'openbgpd']) {
      const text = JSON.stringify(VECTORS.filter(({ id }) => id.startsWith(daemon)))
      for (const part of ['"OPEN"', '198.51.', '2001:db8:1::/48', '"endOfRib"']) expect(text).toContain(part)
    }
  })
})

/** Outside the repository; `STARLING_CORPUS` names it elsewhere. */
const CORPUS =
  process.env['STARLING_CORPUS'] ?? fileURLToPath(new URL('../../../../shared/data/messages.jsonl', import.meta.url))

/** Rows we answer differently on purpose, with the rule that says so. */
const DISAGREEMENTS: ReadonlyMap<string, string> = new Map([
  ['m0261', 'RFC 2545 3: an IPv6 next hop has 16 or 32 octets'],
  ['m0706', 'VPN families are opaque and never cost the session'],
  ['m0710', 'MP_REACH_NLRI without prefixes announces nothing'],
  ['m0782', 'RFC 5065 5: confederation segments from a plain external peer'],
  ['m2228', 'RFC 5065 5: confederation segments from a plain external peer'],
  ['m1957', 'RFC 4760 7: 3/9, not 3/1'],
  ['m1958', 'RFC 4760 7: 3/9, not 3/1'],
  ['m1959', 'RFC 4760 7: 3/9, not 3/1'],
  ['m1964', 'RFC 7606 3(c) names the Optional and Transitive bits, not Partial'],
  ['m1977', 'RFC 7606 3(c) names the Optional and Transitive bits, not Partial'],
  ['m1978', 'RFC 7606 3(c) names the Optional and Transitive bits, not Partial'],
  ['m2007', 'RFC 7606 7.5: LOCAL_PREF of an external peer is discarded'],
  ['m2037', 'RFC 6793 6: AS4_PATH between NEW speakers is discarded'],
  ['m2038', 'RFC 6793 6: AS4_PATH between NEW speakers is discarded'],
  ['m2044', 'PMSI is carried opaque'],
  ['m2047', 'PMSI is carried opaque'],
  ['m2206', 'RFC 7607 2: AS 0'],
])

interface CorpusRow {
  readonly id: string
  readonly hex: string
  readonly context: { readonly as4: boolean; readonly addpath: readonly string[] }
  readonly expect: string
  readonly note: string
}

function judge(row: CorpusRow): string {
  const { as4, addpath } = row.context
  const ibgp = row.note.includes('ibgp')
  const json = decodeLine(JSON.stringify({ hex: row.hex, as4, addpath, ibgp, extendedMessage: true }))
  if (json['verdict'] !== 'session-reset')
    return json['verdict'] === 'treat-as-withdraw' ? 'treat-as-withdraw' : 'valid'
  const subcode = row.expect.endsWith('/*') ? '*' : json['subcode']
  return `session-reset:${json['code']}/${subcode}`
}

describe('public corpus', () => {
  const rows = existsSync(CORPUS) ? lines(CORPUS).map((line) => JSON.parse(line) as CorpusRow) : []

  it('every row with a known answer gets it, except where an RFC says otherwise', () => {
    const wrong = rows.filter((row) => row.expect !== 'unknown' && judge(row) !== row.expect).map(({ id }) => id)
    expect(wrong.filter((id) => !DISAGREEMENTS.has(id))).toEqual([])
  })

  it('no row is unanswered', () => {
    for (const row of rows) expect(judge(row)).toMatch(/^(valid|treat-as-withdraw|session-reset:[1-7]\/)/)
  })
})
