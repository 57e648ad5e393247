/**
 * The environment of calico.md 5.3 as typed options: names and defaults are Calico's, so that its manifests work
 * unchanged. Pure: the caller hands over the environment and what it read from files.
 */
import { parseAsNumber } from '@starling/resources'

export type Environment = Readonly<Record<string, string | undefined>>

export interface NodeSurroundings {
  /** Content of the nodename file, if there is one. */
  readonly nodenameFile?: string
  readonly hostname: string
}

export interface PoolEnvironment {
  /** `none` makes no pool; absent: the built-in default. */
  readonly cidr?: string
  readonly blockSize: number
  readonly ipipMode: 'Always' | 'CrossSubnet' | 'Never'
  readonly vxlanMode: 'Always' | 'CrossSubnet' | 'Never'
  readonly natOutgoing: boolean
  readonly nodeSelector?: string
  readonly disableBGPExport: boolean
}

export interface NodeEnvironment {
  readonly name: string
  readonly nodenameFile: string
  readonly kubernetesNode: string
  /** It was said (CALICO_K8S_NODE_REF): only then the Node names it, or a controller would look for it in vain. */
  readonly kubernetesNodeGiven: boolean
  readonly backend: 'bird' | 'vxlan' | 'none'
  readonly ip?: string
  readonly ip6?: string
  readonly ipMethod: string
  readonly ip6Method: string
  /** Milliseconds between two detections. */
  readonly pollInterval: number
  readonly checkAddressConflicts: boolean
  readonly asNumber?: number
  readonly routerId?: string
  readonly clusterIps: readonly string[]
  readonly secretNamespace: string
  readonly endpointStatusPrefix: string
  readonly waitForDatastore: boolean
  readonly clusterType?: string
  readonly defaultPools: boolean
  readonly ipv4Pool: PoolEnvironment
  readonly ipv6Pool: PoolEnvironment
}

export interface EnvironmentProblem {
  readonly variable: string
  readonly problem: string
}

export const DEFAULT_NODENAME_FILE = '/var/lib/calico/nodename'

/** NODENAME as it is; the others lower-cased and trimmed (calico.md 1.3). */
export function nodeName(env: Environment, { nodenameFile, hostname }: NodeSurroundings): string {
  const given = env['NODENAME']?.trim()
  if (given !== undefined && given !== '') return given
  const stored = nodenameFile?.trim()
  if (stored !== undefined && stored !== '') return stored
  const host = env['HOSTNAME']?.trim().toLowerCase()
  return host !== undefined && host !== '' ? host : hostname.trim().toLowerCase()
}

class Reader {
  readonly problems: EnvironmentProblem[] = []
  readonly #env: Environment

  constructor(env: Environment) {
    this.#env = env
  }

  text(variable: string): string | undefined {
    const value = this.#env[variable]?.trim()
    return value === '' ? undefined : value
  }

  /** The words of Calico's own reader, which takes anything else for true: a typing error is told here instead. */
  flag(variable: string, fallback: boolean): boolean {
    const value = this.text(variable)
    if (value === undefined) return fallback
    if (/^(1|t|true|y|yes)$/i.test(value)) return true
    if (/^(0|f|false|n|no)$/i.test(value)) return false
    return this.#wrong(variable, `"${value}" is not true or false`, fallback)
  }

  choice<T extends string>(variable: string, values: Readonly<Record<string, T>>, fallback: T): T {
    const value = this.text(variable)
    if (value === undefined) return fallback
    const found = values[value.toLowerCase()]
    return (
      found ??
      this.#wrong(variable, `"${value}" is not one of ${[...new Set(Object.values(values))].join(', ')}`, fallback)
    )
  }

  integer(variable: string, fallback: number, minimum: number, maximum: number): number {
    const value = this.text(variable)
    if (value === undefined) return fallback
    const number = Number(value)
    if (Number.isInteger(number) && number >= minimum && number <= maximum) return number
    return this.#wrong(variable, `"${value}" is not a whole number from ${minimum} to ${maximum}`, fallback)
  }

