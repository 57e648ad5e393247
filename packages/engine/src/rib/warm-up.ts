/**
 * Warm-up: a few thousand synthetic routes through the real code before the first peer is served.
 *
 * Cold code costs: the first 50,000 withdrawals took 2.9 us each, later ones 0.8 (hot-path.md trap 6). About five peers
 * and five thousand routes, announced, changed, reflected to joiners, withdrawn and lost, let the compiler see every
 * branch of ingest, decision, packing and removal with the shapes of later. Pure: the caller decides whether and when.
 */
import type { EngineConfig } from '../config/types.js'
import { CountingHost } from './bench-host.js'
import type { Tables, TablesHost } from './contract.js'
import { BODY, syntheticConfig, syntheticSession, updateMessages } from './synthetic.js'

const PEERS = 5
const ROUTES = 5000
const PER_MESSAGE = 4

export function warmUp(makeTables: (config: EngineConfig, host: TablesHost) => Tables): void {
  const tables = makeTables(syntheticConfig(), new CountingHost())
  const drain = () => {
    while (tables.work(512, 0));
  }
  for (let slot = 0; slot < PEERS - 1; slot++) tables.peerUp(slot, syntheticSession(slot), 0)
  // Messages are built once: the builder is not what is to be warmed.
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < ROUTES; n += PER_MESSAGE) {
      const slot = (n / PER_MESSAGE) % 3
      const names = Array.from({ length: PER_MESSAGE }, (_, i) => `10.${(n + i) >>> 8}.${(n + i) & 255}.0/24`)
      feed(tables, slot, {
        announce: names,
        localPref: 100 + round,
        asPath: `${64512 + (n % 97)} ${n % 31}`,
        med: n % 7,
      })
      feed(tables, slot, { announce: names.map((_, i) => `fd00:${(n + i).toString(16)}::/48`), localPref: 100 })
      if (n % 512 === 0) drain()
    }
    drain()
  }
  tables.peerUp(PEERS - 1, syntheticSession(PEERS - 1), 0)
  drain()
  for (let n = 0; n < ROUTES; n += PER_MESSAGE) {
    const names = Array.from({ length: PER_MESSAGE }, (_, i) => `10.${(n + i) >>> 8}.${(n + i) & 255}.0/24`)
    feed(tables, (n / PER_MESSAGE) % 3, { withdraw: names })
    if (n % 512 === 0) drain()
    if (n > ROUTES / 2) break
  }
  drain()
  for (let slot = 0; slot < PEERS; slot++) tables.peerDown(slot, { stale: [false, false] }, 0)
  drain()
}

function feed(tables: Tables, slot: number, fields: Parameters<typeof updateMessages>[0]): void {
  for (const bytes of updateMessages(fields)) tables.update(slot, bytes, BODY, bytes.length, 0)
}
