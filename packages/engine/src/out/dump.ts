/**
 * A walk over a group's Adj-RIB-Out for peers that cannot simply follow the log: joiners, refreshers, laggards.
 *
 * Joiners that come together share one dump (`floor` 0: announcements only), each skipping what it is the source of.
 * A laggard, or a peer that changed groups, has one of its own: entries changed since its floor, withdrawals included.
 * The dump has a segment log like the group; it is produced on demand, a slice at a time, no further ahead of its
 * fastest reader than a segment, so a stuck reader costs nothing and a slow one is given a dump of its own.
 */

import type { PrefixTable } from '@starling/inet'
import type { PathTable } from '../rib/paths.js'
import type { AdjRibOut } from './adj-rib-out.js'
import { type LogCursor, SegmentLog } from './log.js'
import type { Packer, PackFormat } from './packer.js'

/** Who reads a dump: a peer, by its source number, and how far it has read. */
export interface DumpReader {
  readonly source: number
  readonly dumpCursor: LogCursor | undefined
}

export class Dump<Reader extends DumpReader> {
  readonly log = new SegmentLog()
  readonly members = new Set<Reader>()
  readonly floor: number
  readonly mayHold: Uint32Array | undefined
  /** Only a dump with withdrawals has one: whose dump it is. */
  readonly only: Reader | undefined
  entry: number
  /** Entries from here on are newer than the dump: the log tells of them. Fixed when production begins. */
  end: number

  constructor(floor: number, only: Reader | undefined, mayHold: Uint32Array | undefined, entry = 1, end = 0) {
    this.floor = floor
    this.only = only
    this.mayHold = mayHold
    this.entry = entry
    this.end = end
  }

  get begun(): boolean {
    return this.end > 0
  }

  get complete(): boolean {
    return this.begun && this.entry >= this.end
  }

  /** Withdrawals need the ids of vanished prefixes: while such a dump runs none is reused. */
  get holdsVanished(): boolean {
    return this.only !== undefined
  }

  /** Stages and packs entries up to `limit` of them; returns how many were looked at. */
  produce(
    out: AdjRibOut,
    packer: Packer,
    format: PackFormat,
    table: PrefixTable,
    paths: PathTable,
    limit: number,
  ): number {
    // What the peer brought along from another group may lie beyond what this one ever advertised.
    if (!this.begun) this.end = Math.max(out.limit, (this.mayHold?.length ?? 0) * 32)
    out.reach(this.end - 1)
    const end = Math.min(this.end, this.entry + limit)
    const first = this.entry
    const me = this.only?.source ?? -1
    for (let entry = first; entry < end; entry++) {
      const attr = out.attr[entry]
      if (me < 0) {
        if (attr !== 0) packer.stage(entry, attr, out.source[entry])
        continue
      }
      const held = this.mayHold !== undefined && (this.mayHold[entry >>> 5] & (1 << (entry & 31))) !== 0
      const changed = this.mayHold !== undefined || out.version[entry] >= this.floor
      if (!changed) continue
      if (attr !== 0 && out.source[entry] !== me) packer.stage(entry, attr, out.source[entry])
      else if ((held || this.mayHold === undefined) && lives(entry, format, table, paths)) packer.stage(entry, 0, 0)
    }
    this.entry = end
    packer.pack(this.log, first, format, table, paths, (source, from, to) => this.#skip(source, from, to))
    return end - first
  }

  #skip(source: number, from: number, to: number): void {
    for (const member of this.members) if (member.source === source) member.dumpCursor?.skip(from, to)
  }
}

function lives(entry: number, format: PackFormat, table: PrefixTable, paths: PathTable): boolean {
  return table.isLive(format.addPath ? paths.prefix[entry] : entry)
}
