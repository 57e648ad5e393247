/**
 * What other programs hold under one key: nearly always one route, sometimes several (appended ones in IPv4, the
 * link-local prefix of every interface in IPv6). A `Face` is a route without its key; the faces under a key in the
 * kernel's order are a bundle, interned to a number, because a hundred thousand routes have few different ones and no
 * object may be kept per route.
 */

import type { Destination, Family, KernelRoute } from '../routes.js'
import { sameBytes, wayText } from './way.js'

export type Face = Omit<KernelRoute, 'destination' | 'table' | 'metric'>
export type Bundle = readonly Face[]

/** No route. */
export const NOTHING = 0
const EMPTY: Bundle = []

export class Bundles {
  private readonly numbers = new Map<string, number>()
  private readonly bundles: Bundle[] = [EMPTY]
  private readonly freed: number[] = []
  /** Looked up last: routes come in runs that differ in nothing but their destination. */
  private last = NOTHING

  get size(): number {
    return this.numbers.size
  }

  get(number: number): Bundle {
    return this.bundles[number] ?? EMPTY
  }

  /** The number of a route alone under its key; `believed` is tried first. */
  ofRoute(route: KernelRoute, believed: number): number {
    if (this.isAlone(believed, route)) return believed
    if (!this.isAlone(this.last, route)) this.last = this.intern([faceOf(route)])
    return this.last
  }

  intern(faces: Bundle): number {
    if (faces.length === 0) return NOTHING
    const text = faces.map(faceText).join('\n')
    let number = this.numbers.get(text)
    if (number === undefined) {
      number = this.freed.pop() ?? this.bundles.length
      this.bundles[number] = faces
      this.numbers.set(text, number)
    }
    return number
  }

  /** Numbers of bundles of which some face satisfies `wanted`. */
  withFace(wanted: (face: Face) => boolean): Set<number> {
    const found = new Set<number>()
    for (const number of this.numbers.values()) if (this.get(number).some(wanted)) found.add(number)
    return found
  }

  /** Larger than any number in use. */
  get end(): number {
    return this.bundles.length
  }

  /** Forgets every bundle at whose number `used` holds a zero. */
  sweep(used: Uint8Array): void {
    this.last = NOTHING
    for (const [text, number] of this.numbers) {
      if (used[number] === 1) continue
      this.numbers.delete(text)
      this.bundles[number] = EMPTY
      this.freed.push(number)
    }
  }

  private isAlone(number: number, route: KernelRoute): boolean {
    const faces = this.bundles[number]
    return faces?.length === 1 && sameFace(faces[0] as Face, route)
  }
}

/** Field by field, like its counterpart: spreading would cost more than everything else. */
export function faceOf(route: KernelRoute): Face {
  const { kind, protocol, scope, nextHops, sourceAddress, mtu, nexthopId, extras } = route
  return { kind, protocol, scope, nextHops, sourceAddress, mtu, nexthopId, extras }
}

export function withKey(destination: Destination, table: number, metric: number, face: Face): KernelRoute {
  const { kind, protocol, scope, nextHops, sourceAddress, mtu, nexthopId, extras } = face
  return { destination, kind, table, metric, protocol, scope, nextHops, sourceAddress, mtu, nexthopId, extras }
}

export function sameFace(a: Face, b: Face): boolean {
  if (a.protocol !== b.protocol || a.kind !== b.kind || a.scope !== b.scope || a.mtu !== b.mtu) return false
  if (a.nexthopId !== b.nexthopId || a.extras !== b.extras || a.nextHops.length !== b.nextHops.length) return false
  if (!sameBytes(a.sourceAddress, b.sourceAddress)) return false
  return a.nextHops === b.nextHops || a.nextHops.every((hop, i) => sameHop(hop, b.nextHops[i]))
}

type Hop = Face['nextHops'][number]

function sameHop(a: Hop, b: Hop | undefined): boolean {
  if (b === undefined || a.ifindex !== b.ifindex || a.onlink !== b.onlink || a.weight !== b.weight) return false
  return sameBytes(a.gateway, b.gateway)
}

const sameWayOut = (a: Hop, b: Hop): boolean => a.ifindex === b.ifindex && sameBytes(a.gateway, b.gateway)

/** The faces once a route has come; the kernel's order, first served. Undefined where only a read can tell. */
export function placed(
  faces: Bundle,
  face: Face,
  placing: 'alone' | 'instead' | 'first' | 'last',
  family: Family,
): Bundle | undefined {
  if (placing === 'alone' || faces.length === 0) return [face]
  if (placing === 'instead') {
    if (faces.length === 1) return [face]
    return family === 6 ? undefined : [face, ...faces.slice(1).filter((other) => !sameFace(other, face))]
  }
  // IPv6 joins routes through gateways to one; the announcement shows all of it.
  const joined = (other: Face) => family === 6 && within(other, face)
  const others = faces.filter((other) => !sameFace(other, face) && !joined(other))
  return placing === 'first' ? [face, ...others] : [...others, face]
}

/** The faces once a route has gone; undefined where only a read can tell. */
export function without(faces: Bundle, face: Face, family: Family): Bundle | undefined {
  const exact = faces.findIndex((other) => sameFace(other, face))
  if (exact >= 0) return faces.filter((_, i) => i !== exact)
  if (family === 6) {
    // One next hop of several: the rest stays.
    const whole = faces.find((other) => within(face, other))
    if (whole !== undefined) {
      const nextHops = whole.nextHops.filter((hop) => !face.nextHops.some((gone) => sameWayOut(gone, hop)))
      return faces.flatMap((other) =>
        other !== whole ? [other] : nextHops.length === 0 ? [] : [{ ...whole, nextHops }],
      )
    }
  }
  const alike = faces.filter((other) => other.protocol === face.protocol && other.kind === face.kind)
  if (alike.length > 1) return undefined
  return faces.filter((other) => other !== alike[0])
}

/** Every way out of `part` is one of `whole`'s. */
function within(part: Face, whole: Face): boolean {
  return part.nextHops.length > 0 && part.nextHops.every((hop) => whole.nextHops.some((each) => sameWayOut(hop, each)))
}

function faceText(face: Face): string {
  return `${face.protocol} ${face.scope} ${wayText(face)}`
}
