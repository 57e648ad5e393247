/** The table of malformed UPDATEs: every row has one right verdict, code, subcode and attribute. */
import { describe, expect, it } from 'vitest'
import { decodeMessage } from '../message/message.js'
import { octets } from '../testing/build.js'
import { CARRIED, FOUR_OCTET_AS, FRAMING, MANDATORY, OPTIONAL, type Row } from '../testing/malformed.js'
import { MULTIPROTOCOL } from '../testing/malformed-mp.js'
import { VERDICT_NAMES } from '../verdict.js'

const TABLES: Record<string, readonly Row[]> = { MANDATORY, OPTIONAL, FOUR_OCTET_AS, CARRIED, FRAMING, MULTIPROTOCOL }

function answer({ session, hex }: Row): string {
  const { verdict, fault } = decodeMessage(octets(hex), {
    ibgp: session.includes('i'),
    confederation: session.includes('c'),
    as4: !session.includes('2'),
    addPathIPv4: session.includes('+'),
    addPathIPv6: session.includes('+'),
  })
  if (fault === undefined) return 'accept'
  return `${VERDICT_NAMES[verdict]} ${fault.code}/${fault.subcode} ${fault.attribute ?? 0}`
}

for (const [name, rows] of Object.entries(TABLES)) {
  describe(name, () => {
    it.each(rows.map((each) => [`${each.what}, session ${each.session}`, each] as const))('%s', (_, each) => {
      expect(answer(each)).toBe(each.expect)
    })
  })
}

it('the table has at least 150 rows that are malformed', () => {
  const rows = Object.values(TABLES).flat()
  expect(rows.filter(({ expect: verdict }) => verdict !== 'accept').length).toBeGreaterThanOrEqual(150)
})

it('every fault names a rule and an offset inside the message', () => {
  for (const each of Object.values(TABLES).flat()) {
    const bytes = octets(each.hex)
    for (const fault of decodeMessage(bytes, { ibgp: each.session === 'i' }).faults) {
      expect(fault.rule).toMatch(/^RFC \d+ /)
      expect(fault.offset).toBeLessThan(bytes.length)
    }
  }
})
