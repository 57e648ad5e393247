/**
 * What a node writes about itself before it takes part (calico.md 5.1): its Node resource with addresses and AS, and the
 * default pools of a cluster that has none. Compare-and-swap throughout, unknown members kept, nothing written that is
 * so already.
 */
import type { Entry } from '@starling/datastore'
import { Prefix } from '@starling/inet'
import {
  decodeEntry,
  type Family,
  type JsonObject,
  kindPrefix,
  type NodeResource,
  newResourceValue,
  type Patch,
  patchValue,
  resourceKey,
} from '@starling/resources'
import { addressWish, detectAddress, nodeInterfaces, type Surroundings, withMask } from './autodetect.js'
import { type IpamContext, IpamError, isConflict, retrying } from './context.js'
import type { NodeEnvironment, PoolEnvironment } from './environment.js'
import { listPools } from './store.js'

export interface StartupContext extends IpamContext {
  /** A random UUIDv4 for a new resource. */
  readonly uuid: () => string
}

export interface Registration {
  readonly ipv4Address: string | undefined
  readonly ipv6Address: string | undefined
  readonly changed: boolean
}

type WantedAddress = { readonly address: string | undefined; readonly fresh: boolean }

function wantedAddress(
  options: NodeEnvironment,
  family: Family,
  current: string | undefined,
  surroundings: Surroundings,
): WantedAddress {
  const [value, method] = family === 'ipv4' ? [options.ip, options.ipMethod] : [options.ip6, options.ip6Method]
  const wish = addressWish(value, method, family, current)
  if ('error' in wish) throw new IpamError('invalid-data', wish.error)
  switch (wish.kind) {
    case 'keep':
      return { address: current, fresh: false }
    case 'given': {
      const address = wish.address.includes('/')
        ? wish.address
        : withMask(wish.address, family, surroundings.interfaces)
      return { address, fresh: true }
    }
    case 'detect': {
      const found = detectAddress(wish.method, family, surroundings)
      if (found === undefined && wish.required && options.backend !== 'none') {
        const fault = wish.method.kind === 'kubernetes-internal-ip' ? surroundings.kubernetesFault : undefined
        const reason = fault === undefined ? '' : `: ${fault}`
        throw new IpamError('not-found', `no ${family} address found by method ${method || 'first-found'}${reason}`)
      }
      return { address: found ?? current, fresh: found !== undefined }
    }
  }
}

/** Creates or completes the Node; safe to repeat, as the address monitor does once a minute. */
export async function registerNode(
  context: StartupContext,
  options: NodeEnvironment,
  surroundings: Surroundings,
): Promise<Registration> {
  return retrying(`register ${options.name}`, async () => {
    const key = resourceKey('Node', options.name)
    const entry = await context.datastore.get(key)
    const current = entry === undefined ? undefined : readable(entry.key, entry.value)
    const v4 = wantedAddress(options, 'ipv4', textOf(current?.spec.bgp?.ipv4Address), surroundings)
    const v6 = wantedAddress(options, 'ipv6', textOf(current?.spec.bgp?.ipv6Address), surroundings)
    if (v4.address === undefined && v6.address === undefined && options.backend !== 'none') {
      throw new IpamError('not-found', `${options.name} has neither an IPv4 nor an IPv6 address`)
    }
    if (options.checkAddressConflicts) {
      const clash = await conflictOf(context, options.name, [v4, v6])
      if (clash !== undefined) {
        if (entry !== undefined) await clearStale(context, options, entry, current, clash.address)
        throw new IpamError('address-in-use', `${clash.address} is also the address of Node ${clash.node}`)
      }
    }
    const spec = specPatch(options, v4.address, v6.address, current, surroundings)
    const value =
      entry === undefined
        ? newResourceValue({
            kind: 'Node',
            name: options.name,
            uid: context.uuid(),
            now: context.now(),
            spec: spec as JsonObject,
            status: {},
          })
        : patchValue(entry.value, { spec })
    const registration = { ipv4Address: v4.address, ipv6Address: v6.address }
    if (value === entry?.value) return { ...registration, changed: false }
    const result =
      entry === undefined
        ? await context.datastore.create(key, value)
        : await context.datastore.update(key, value, entry.revision)
    return isConflict(result) ? undefined : { ...registration, changed: true }
  })
}

/** The value as it stands on the Node, mask included. */
const textOf = (cidr: { readonly address: string; readonly length: number } | undefined): string | undefined =>
  cidr === undefined ? undefined : `${cidr.address}/${cidr.length}`

function readable(key: string, value: string): NodeResource {
  const decoded = decodeEntry(key, value)
  if (decoded?.ok === true && decoded.value.kind === 'Node') return decoded.value
  const problem = decoded?.ok === false ? decoded.problems[0] : undefined
  throw new IpamError('invalid-data', `${key}: ${problem?.field ?? ''} ${problem?.message ?? 'cannot be read'}`)
}

function specPatch(
  options: NodeEnvironment,
  ipv4Address: string | undefined,
  ipv6Address: string | undefined,
  current: NodeResource | undefined,
  surroundings: Surroundings,
): Patch {
  const bgp: Patch = {
    ...(ipv4Address === undefined ? {} : { ipv4Address }),
    ...(ipv6Address === undefined ? {} : { ipv6Address }),
    ...(options.asNumber === undefined ? {} : { asNumber: options.asNumber }),
  }
  const known = current?.spec.orchRefs.some(
    (item) => item.orchestrator === 'k8s' && item.nodeName === options.kubernetesNode,
  )
  return {
    // An empty object would make a node without addresses look like one that takes part (calico.md 1.3).
    ...(Object.keys(bgp).length === 0 ? {} : { bgp }),
    ...(known === true || !options.kubernetesNodeGiven
      ? {}
      : { orchRefs: [{ nodeName: options.kubernetesNode, orchestrator: 'k8s' }] }),
    ...interfacesPatch(options, surroundings),
  }
}

