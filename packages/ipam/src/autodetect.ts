/**
 * Which address is the node's (calico.md 5.2): Calico's methods over the interfaces as they were listed. Pure; whoever
 * calls lists the interfaces, asks the routing table for `can-reach` and Kubernetes for the internal address.
 */
import { isLinkLocal, Prefix } from '@starling/inet'
import type { Family } from '@starling/resources'
import { addressBytes, addressText } from './address.js'
import { goPattern } from './re2.js'

export interface InterfaceAddress {
  readonly address: string
  readonly length: number
}

/** In the kernel's order, lowest index first. */
export interface HostInterface {
  readonly name: string
  readonly addresses: readonly InterfaceAddress[]
}

export interface Surroundings {
  readonly interfaces: readonly HostInterface[]
  /** Source addresses towards the target of `can-reach`, as connected UDP sockets to port 80 tell: one per family at most. */
  readonly reachableFrom?: readonly string[]
  /** InternalIP addresses of the Kubernetes node. */
  readonly kubernetesAddresses?: readonly string[]
  /** Why there are none. */
  readonly kubernetesFault?: string
}

export type Method =
  | { readonly kind: 'first-found' }
  | { readonly kind: 'interface' | 'skip-interface'; readonly patterns: readonly RegExp[] }
  | { readonly kind: 'cidr'; readonly networks: readonly Prefix[] }
  | { readonly kind: 'can-reach'; readonly target: string }
  | { readonly kind: 'kubernetes-internal-ip' }

/** Calico's exclusions; `^lo` has no end and so also excludes `lo0` and `loopback`. */
const DEFAULT_EXCLUSIONS: readonly RegExp[] = [
  '^docker.*',
  '^cbr.*',
  '^dummy.*',
  '^podman.*',
  '^virbr.*',
  '^lxcbr.*',
  '^veth.*',
  '^lo',
  '^br-.*',
  '^cali.*',
  '^tunl.*',
  '^flannel.*',
  '^kube-ipvs.*',
  '^cni.*',
  '^vxlan\\.calico.*',
  '^vxlan-v6\\.calico.*',
  '^wireguard\\.cali.*',
  '^wg-v6\\.cali.*',
  '^nodelocaldns.*',
].map((pattern) => new RegExp(pattern))

