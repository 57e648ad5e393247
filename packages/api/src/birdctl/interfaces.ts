/**
 * `show interfaces [summary]` in BIRD 1.6's lines: an interface, its flags, its addresses of the socket's family.
 */
import type { FamilyName } from '@starling/engine'
import type { InterfaceView } from '../ports.js'
import { escapeText } from '../text.js'
import { CODE, end, type Row, row } from './reply.js'

const upDown = (up: boolean): string => (up ? 'up' : 'down')
const UpDown = (up: boolean): string => (up ? 'Up' : 'Down')

const isIPv6 = (address: string): boolean => address.includes(':')

const own = ({ addresses }: InterfaceView, family: FamilyName): InterfaceView['addresses'] =>
  addresses.filter(({ address }) => isIPv6(address) === (family === 'ipv6'))

/** Where an address is good for, in BIRD's words. */
function scope(address: string): string {
  if (address === '::1' || address.startsWith('127.')) return 'host'
  if (/^fe[89ab]/i.test(address) || address.startsWith('169.254.')) return 'link'
  const site = isIPv6(address) ? /^f[cd]/i.test(address) : /^(10|192\.168|172\.(1[6-9]|2\d|3[01]))\./.test(address)
  return site ? 'site' : 'univ'
}

export function* interfaceRows(all: readonly InterfaceView[], family: FamilyName): Generator<Row> {
  for (const one of all) {
    const { name, index, up, running, mtu, loopback, pointToPoint } = one
    const kind = pointToPoint ? 'PtP' : loopback ? 'MultiAccess' : 'MultiAccess Broadcast Multicast'
    const state = `Admin${UpDown(up)} Link${UpDown(running)}${loopback ? ' Loopback Ignored' : ''}`
    yield row(CODE.interfaceRow, `${escapeText(name, 32)} ${upDown(up && running)} (index=${index})`)
    yield row(CODE.interfaceFlags, `\t${kind} ${state} MTU=${mtu}`)
    for (const [i, { address, length }] of own(one, family).entries()) {
      const role = i === 0 ? 'Primary' : 'Secondary'
      yield row(CODE.interfaceAddress, `\t${address}/${length} (${role}, scope ${scope(address)})`)
    }
  }
  yield end()
}

export function* interfaceSummary(all: readonly InterfaceView[], family: FamilyName): Generator<Row> {
  yield row(CODE.interfaceHeader, 'interface state address')
  for (const one of all) {
    const [first] = own(one, family)
    const address = first === undefined ? '' : `${first.address}/${first.length}`
    const { name, up, running } = one
    const text = `${escapeText(name, 32).padEnd(9)} ${upDown(up && running).padEnd(5)} ${address}`
    yield row(CODE.interfaceSummary, text.trimEnd())
  }
  yield end()
}
