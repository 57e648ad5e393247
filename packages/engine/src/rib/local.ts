/**
 * Local routes (own blocks, services, statics, kernel and connected routes) as paths of source 0.
 *
 * They have an attribute set like any other path: ORIGIN IGP, an empty AS_PATH, a next hop only where the route has a
 * gateway, and BIRD's preferences (calico.md 3.4). Two local routes of one prefix but different kinds are two paths.
 */
import { AttributeCode, parseAddress } from '@starling/bgp-packet'
import { Prefix } from '@starling/inet'
import type { AttrId, AttributeStore } from './attributes.js'
import type { FamilyIndex, LocalRoute } from './contract.js'
import type { FamilyRib } from './family.js'

export const PREFERENCE: Record<LocalRoute['source'], number> = { direct: 240, static: 200, kernel: 10 }
const PATH_ID: Record<LocalRoute['source'], number> = { static: 1, kernel: 2, direct: 3 }

const ORIGIN_AND_PATH = [0x40, AttributeCode.origin, 1, 0, 0x40, AttributeCode.asPath, 0]

function gatewayOf(route: LocalRoute): Uint8Array | undefined {
  const { target } = route
  const text = target.kind === 'via' ? target.gateway : target.kind === 'device' ? target.gateway : undefined
  return text === undefined ? undefined : parseAddress(text)
}

export function localSet(store: AttributeStore, route: LocalRoute, family: FamilyIndex): AttrId {
  const gateway = gatewayOf(route)
  const preference = PREFERENCE[route.source]
  if (gateway === undefined) {
    return store.intern(Uint8Array.from(ORIGIN_AND_PATH), 0, ORIGIN_AND_PATH.length, 0, preference)
  }
  if (family === 0 && gateway.length === 4) {
    const block = Uint8Array.from([...ORIGIN_AND_PATH, 0x40, AttributeCode.nextHop, 4, ...gateway])
    return store.intern(block, 0, block.length, 0, preference)
  }
  const outer = store.nextHops.intern(gateway, 0, gateway.length)
  return store.intern(Uint8Array.from(ORIGIN_AND_PATH), 0, ORIGIN_AND_PATH.length, outer, preference)
}

export function setLocal(families: readonly [FamilyRib, FamilyRib], route: LocalRoute, now: number): void {
  const prefix = Prefix.parse(route.prefix)
  if (prefix === undefined) throw new Error(`local route: ${route.prefix} is no prefix`)
  const family = prefix.family === 'ipv4' ? 0 : 1
  const rib = families[family]
  const id = rib.table.intern(prefix.bytes, 0, prefix.length)
  const attr = localSet(rib.store, route, family)
  const pathId = PATH_ID[route.source]
  rib.prefixes.reach(id)
  const made = rib.announce(undefined, id, pathId, attr, attr, Math.floor(now / 1000))
  const row = made !== 0 ? made : rib.findRow(id, 0, pathId)
  const before = rib.locals.get(row)
  rib.locals.set(row, route)
  // Metric, interface, label or target kind may differ although the set is the same.
  if (made === 0 && JSON.stringify(before) !== JSON.stringify(route)) rib.touch(row)
}

export function removeLocal(
  families: readonly [FamilyRib, FamilyRib],
  source: LocalRoute['source'],
  text: string,
): void {
  const prefix = Prefix.parse(text)
  if (prefix === undefined) return
  const rib = families[prefix.family === 'ipv4' ? 0 : 1]
  const id = rib.table.find(prefix.bytes, 0, prefix.length)
  if (id === 0) return
  const row = rib.findRow(id, 0, PATH_ID[source])
  if (row !== 0) rib.kill(row)
}
