/** What views, explanations and the audit see of the tables: they read, and change nothing. `RibTables` is one. */
import type { Membership } from '../out/membership.js'
import type { RouteEdit } from '../policy/edit.js'
import type { AttributeStore } from './attributes.js'
import type { TablesHost } from './contract.js'
import type { FamilyRib } from './family.js'
import type { PeerState } from './peers.js'

export interface TablesReading {
  readonly host: TablesHost
  readonly store: AttributeStore
  readonly states: readonly (PeerState | undefined)[]
  readonly families: readonly [FamilyRib, FamilyRib]
  readonly membership: readonly [Membership, Membership]
  readonly edit: RouteEdit
}