/** Only where an address is given or detected at every start; otherwise nothing would keep the list true (calico.md 1.3). */
function interfacesPatch(options: NodeEnvironment, { interfaces }: Surroundings): Patch {
  const says = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== 'none'
  const families: Family[] = [
    ...(says(options.ip) ? ['ipv4' as const] : []),
    ...(says(options.ip6) ? ['ipv6' as const] : []),
  ]
  if (families.length === 0) return {}
  const list = nodeInterfaces(interfaces, families).map(({ name, addresses }) => ({
    name,
    ...(addresses.length === 0 ? {} : { addresses: [...addresses] }),
  }))
  return { interfaces: list }
}

interface Clash {
  readonly address: string
  readonly node: string
}

async function conflictOf(
  context: IpamContext,
  name: string,
  wanted: readonly WantedAddress[],
): Promise<Clash | undefined> {
  const bare = wanted.flatMap(({ address, fresh }) => (address === undefined || !fresh ? [] : [address.split('/')[0]]))
  if (bare.length === 0) return undefined
  for (const entry of (await context.datastore.list(kindPrefix('Node'))).entries) {
    const decoded = decodeEntry(entry.key, entry.value)
    if (decoded?.ok !== true || decoded.value.kind !== 'Node' || decoded.value.metadata.name === name) continue
    const { bgp } = decoded.value.spec
    const address = [bgp?.ipv4Address?.address, bgp?.ipv6Address?.address].find((text) => bare.includes(text))
    if (address !== undefined) return { address, node: decoded.value.metadata.name }
  }
  return undefined
}

/** What this Node says is true no longer: the address detected now is another's (calico.md 5.2). */
async function clearStale(
  context: IpamContext,
  options: NodeEnvironment,
  entry: Entry,
  current: NodeResource | undefined,
  clash: string,
): Promise<void> {
  const six = clash.includes(':')
  const [value, member] = six ? [options.ip6, 'ipv6Address' as const] : [options.ip, 'ipv4Address' as const]
  if (value !== 'autodetect' || current?.spec.bgp?.[member] === undefined) return
  await context.datastore.update(
    entry.key,
    patchValue(entry.value, { spec: { bgp: { [member]: null } } }),
    entry.revision,
  )
}

const FALLBACK_CIDRS = [
  '192.168.0.0/16',
  '172.16.0.0/16',
  '172.17.0.0/16',
  '172.18.0.0/16',
  '172.19.0.0/16',
  '172.20.0.0/16',
]

export interface PoolDefaults {
  /** The pod network that kubeadm wrote down. */
  readonly kubeadmCidr?: string
  /** A random ULA /48 for IPv6. */
  readonly ulaCidr: string
  /** The node's own addresses: the built-in default must not contain them. */
  readonly nodeAddresses: readonly string[]
  readonly ipv6: boolean
}

/** Makes the default pools where a family has none; answers the names of those made. */
export async function createDefaultPools(
  context: StartupContext,
  options: NodeEnvironment,
  defaults: PoolDefaults,
): Promise<readonly string[]> {
  if (!options.defaultPools) return []
  const standing = await listPools(context)
  const made: string[] = []
  for (const family of ['ipv4', 'ipv6'] as const) {
    if (standing.some(({ spec }) => spec.cidr.family === family) || (family === 'ipv6' && !defaults.ipv6)) continue
    const settings = family === 'ipv4' ? options.ipv4Pool : options.ipv6Pool
    if (settings.cidr === 'none') continue
    const cidr = settings.cidr ?? (family === 'ipv4' ? defaultIpv4(defaults) : defaults.ulaCidr)
    const network = Prefix.parse(cidr)
    if (network?.family !== family) throw new IpamError('invalid-data', `pool CIDR ${cidr} is not an ${family} network`)
    const name = `default-${family}-ippool`
    const resource = {
      kind: 'IPPool',
      name,
      uid: context.uuid(),
      now: context.now(),
      spec: poolSpec(network, settings),
    }
    // Another node may be making it at this very moment: then it is made.
    const result = await context.datastore.create(resourceKey('IPPool', name), newResourceValue(resource))
    if (!isConflict(result)) made.push(name)
  }
  return made
}

function defaultIpv4({ kubeadmCidr, nodeAddresses }: PoolDefaults): string {
  if (kubeadmCidr !== undefined) return kubeadmCidr
  const own = nodeAddresses.flatMap((address) => Prefix.parseOrHost(address) ?? [])
  const free = FALLBACK_CIDRS.find((cidr) => {
    const network = Prefix.parse(cidr)
    return network !== undefined && !own.some((address) => network.overlaps(address))
  })
  return free ?? '192.168.0.0/16'
}

function poolSpec(network: Prefix, settings: PoolEnvironment): JsonObject {
  return {
    cidr: network.toString(),
    vxlanMode: settings.vxlanMode,
    ipipMode: settings.ipipMode,
    natOutgoing: settings.natOutgoing,
    ...(settings.disableBGPExport ? { disableBGPExport: true } : {}),
    blockSize: settings.blockSize,
    nodeSelector: settings.nodeSelector ?? 'all()',
    allowedUses: ['Workload', 'Tunnel'],
    assignmentMode: 'Automatic',
  }
}
