/**
 * IPAM data as Calico's custom resources hold it where Kubernetes is the datastore (`kubectl get ipamblocks,ipamhandles -o
 * yaml`), to the keys and values of calico.md 1.10 and 1.11. Their spec is what etcd's value is, in all but two members'
 * names; nothing that it says is lost.
 */
import { isJsonObject, type JsonObject, stringifyJson } from './json.js'
import { blockKey, handleKey, IPAM_CONFIG_KEY } from './keys.js'
import { parseCidr } from './values/address.js'

export interface IpamDocument {
  readonly key: string
  readonly value: string
}

/** Undefined for other kinds; a text says which field is wrong. */
export function crdIpamEntry(
  kind: string,
  { spec }: JsonObject,
): IpamDocument | { readonly missing: string } | undefined {
  const given = isJsonObject(spec) ? spec : {}
  switch (kind) {
    case 'IPAMBlock': {
      const { cidr } = given
      if (typeof cidr !== 'string' || parseCidr(cidr) === undefined) return { missing: 'spec.cidr' }
      return { key: blockKey(cidr), value: stringifyJson(given) }
    }
    case 'IPAMHandle': {
      const { handleID, ...value } = given
      if (typeof handleID !== 'string' || handleID === '' || handleID.includes('/')) return { missing: 'spec.handleID' }
      return { key: handleKey(handleID), value: stringifyJson(value) }
    }
    case 'IPAMConfig': {
      const { strictAffinity, autoAllocateBlocks, ...others } = given
      const value = { strict_affinity: strictAffinity, auto_allocate_blocks: autoAllocateBlocks, ...others }
      return { key: IPAM_CONFIG_KEY, value: stringifyJson(value) }
    }
    default:
      return undefined
  }
}