  /** Plain seconds or a Go duration; milliseconds out. */
  seconds(variable: string, fallback: number): number {
    const value = this.text(variable)
    if (value === undefined) return fallback
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value)
    const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's'] ?? 1000
    return match === null
      ? this.#wrong(variable, `"${value}" is not a time such as 60s`, fallback)
      : Number(match[1]) * unit
  }

  as(variable: string): number | undefined {
    const value = this.text(variable)
    if (value === undefined) return undefined
    return parseAsNumber(value) ?? this.#wrong(variable, `"${value}" is not an AS number`, undefined)
  }

  #wrong<T>(variable: string, problem: string, fallback: T): T {
    this.problems.push({ variable, problem })
    return fallback
  }
}

const MODES = {
  always: 'Always',
  crosssubnet: 'CrossSubnet',
  'cross-subnet': 'CrossSubnet',
  never: 'Never',
  off: 'Never',
} as const

function pool(reader: Reader, family: 4 | 6): PoolEnvironment {
  const name = (suffix: string): string => `CALICO_IPV${family}POOL_${suffix}`
  const cidr = reader.text(name('CIDR'))
  const nodeSelector = reader.text(name('NODE_SELECTOR'))
  return {
    ...(cidr === undefined ? {} : { cidr }),
    blockSize:
      family === 4 ? reader.integer(name('BLOCK_SIZE'), 26, 20, 32) : reader.integer(name('BLOCK_SIZE'), 122, 116, 128),
    ipipMode: family === 4 ? reader.choice(name('IPIP'), MODES, 'Never') : 'Never',
    vxlanMode: reader.choice(name('VXLAN'), MODES, 'Never'),
    natOutgoing: reader.flag(name('NAT_OUTGOING'), family === 4),
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    disableBGPExport: reader.flag(name('DISABLE_BGP_EXPORT'), false),
  }
}

/** Everything a node reads from its environment; what cannot be read is listed, its default stands in. */
export function nodeOptionsFromEnv(
  env: Environment,
  surroundings: NodeSurroundings,
): { readonly options: NodeEnvironment; readonly problems: readonly EnvironmentProblem[] } {
  const reader = new Reader(env)
  const name = nodeName(env, surroundings)
  const optional = <K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } =>
    value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V })
  const options: NodeEnvironment = {
    name,
    nodenameFile: reader.text('CALICO_NODENAME_FILE') ?? DEFAULT_NODENAME_FILE,
    kubernetesNode: reader.text('CALICO_K8S_NODE_REF') ?? name,
    kubernetesNodeGiven: reader.text('CALICO_K8S_NODE_REF') !== undefined,
    backend: reader.choice('CALICO_NETWORKING_BACKEND', { bird: 'bird', vxlan: 'vxlan', none: 'none' }, 'bird'),
    ...optional('ip', reader.text('IP')),
    ...optional('ip6', reader.text('IP6')),
    ipMethod: reader.text('IP_AUTODETECTION_METHOD') ?? 'first-found',
    ip6Method: reader.text('IP6_AUTODETECTION_METHOD') ?? 'first-found',
    pollInterval: reader.seconds('AUTODETECT_POLL_INTERVAL', 60_000),
    checkAddressConflicts: !reader.flag('DISABLE_NODE_IP_CHECK', false),
    ...optional('asNumber', reader.as('AS')),
    ...optional('routerId', reader.text('CALICO_ROUTER_ID')),
    clusterIps: (reader.text('CALICO_ADVERTISE_CLUSTER_IPS') ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
    secretNamespace: reader.text('NAMESPACE') ?? 'kube-system',
    endpointStatusPrefix: reader.text('CALICO_ENDPOINT_STATUS_PATH_PREFIX') ?? '/var/run/calico',
    waitForDatastore: reader.flag('WAIT_FOR_DATASTORE', false),
    ...optional('clusterType', reader.text('CLUSTER_TYPE')),
    defaultPools: !reader.flag('NO_DEFAULT_POOLS', false),
    ipv4Pool: pool(reader, 4),
    ipv6Pool: pool(reader, 6),
  }
  return { options, problems: reader.problems }
}
