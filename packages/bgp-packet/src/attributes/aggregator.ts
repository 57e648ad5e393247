/**
 * AGGREGATOR and AS4_AGGREGATOR (RFC 4271 section 5.1.7, RFC 6793): who formed an aggregate.
 *
 * Nothing in route selection depends on them, so every fault is answered with attribute discard (RFC 7606 section 7.7,
 * RFC 6793 section 6, RFC 7607 section 2).
 */

import { formatIPv4, parseIPv4 } from '../address.js'
import { AS_TRANS, AttributeCode, Flag } from '../constants.js'
import { UpdateError } from '../message/notification.js'
import { u16, u32 } from '../read.js'
import { Verdict } from '../verdict.js'
import { type AttributeDescriptor, badLength, parseDecimal, problem } from './descriptor.js'

export interface Aggregator {
  readonly asn: number
  /** BGP Identifier of the aggregating speaker, as a 32-bit number. */
  readonly address: number
}

function discard(rule: string, reason: string, offset: number) {
  return problem(Verdict.attributeDiscard, UpdateError.optionalAttributeError, rule, reason, offset)
}

/** bgpdump's form: "64500 192.0.2.1". */
function print(value: Aggregator): string {
  return `${value.asn} ${formatIPv4(value.address)}`
}

function parse(text: string): Aggregator | undefined {
  const space = text.indexOf(' ')
  const asn = parseDecimal(text.slice(0, Math.max(0, space)))
  const address = parseIPv4(text.slice(space + 1))
  return asn === undefined || address === undefined ? undefined : { asn, address }
}

const toJson = (value: Aggregator) => ({ asn: value.asn, address: formatIPv4(value.address) })

export const aggregator: AttributeDescriptor<Aggregator> = {
  code: AttributeCode.aggregator,
  name: 'AGGREGATOR',
  key: 'aggregator',
  flags: Flag.optional | Flag.transitive,
  check(buffer, start, end, context) {
    if (end - start !== (context.as4 ? 8 : 6)) return badLength('RFC 7606 7.7', end - start, Verdict.attributeDiscard)
    const asn = context.as4 ? u32(buffer, start) : u16(buffer, start)
    return asn === 0 ? discard('RFC 7607 2', 'AS number 0', start) : undefined
  },
  decode(buffer, start, _, context) {
    if (context.as4) return { asn: u32(buffer, start), address: u32(buffer, start + 4) }
    return { asn: u16(buffer, start), address: u32(buffer, start + 2) }
  },
  encode(writer, value, context) {
    if (context.as4) writer.u32(value.asn)
    else writer.u16(value.asn > 0xffff ? AS_TRANS : value.asn)
    writer.u32(value.address)
  },
  print,
  parse,
  toJson,
}

export const as4Aggregator: AttributeDescriptor<Aggregator> = {
  code: AttributeCode.as4Aggregator,
  name: 'AS4_AGGREGATOR',
  key: 'as4Aggregator',
  flags: Flag.optional | Flag.transitive,
  check(buffer, start, end, context) {
    if (context.as4) return discard('RFC 6793 4.1', 'sent by a speaker of 4-octet AS numbers', start)
    if (end - start !== 8) return badLength('RFC 6793 6', end - start, Verdict.attributeDiscard)
    return u32(buffer, start) === 0 ? discard('RFC 7607 2', 'AS number 0', start) : undefined
  },
  decode: (buffer, start) => ({ asn: u32(buffer, start), address: u32(buffer, start + 4) }),
  encode(writer, value) {
    writer.u32(value.asn)
    writer.u32(value.address)
  },
  print,
  parse,
  toJson,
}
