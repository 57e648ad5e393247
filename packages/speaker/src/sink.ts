/**
 * The engine's sink: one maker, so that all sinks of the process have one shape.
 *
 * Code that the warm-up compiled for the shape of its own sink would be thrown away at the first octet sent for real.
 * What concerns connections comes from the speaker (or from the warm-up, where it leads nowhere), the rest from the host.
 */
import type { Sink } from '@starling/engine'
import type { SinkExtras } from './types.js'

export type SinkTransport = Pick<Sink, 'connect' | 'close' | 'send' | 'event'>

export function sinkOf(transport: SinkTransport, extras: Omit<SinkExtras, 'event'>): Sink {
  return {
    connect: transport.connect,
    close: transport.close,
    send: transport.send,
    installs: extras.installs ?? true,
    installRoute: (route) => extras.installRoute(route),
    removeRoute: (family, address, length) => extras.removeRoute(family, address, length),
    trackNextHop: (address) => extras.trackNextHop(address),
    untrackNextHop: (address) => extras.untrackNextHop(address),
    event: transport.event,
  }
}
