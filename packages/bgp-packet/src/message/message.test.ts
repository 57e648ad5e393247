/** Malformed OPEN, ROUTE-REFRESH and NOTIFICATION messages, and their texts. */
import { describe, expect, it } from 'vitest'
import { printCapability } from '../capability/print.js'
import { attribute, capability, message, octets, open, update } from '../testing/build.js'
import { hexOf } from '../text.js'
import { decodeMessage, encodeMessage } from './message.js'
import { encodeNotification, hardResetData, notificationOf, printNotification, shutdownData } from './notification.js'
import { openAsn } from './open.js'

function answer(hex: string, extendedMessage = false): string {
  const { fault } = decodeMessage(octets(hex), { extendedMessage })
  return fault === undefined ? 'accept' : `${fault.code}/${fault.subcode} ${hexOf(fault.data)}`.trim()
}

const AS4 = capability(65, '0000fbf4')

describe('OPEN', () => {
  it.each([
    ['a plain OPEN', open(''), 'accept'],
    ['version 3', open('', '03fbf4005a0a000001'), '2/1 0004'],
    ['version 5', open('', '05fbf4005a0a000001'), '2/1 0004'],
    ['AS 0', open('', '040000005a0a000001'), '2/2'],
    ['AS 0 in the capability', open(capability(65, '00000000')), '2/2'],
    ['hold time 1', open('', '04fbf400010a000001'), '2/6'],
    ['hold time 2', open('', '04fbf400020a000001'), '2/6'],
    ['hold time 0', open('', '04fbf400000a000001'), 'accept'],
    ['hold time 3', open('', '04fbf400030a000001'), 'accept'],
    ['BGP Identifier 0', open('', '04fbf4005a00000000'), '2/3'],
    ['parameter length too large', open(AS4, undefined, 20), '2/0'],
    ['parameter length too small', open(AS4, undefined, 3), '2/0'],
    ['length 0 with octets behind', open(AS4, undefined, 0), '2/0'],
    ['half a parameter header', open('02'), '2/0'],
    ['a parameter that overruns', open('020a4104'), '2/0'],
    ['parameter type 1, authentication', open('010100'), '2/4'],
    ['parameter type 9', open('0900'), '2/4'],
    ['half a capability header', open('020141'), '2/0'],
    ['a capability that overruns', open(capability(65, '0000fbf4', 9)), '2/0'],
    ['multiprotocol of length 3', open(capability(1, '000100')), '2/0'],
    ['multiprotocol of length 5', open(capability(1, '0001000100')), '2/0'],
    ['4-octet AS of length 0', open(capability(65, '')), '2/0'],
    ['4-octet AS of length 2', open(capability(65, 'fbf4')), '2/0'],
    ['role of length 0', open(capability(9, '')), '2/0'],
    ['role of length 2', open(capability(9, '0000')), '2/0'],
    ['graceful restart of length 1', open(capability(64, '00')), '2/0'],
    ['graceful restart with half a family', open(capability(64, '00780001')), '2/0'],
    ['graceful restart without families', open(capability(64, '0078')), 'accept'],
    ['ADD-PATH with half an entry', open(capability(69, '0001')), '2/0'],
    ['ADD-PATH with an unknown mode', open(capability(69, '00010109')), 'accept'],
    ['extended next hop with half an entry', open(capability(5, '00010001')), '2/0'],
    ['LLGR with half an entry (CVE-2023-31489)', open(capability(71, '00010180')), '2/0'],
    ['LLGR without entries', open(capability(71, '')), 'accept'],
    ['ORF that counts beyond its end', open(capability(3, '0001000103400140')), '2/0'],
    ['FQDN whose host name overruns (CVE-2022-40302)', open(capability(73, 'ff61')), 'accept'],
    ['FQDN whose domain overruns', open(capability(73, '0161ff62')), 'accept'],
    ['FQDN of length 0', open(capability(73, '')), 'accept'],
    ['software version that overruns (CVE-2022-40318)', open(capability(75, 'ff61')), 'accept'],
    ['software version of length 0', open(capability(75, '')), 'accept'],
    ['software version that is no UTF-8', open(capability(75, '02c328')), 'accept'],
    ['route refresh with octets', open(capability(2, '00')), 'accept'],
    ['unknown capability', open(capability(222, 'ffff')), 'accept'],
    ['the same capability twice', open(AS4 + AS4), 'accept'],
    ['extended parameters (RFC 9072)', message(1, `04fbf4005a0a000001ffff00090200064104${'0000fbf4'}`), 'accept'],
    [
      'extended parameters with another short length',
      message(1, `04fbf4005a0a00000105ff00090200064104${'0000fbf4'}`),
      'accept',
    ],
    ['extended parameters that overrun', message(1, '04fbf4005a0a000001ffff00020001'), '2/0'],
    ['extended length beyond the OPEN', message(1, `04fbf4005a0a000001ffffffff0200064104${'0000fbf4'}`), '2/0'],
    ['extended length missing', message(1, '04fbf4005a0a00000102ff00'), '2/0'],
    ['extended length cut', message(1, '04fbf4005a0a000001ffff00'), '2/0'],
  ])('%s', (_, hex, expected) => expect(answer(hex)).toBe(expected))

  it('more capabilities than 255 octets go into the extended form', () => {
    const capabilities = Array.from(
      { length: 60 },
      (_, n) => ({ kind: 'opaque', code: 130 + n, data: octets('00112233') }) as const,
    )
    const value = { type: 'OPEN', version: 4, myAs: 1, holdTime: 90, bgpId: 1, capabilities } as const
    const bytes = encodeMessage(value)
    expect(bytes[28]).toBe(255)
    expect(decodeMessage(bytes).message).toEqual(value)
  })

  it('the AS number of the capability counts', () => {
    const { message: value } = decodeMessage(octets(open(capability(65, 'ffffffff'))))
    expect(value?.type === 'OPEN' && openAsn(value)).toBe(4294967295)
  })

  it('peer text is safe on a terminal', () => {
    expect(printCapability({ kind: 'fqdn', hostname: '\u001b[2Jnode', domain: '' })).toBe('fqdn \\u001b[2Jnode')
  })
})

