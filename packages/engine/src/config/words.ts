/** Words that configuration and policy share. */

/** Families the RIB holds. Any other AFI/SAFI is framed, counted and dropped by the codec. */
export type FamilyName = 'ipv4' | 'ipv6'
export const FAMILIES: readonly FamilyName[] = ['ipv4', 'ipv6']

/** Where something came from, in the words of the operator's own resources: shown by `plan`, `explain` and logs. */
export interface Why {
  /** `BGPPeer/rack1-tor`, `BGPConfiguration/default`, `Node/worker-1`, `command line`. */
  readonly resource: string
  /** `spec.exportV4[2]`, `spec.nodeToNodeMeshEnabled`; absent when the whole resource is meant. */
  readonly field?: string
  /** The rule that turned it into this, in words: `mesh: every node without a cluster id`. */
  readonly rule: string
}
