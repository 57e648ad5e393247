/**
 * @starling/netlink: rtnetlink bytes to values and back. Pure: no socket, no clock, no Node module; the socket is the
 * subpath `@starling/netlink/socket`. Attributes this package does not know survive a round trip.
 */

export type { AddressMessage, NeighbourMessage } from './address.js'
export { decodeAddress, decodeNeighbour, encodeAddress, encodeNeighbour } from './address.js'
export type { Attribute } from './bytes.js'
export { MessageWriter, readU16, readU32, walkAttributes } from './bytes.js'
export * from './constants.js'
export type { LinkMessage, VxlanInfo } from './link.js'
export { decodeLink, encodeLink } from './link.js'
export type { Acknowledgement, MessageVisitor } from './message.js'
export { decodeAcknowledgement, walkMessages } from './message.js'
export type { Encapsulation, RouteMessage, RouteNextHop } from './route.js'
export { decodeNexthopId, decodeRoute, encodeGateway, encodeMultipath, encodeRoute } from './route.js'