describe('ROUTE-REFRESH', () => {
  it.each([
    ['a request', '00010001', 'accept'],
    ['begin of refresh', '00020101', 'accept'],
    ['end of refresh', '00020201', 'accept'],
    ['begin of refresh with more', '0001010100', `7/1 ${message(5, '0001010100')}`],
    ['end of refresh with more', '0001020100', `7/1 ${message(5, '0001020100')}`],
    ['a request with ORF entries', '0001000101400005808080', 'accept'],
    ['an unknown subtype', '00010901', 'accept'],
  ])('%s', (_, body, expected) => expect(answer(message(5, body))).toBe(expected))
})

describe('NOTIFICATION', () => {
  it.each([
    [encodeNotification(6, 2, shutdownData('maintenance')), 'Cease/Administrative Shutdown: "maintenance"'],
    [encodeNotification(6, 2), 'Cease/Administrative Shutdown'],
    [encodeNotification(6, 4, octets('00')), 'Cease/Administrative Reset [00]'],
    [encodeNotification(6, 2, octets('ff61')), 'Cease/Administrative Shutdown [ff61]'],
    [encodeNotification(6, 2, octets('02c328')), 'Cease/Administrative Shutdown [02c328]'],
    [
      encodeNotification(6, 9, hardResetData(6, 2, shutdownData('x'))),
      'Cease/Hard Reset (Cease/Administrative Shutdown: "x")',
    ],
    [encodeNotification(6, 9, hardResetData(6, 9, hardResetData(6, 9))), 'Cease/Hard Reset (Cease/Hard Reset [0609])'],
    [encodeNotification(5, 3), 'Finite State Machine Error/Receive Unexpected Message in Established State'],
    [encodeNotification(8, 0), 'Send Hold Timer Expired'],
    [encodeNotification(4, 0), 'Hold Timer Expired'],
    [encodeNotification(6, 10), 'Cease/BFD Down'],
    [encodeNotification(2, 11), 'OPEN Message Error/Role Mismatch'],
    [encodeNotification(7, 1), 'ROUTE-REFRESH Message Error/Invalid Message Length'],
    [encodeNotification(200, 7), 'code 200/subcode 7'],
  ])('case %#', (bytes, text) => {
    const { message: value } = decodeMessage(bytes)
    expect(value?.type === 'NOTIFICATION' && printNotification(value)).toBe(text)
  })

  it('a shutdown text is cut at a character', () => {
    const { shutdownText } = notificationOf(6, 2, shutdownData('ü'.repeat(200)))
    expect(shutdownText).toBe('ü'.repeat(127))
  })
})

describe('extended messages (RFC 8654)', () => {
  const long = update([attribute(0xd0, 99, '00'.repeat(5000))])
  it('a long UPDATE is a bad length without them', () => expect(answer(long)).toBe(`1/2 ${long.slice(32, 36)}`))
  it('and is fine with them', () => expect(answer(long, true)).toBe('accept'))
})
