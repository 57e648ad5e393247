/**
 * The engine of a node with every session of its plan Established, and nothing on the other side: what a change of
 * configuration costs is what it costs a node in service.
 */
import { encodeOpen, KEEPALIVE } from '@starling/bgp-packet'
import {
  Engine,
  type EngineConfig,
  type PeerConfig,
  type PeerKey,
  type Reconfiguration,
  type Sink,
} from '@starling/engine'

const SINK: Sink = {
  installs: false,
  connect: () => {},
  close: () => {},
  send: () => true,
  installRoute: () => {},
  removeRoute: () => {},
  trackNextHop: () => {},
  untrackNextHop: () => {},
  event: () => {},
}

export class EstablishedEngine {
  readonly #engine: Engine
  #connections = 1_000_000

  constructor(config: EngineConfig) {
    this.#engine = new Engine(config, SINK, { now: 0, random: () => 0.5, restarting: false })
    for (const peer of config.peers.values()) this.#establish(peer, config)
    while (this.#engine.work(4096, 0));
  }

  get established(): number {
    return this.#engine.peers().filter(({ state }) => state === 'Established').length
  }

  /** False for one of two peerings to the same address: who connects is taken for the other. */
  up(key: PeerKey): boolean {
    return this.#engine.peer(key)?.state === 'Established'
  }

  configure(config: EngineConfig): Reconfiguration {
    return this.#engine.configure(config, 1)
  }

  settle(): void {
    while (this.#engine.work(4096, 1));
  }

  #establish(peer: PeerConfig, config: EngineConfig): void {
    const id = this.#connections++
    const { remoteAddress, localAddress } = peer
    const four = !remoteAddress.includes(':')
    const remoteAs = typeof peer.remoteAs === 'number' ? peer.remoteAs : peer.localAs
    const endpoints = {
      remoteAddress,
      remotePort: 40_000,
      localAddress: localAddress ?? (four ? '0.0.0.0' : '::'),
      localPort: 179,
    }
    this.#engine.incoming(id, endpoints, 0)
    const open = encodeOpen({
      type: 'OPEN',
      version: 4,
      myAs: remoteAs,
      holdTime: 240,
      bgpId: (config.routerId + id) >>> 0,
      capabilities: [
        { kind: 'multiprotocol', afi: four ? 1 : 2, safi: 1 },
        { kind: 'fourOctetAs', asn: remoteAs },
      ],
    })
    this.#engine.received(id, open, 0)
    this.#engine.received(id, KEEPALIVE, 0)
  }
}
