/**
 * A host of tables that can only count: what benchmarks put in place of sessions and kernel.
 */
import type { EngineEvent } from '../../packages/engine/src/events.js'
import type { FamilyIndex, PeerSlot, TablesHost } from '../../packages/engine/src/rib/contract.js'
import type { Sink } from '../../packages/engine/src/sink.js'

const nothing = () => undefined

export class CountingHost implements TablesHost {
  bytes = 0
  writes = 0
  events: EngineEvent['type'][] = []
  readonly sink: Sink = {
    installs: false,
    connect: nothing,
    close: nothing,
    send: () => true,
    installRoute: nothing,
    removeRoute: nothing,
    trackNextHop: nothing,
    untrackNextHop: nothing,
    event: nothing,
  }

  transmit(_slot: PeerSlot, bytes: Uint8Array): boolean {
    this.bytes += bytes.length
    this.writes++
    return true
  }

  event(event: EngineEvent): void {
    this.events.push(event.type)
  }

  endOfRib(_slot: PeerSlot, _family: FamilyIndex): void {}
  limitReached(): void {}
  requestRefresh(): void {}
  slotFree(): void {}

  nameOf(slot: PeerSlot): string {
    return `peer${slot}`
  }
}