/** Nodes' own interfaces as `spec.interfaces` lists them: without Calico's exclusions, in order of their names (calico.md 1.3). */
export function nodeInterfaces(
  interfaces: readonly HostInterface[],
  families: readonly Family[],
): readonly { readonly name: string; readonly addresses: readonly string[] }[] {
  return interfaces
    .filter(({ name }) => !DEFAULT_EXCLUSIONS.some((pattern) => pattern.test(name)))
    .map(({ name, addresses }) => ({
      name,
      addresses: addresses.map(({ address }) => canonical(address)).filter((text) => families.includes(familyOf(text))),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** A method as written in `IP_AUTODETECTION_METHOD`; text that is none is refused with the reason. */
export function parseMethod(text: string): Method | { readonly error: string } {
  const value = text.trim()
  const [name = '', rest] = split(value)
  if (value === '' || value === 'first-found') return { kind: 'first-found' }
  if (value === 'kubernetes-internal-ip') return { kind: 'kubernetes-internal-ip' }
  const items = (rest ?? '').split(',').filter((item) => item.trim() !== '')
  if (name === 'can-reach' && rest !== undefined && rest !== '') return { kind: 'can-reach', target: rest }
  if (name === 'cidr' && items.length > 0) {
    const networks = items.map((item) => Prefix.parse(item.trim()))
    const wrong = networks.indexOf(undefined)
    return wrong < 0
      ? { kind: 'cidr', networks: networks as Prefix[] }
      : { error: `cidr: ${items[wrong]} is not a CIDR such as 10.0.0.0/8` }
  }
  if ((name === 'interface' || name === 'skip-interface') && items.length > 0) {
    const patterns: RegExp[] = []
    for (const item of items) {
      const pattern = goPattern(item.trim())
      if ('error' in pattern)
        return { error: `${name}: ${item.trim()} is not a regular expression of Go: ${pattern.error}` }
      patterns.push(pattern)
    }
    return { kind: name, patterns }
  }
  return {
    error: `unknown method "${text}": first-found, interface=RE, skip-interface=RE, cidr=CIDR, can-reach=HOST or kubernetes-internal-ip`,
  }
}

function split(text: string): [string, string | undefined] {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** Global unicast in Go's sense: private addresses count, loopback, link-local, multicast and unspecified do not. */
export function isUsable(text: string, family: Family): boolean {
  const bytes = addressBytes(text)
  if (bytes === undefined || (bytes.length === 4) !== (family === 'ipv4')) return false
  const [first = 0, second = 0] = bytes
  if (bytes.length === 4) {
    const broadcast = bytes.every((byte) => byte === 255)
    return (
      first !== 127 &&
      first < 224 &&
      !(first === 169 && second === 254) &&
      !broadcast &&
      !bytes.every((byte) => byte === 0)
    )
  }
  const loopback = bytes.every((byte, i) => byte === (i === 15 ? 1 : 0))
  return first !== 0xff && !isLinkLocal(bytes) && !loopback && !bytes.every((byte) => byte === 0)
}

/** `10.0.0.11/24`; undefined when the method finds nothing. */
export function detectAddress(method: Method, family: Family, surroundings: Surroundings): string | undefined {
  // Calico walks from the highest index down, so that the newest interface wins.
  const interfaces = [...surroundings.interfaces].reverse()
  const excluded = (name: string, more: readonly RegExp[] = []): boolean =>
    [...DEFAULT_EXCLUSIONS, ...more].some((pattern) => pattern.test(name))
  switch (method.kind) {
    case 'first-found':
      return first(interfaces, family, ({ name }) => !excluded(name))
    case 'skip-interface':
      return first(interfaces, family, ({ name }) => !excluded(name, method.patterns))
    case 'interface':
      // Any of the patterns: the order of the interfaces decides, not theirs.
      return first(interfaces, family, ({ name }) => method.patterns.some((pattern) => pattern.test(name)))
    case 'cidr':
      return first(
        interfaces,
        family,
        () => true,
        ({ address }) => {
          const bytes = addressBytes(address)
          return bytes !== undefined && method.networks.some((network) => network.containsAddress(bytes))
        },
      )
    case 'can-reach':
      return withMask(
        surroundings.reachableFrom?.find((address) => familyOf(address) === family),
        family,
        interfaces,
      )
    case 'kubernetes-internal-ip':
      return withMask(
        surroundings.kubernetesAddresses?.find((address) => familyOf(address) === family),
        family,
        interfaces,
      )
  }
}

function first(
  interfaces: readonly HostInterface[],
  family: Family,
  wanted: (item: HostInterface) => boolean,
  suitable: (address: InterfaceAddress) => boolean = () => true,
): string | undefined {
  for (const item of interfaces) {
    if (!wanted(item)) continue
    const found = item.addresses.find((address) => isUsable(address.address, family) && suitable(address))
    if (found !== undefined) return `${canonical(found.address)}/${found.length}`
  }
  return undefined
}

const canonical = (address: string): string => {
  const bytes = addressBytes(address)
  return bytes === undefined ? address : addressText(bytes)
}

const familyOf = (address: string): Family => (address.includes(':') ? 'ipv6' : 'ipv4')

/** A bare address with the mask of the interface that has it; bare (/32, /128) when none has. */
export function withMask(
  address: string | undefined,
  family: Family,
  interfaces: readonly HostInterface[],
): string | undefined {
  if (address === undefined || familyOf(address) !== family) return undefined
  const wanted = canonical(address)
  for (const item of interfaces) {
    const found = item.addresses.find((candidate) => canonical(candidate.address) === wanted)
    if (found !== undefined) return `${wanted}/${found.length}`
  }
  return `${wanted}/${family === 'ipv4' ? 32 : 128}`
}

/** What `IP` (or `IP6`) asks for, given what the Node says now (calico.md 5.2, second table). */
export type AddressWish =
  | { readonly kind: 'keep' }
  | { readonly kind: 'detect'; readonly method: Method; readonly required: boolean }
  | { readonly kind: 'given'; readonly address: string }

export function addressWish(
  value: string | undefined,
  methodText: string | undefined,
  family: Family,
  current: string | undefined,
): AddressWish | { readonly error: string } {
  const text = value?.trim() ?? ''
  // Empty detects for IPv4 only, and only while there is nothing to keep.
  const detects = text === 'autodetect' || (text === '' && family === 'ipv4' && current === undefined)
  if (detects) {
    const method = parseMethod(methodText ?? '')
    return 'error' in method ? method : { kind: 'detect', method, required: current === undefined }
  }
  if (text === '' || text === 'none') return { kind: 'keep' }
  const address = text.split('/')[0] ?? ''
  if (Prefix.parseOrHost(text) === undefined || familyOf(address) !== family) {
    return {
      error: `${family === 'ipv4' ? 'IP' : 'IP6'}: "${text}" is not an ${family} address, CIDR, autodetect or none`,
    }
  }
  return { kind: 'given', address: text }
}
