/** `starling decode`: lines to JSON, messages to trees. */
import { describe, expect, it } from 'vitest'
import { decodeMessage } from '../message/message.js'
import { AS_PATH, attribute, GOOD, message, octets, PREFIX, update } from '../testing/build.js'
import { decodeLine } from './line.js'
import { decodeTree } from './tree.js'

describe('decodeLine', () => {
  const hex = update(GOOD, PREFIX)

  it('reads plain hexadecimal text with the defaults', () => {
    expect(decodeLine(hex)).toEqual({
      verdict: 'accept',
      code: 0,
      subcode: 0,
      reason: '',
      message: {
        type: 'UPDATE',
        withdrawn: [],
        attributes: { origin: 'IGP', asPath: '64500', nextHop: '192.0.2.1' },
        nlri: ['198.51.100.0/24'],
      },
    })
  })

  it('reads the session parameters of a JSON line', () => {
    const nlri = update(GOOD, `00000007${PREFIX}`)
    const json = decodeLine(JSON.stringify({ hex: nlri, as4: true, addpath: ['1/1'], ibgp: true }))
    expect(json['message']).toMatchObject({ nlri: [{ prefix: '198.51.100.0/24', pathId: 7 }] })
  })

  it('says what, where and by which rule', () => {
    const json = decodeLine(update([...GOOD, attribute(0xc0, 8, '00')], PREFIX))
    expect(json).toMatchObject({
      verdict: 'treat-as-withdraw',
      code: 3,
      subcode: 5,
      attribute: 8,
      offset: 43,
      rule: 'RFC 7606 7.8',
      reason: 'COMMUNITIES: length 1',
      data: 'c0080100',
    })
  })

  it('a header fault has a verdict and the type', () => {
    expect(decodeLine(message(9, ''))).toMatchObject({ verdict: 'session-reset', code: 1, subcode: 3, data: '09' })
  })

  it.each([
    '',
    'xyz',
    'fff',
    '{',
    '{"hex": 5}',
    '{"hex": "zz"}',
    '[]',
    '{}',
    `{"hex":"${hex}","as4":1}`,
    `{"hex":"${hex}","addpath":"1/1"}`,
  ])('a line that is no message answers an error: %s', (line) =>
    expect(decodeLine(line)).toEqual({ error: expect.any(String) }),
  )
})

describe('decodeTree', () => {
  it('shows every part with its offset', () => {
    const bytes = octets(update([...GOOD, attribute(0xc0, 99, 'dead')], PREFIX, PREFIX))
    expect(decodeTree(bytes, decodeMessage(bytes))).toEqual([
      'UPDATE, 56 octets: accept',
      '     0  marker ff x 16',
      '    16  length 56',
      '    18  type 2 UPDATE',
      '    19  withdrawn routes, 4 octets',
      '    21    198.51.100.0/24',
      '    25  path attributes, 25 octets',
      '    27    ORIGIN (1), well-known transitive, 1 octets: IGP',
      '    31    AS_PATH (2), well-known transitive, 6 octets: 64500',
      '    40    NEXT_HOP (3), well-known transitive, 4 octets: 192.0.2.1',
      '    47    attribute 99 (99), optional transitive, 2 octets: dead',
      '    52  NLRI, 4 octets',
      '    52    198.51.100.0/24',
    ])
  })

  it('shows what could not be read as octets, and the fault first', () => {
    const bytes = octets(update([AS_PATH, attribute(0x40, 1, '07')], 'ff'))
    const lines = decodeTree(bytes, decodeMessage(bytes))
    expect(lines[1]).toBe('     !  session-reset (3/10) at 36: NLRI unreadable [RFC 7606 5.3]')
    expect(lines.at(-1)).toBe('    36    octets ff')
  })
})
