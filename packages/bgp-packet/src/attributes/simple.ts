/**
 * The attributes that are one number, one list of numbers, or nothing: ORIGIN, NEXT_HOP, MULTI_EXIT_DISC, LOCAL_PREF,
 * ATOMIC_AGGREGATE, ORIGINATOR_ID, CLUSTER_LIST, OTC.
 *
 * RFC 4271 section 5.1, RFC 4456 section 8, RFC 9234 section 5; judged by RFC 7606 section 7.
 */

import { formatIPv4, parseIPv4 } from '../address.js'
import { AttributeCode, Flag } from '../constants.js'
import { UpdateError } from '../message/notification.js'
import { u32 } from '../read.js'
import { Verdict } from '../verdict.js'
import { type AttributeDescriptor, badLength, internalOnly, parseDecimal, parseList, problem } from './descriptor.js'

export type Origin = 'IGP' | 'EGP' | 'INCOMPLETE'
export const ORIGINS: readonly Origin[] = ['IGP', 'EGP', 'INCOMPLETE']

const OPTIONAL = Flag.optional
const WELL_KNOWN = Flag.transitive
const OPTIONAL_TRANSITIVE = Flag.optional | Flag.transitive

export const origin: AttributeDescriptor<Origin> = {
  code: AttributeCode.origin,
  name: 'ORIGIN',
  key: 'origin',
  flags: WELL_KNOWN,
  check(buffer, start, end) {
    if (end - start !== 1) return badLength('RFC 7606 7.1', end - start)
    if (buffer[start] <= 2) return undefined
    return problem(Verdict.treatAsWithdraw, UpdateError.invalidOrigin, 'RFC 7606 7.1', `value ${buffer[start]}`, start)
  },
  decode: (buffer, start) => ORIGINS[buffer[start]] ?? 'INCOMPLETE',
  encode: (writer, value) => writer.u8(ORIGINS.indexOf(value)),
  print: (value) => value,
  parse: (text) => ORIGINS.find((name) => name === text.toUpperCase()),
  toJson: (value) => value,
}

export const nextHop: AttributeDescriptor<number> = {
  code: AttributeCode.nextHop,
  name: 'NEXT_HOP',
  key: 'nextHop',
  flags: WELL_KNOWN,
  check: (_, start, end) => (end - start === 4 ? undefined : badLength('RFC 7606 7.3', end - start)),
  decode: u32,
  encode: (writer, value) => writer.u32(value),
  print: formatIPv4,
  parse: parseIPv4,
  toJson: formatIPv4,
}

export const med: AttributeDescriptor<number> = {
  code: AttributeCode.med,
  name: 'MULTI_EXIT_DISC',
  key: 'med',
  flags: OPTIONAL,
  check: (_, start, end) => (end - start === 4 ? undefined : badLength('RFC 7606 7.4', end - start)),
  decode: u32,
  encode: (writer, value) => writer.u32(value),
  print: String,
  parse: parseDecimal,
  toJson: (value) => value,
}

export const localPref: AttributeDescriptor<number> = {
  code: AttributeCode.localPref,
  name: 'LOCAL_PREF',
  key: 'localPref',
  flags: WELL_KNOWN,
  check(_, start, end, context) {
    // RFC 5065 section 5.2: LOCAL_PREF also travels between the Member-ASes of a confederation.
    if (!context.ibgp && !context.confederation) return internalOnly('RFC 7606 7.5')
    return end - start === 4 ? undefined : badLength('RFC 7606 7.5', end - start)
  },
  decode: u32,
  encode: (writer, value) => writer.u32(value),
  print: String,
  parse: parseDecimal,
  toJson: (value) => value,
}

export const atomicAggregate: AttributeDescriptor<true> = {
  code: AttributeCode.atomicAggregate,
  name: 'ATOMIC_AGGREGATE',
  key: 'atomicAggregate',
  flags: WELL_KNOWN,
  check: (_, start, end) =>
    end === start ? undefined : badLength('RFC 7606 7.6', end - start, Verdict.attributeDiscard),
  decode: () => true,
  encode: () => undefined,
  print: () => 'AG',
  parse: (text) => (text === 'AG' ? true : undefined),
  toJson: () => true,
}

export const originatorId: AttributeDescriptor<number> = {
  code: AttributeCode.originatorId,
  name: 'ORIGINATOR_ID',
  key: 'originatorId',
  flags: OPTIONAL,
  check(_, start, end, context) {
    if (!context.ibgp) return internalOnly('RFC 7606 7.9')
    return end - start === 4 ? undefined : badLength('RFC 7606 7.9', end - start)
  },
  decode: u32,
  encode: (writer, value) => writer.u32(value),
  print: formatIPv4,
  parse: parseIPv4,
  toJson: formatIPv4,
}

export const clusterList: AttributeDescriptor<readonly number[]> = {
  code: AttributeCode.clusterList,
  name: 'CLUSTER_LIST',
  key: 'clusterList',
  flags: OPTIONAL,
  check(_, start, end, context) {
    if (!context.ibgp) return internalOnly('RFC 7606 7.10')
    return end > start && (end - start) % 4 === 0 ? undefined : badLength('RFC 7606 7.10', end - start)
  },
  decode(buffer, start, end) {
    const list: number[] = []
    for (let at = start; at + 4 <= end; at += 4) list.push(u32(buffer, at))
    return list
  },
  encode(writer, value) {
    for (const id of value) writer.u32(id)
  },
  print: (value) => value.map(formatIPv4).join(' '),
  parse: (text) => parseList(text, parseIPv4),
  toJson: (value) => value.map(formatIPv4),
}

export const otc: AttributeDescriptor<number> = {
  code: AttributeCode.otc,
  name: 'ONLY_TO_CUSTOMER',
  key: 'otc',
  flags: OPTIONAL_TRANSITIVE,
  check: (_, start, end) => (end - start === 4 ? undefined : badLength('RFC 9234 5', end - start)),
  decode: u32,
  encode: (writer, value) => writer.u32(value),
  print: String,
  parse: parseDecimal,
  toJson: (value) => value,
}
