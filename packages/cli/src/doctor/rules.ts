/**
 * What `starling doctor` thinks of a host: facts in, findings out, each with a way to put it right. No I/O here (facts.ts
 * looks), so that every finding can be shown in a test without breaking a machine for it.
 */

export type Role = 'node' | 'reflector'
export type Verdict = 'ok' | 'warning' | 'problem'

export interface Finding {
  readonly check: string
  readonly verdict: Verdict
  readonly found: string
  /** What to do; a command wherever one does it. */
  readonly fix?: string
}

export interface PortState {
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  readonly state: 'free' | 'taken' | 'forbidden'
  /** Who has it, as far as we may see. */
  readonly owner?: string
}

export interface Link {
  readonly name: string
  readonly mtu: number
  readonly addresses: readonly string[]
}

export interface StoreFacts {
  readonly description: string
  /** Why it cannot be read. */
  readonly error?: string
  readonly milliseconds?: number
  /** This node's own resource: its BGP addresses without their masks. */
  readonly node?: { readonly addresses: readonly string[] }
  readonly encapsulation?: { readonly ipip: boolean; readonly vxlan: boolean }
}

export interface HostFacts {
  readonly platform: string
  readonly nodeVersion: string
  readonly name: string
  readonly now: number
  readonly capabilities: {
    readonly netAdmin: boolean
    readonly netBindService: boolean
    readonly netRaw: boolean
  }
  readonly unprivilegedPortStart: number
  readonly sysctls: Readonly<Record<string, string | undefined>>
  /** Loaded or built in; `available` can be loaded. */
  readonly modules: Readonly<Record<string, 'loaded' | 'available' | 'absent'>>
  readonly ports: readonly PortState[]
  readonly processes: readonly string[]
  readonly synchronizedClock: boolean
  readonly links: readonly Link[]
  readonly openFiles: number
  /** A daemon of ours answers on the control socket. */
  readonly running: boolean
  readonly store?: StoreFacts
}

/** Nothing was released before this: a clock that says otherwise is wrong, and no certificate is valid for it. */
const EARLIEST = Date.UTC(2026, 0, 1)
const SPEAKERS = ['bird', 'bird6', 'bgpd', 'gobgpd', 'frr', 'exabgp', 'confd']
const SLOW_STORE_MS = 500
const OPEN_FILES = 4096

const ok = (check: string, found: string): Finding => ({ check, verdict: 'ok', found })
const warning = (check: string, found: string, fix: string): Finding => ({ check, verdict: 'warning', found, fix })
const problem = (check: string, found: string, fix: string): Finding => ({ check, verdict: 'problem', found, fix })

export function examine(facts: HostFacts, role: Role): Finding[] {
  return [
    platform(facts),
    ...powers(facts, role),
    ...ports(facts),
    ...rivals(facts),
    ...(role === 'node' ? [...forwarding(facts), ...modules(facts), ...mtus(facts)] : []),
    clock(facts),
    limits(facts),
    ...store(facts, role),
  ]
}

function platform({ platform: name, nodeVersion }: HostFacts): Finding {
  const [major = 0, minor = 0] = nodeVersion.replace('v', '').split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    return problem('platform', `Node.js ${nodeVersion}`, 'install Node.js 20.19 or newer; 24 is recommended')
  }
  const found = `${name}, Node.js ${nodeVersion}`
  if (name === 'linux') return ok('platform', found)
  return problem(
    'platform',
    found,
    'a speaker with kernel routes needs Linux; elsewhere only the commands that ask work',
  )
}

function powers({ capabilities, unprivilegedPortStart }: HostFacts, role: Role): Finding[] {
  const findings: Finding[] = []
  if (role === 'node') {
    findings.push(
      capabilities.netAdmin
        ? ok('CAP_NET_ADMIN', 'this process has it')
        : problem(
            'CAP_NET_ADMIN',
            'this process lacks it: no kernel route can be written',
            'run as root, add NET_ADMIN to the container or the unit; or run `starling programmer` beside it and give --fib remote:PATH',
          ),
      // No warning: most nodes need it for nothing.
      ok(
        'CAP_NET_RAW',
        capabilities.netRaw
          ? 'this process has it'
          : 'this process lacks it: no unnumbered peers, and a wrong password is named as probable only (docs/guides/security.md)',
      ),
    )
  }
  findings.push(
    capabilities.netBindService || unprivilegedPortStart <= 179
      ? ok('port 179', 'this process may open it')
      : problem(
          'port 179',
          'this process may not open it',
          'add NET_BIND_SERVICE, or: sysctl -w net.ipv4.ip_unprivileged_port_start=179',
        ),
  )
  return findings
}

const ports = ({ ports: states, running }: HostFacts): Finding[] =>
  states.map(({ port, protocol, state, owner }) => {
    const check = `${protocol} port ${port}`
    if (state === 'free') return ok(check, 'free')
    if (state === 'forbidden')
      return warning(check, 'could not be tried: not permitted', 'run doctor as the daemon runs')
    const by = owner ?? 'a process that we may not see'
    if (running && (owner === undefined || /^(node|starling|bird)\b/.test(owner)))
      return ok(check, `in use by ${by}: a Starling runs here`)
    return problem(check, `in use by ${by}`, `stop ${by} first; who it is: ss -lnp 'sport = :${port}'`)
  })

function rivals({ processes, running }: HostFacts): Finding[] {
  // `starling node --process-name bird` is called bird and is not one.
  const found = SPEAKERS.filter((name) => processes.includes(name) && !(running && name === 'bird'))
  if (found.length === 0) return [ok('other daemons', 'no other BGP daemon runs here')]
  return [
    problem(
      'other daemons',
      `${found.join(', ')} run here: two daemons would write the same routes`,
      'with Calico set CALICO_NETWORKING_BACKEND=vxlan on calico-node (docs/guides/migration.md); otherwise stop them',
    ),
  ]
}

function forwarding({ sysctls, links }: HostFacts): Finding[] {
  const inet6 = links.some(({ addresses }) => addresses.some((each) => each.includes(':') && !/^(fe80|::1)/.test(each)))
  const wanted = ['net.ipv4.ip_forward', ...(inet6 ? ['net.ipv6.conf.all.forwarding'] : [])]
  return wanted.map((name) =>
    sysctls[name] === '1'
      ? ok(name, '1')
      : problem(name, sysctls[name] ?? 'unknown', `sysctl -w ${name}=1, and a file in /etc/sysctl.d so that it stays`),
  )
}

function modules({ modules: states, store: facts }: HostFacts): Finding[] {
  const needed = { ipip: facts?.encapsulation?.ipip, vxlan: facts?.encapsulation?.vxlan }
  return Object.entries(needed).map(([name, wanted]) => {
    const check = `kernel module ${name}`
    const state = states[name] ?? 'absent'
    if (wanted === undefined) return ok(check, `${state}; whether a pool needs it is unknown`)
    if (!wanted) return ok(check, `${state}; no pool needs it`)
    if (state === 'loaded') return ok(check, 'loaded')
    if (state === 'available') return ok(check, 'loaded when the first tunnel is made')
    return problem(
      check,
      'a pool needs it and this kernel has none',
      `modprobe ${name}; or install the modules of this kernel`,
    )
  })
}

/** Outer header of each tunnel (calico.md 3.7). */
const OVERHEAD: Readonly<Record<string, number>> = { tunl0: 20, 'vxlan.calico': 50, 'vxlan-v6.calico': 70 }

function mtus({ links }: HostFacts): Finding[] {
  const outside = links.filter(
    ({ name, addresses }) => !(name in OVERHEAD) && addresses.length > 0 && !/^(lo|cali|veth)/.test(name),
  )
  const smallest = Math.min(...outside.map(({ mtu }) => mtu))
  if (outside.length === 0) return []
  const tooLarge = links.flatMap(({ name, mtu }) => {
    const room = smallest - (OVERHEAD[name] ?? Number.POSITIVE_INFINITY)
    return mtu > room && room > 0
      ? [
          problem(
            `MTU of ${name}`,
            `${mtu}, and ${room} is what fits`,
            `ip link set ${name} mtu ${room}; or the mtu of FelixConfiguration`,
          ),
        ]
      : []
  })
  return tooLarge.length > 0 ? tooLarge : [ok('MTU', `${smallest} outside, tunnels fit`)]
}

function clock({ now, synchronizedClock }: HostFacts): Finding {
  const time = new Date(now).toISOString()
  if (now < EARLIEST) return problem('clock', `${time} cannot be`, 'set the clock: certificates are judged by it')
  if (synchronizedClock) return ok('clock', `${time}, synchronized`)
  return warning(
    'clock',
    `${time}; nothing seems to keep it right`,
    'run chrony or systemd-timesyncd: certificates and logs need it',
  )
}

const limits = ({ openFiles }: HostFacts): Finding =>
  openFiles >= OPEN_FILES
    ? ok('open files', `up to ${openFiles}`)
    : warning('open files', `only ${openFiles}`, `ulimit -n 65536, or LimitNOFILE of the unit: each session is a file`)

function store({ store: facts, name, links }: HostFacts, role: Role): Finding[] {
  if (facts === undefined) {
    return [warning('datastore', 'none was named', 'give --datastore, or set ETCD_ENDPOINTS, to have it looked at')]
  }
  const { description, error, milliseconds = 0, node } = facts
  if (error !== undefined) {
    return [
      problem(
        'datastore',
        `${description}: ${error}`,
        'check the address, the firewall, ETCD_CA_CERT_FILE and the certificate',
      ),
    ]
  }
  const reach =
    milliseconds > SLOW_STORE_MS
      ? warning('datastore', `${description} answered after ${milliseconds} ms`, 'look at etcd: changes will be late')
      : ok('datastore', `${description} answered within ${milliseconds} ms`)
  if (node === undefined) {
    const fix =
      role === 'node'
        ? 'starling register, or the name of the Node resource with --name'
        : 'create the Node resource with routeReflectorClusterID'
    return [reach, problem('Node resource', `there is none called ${name}`, fix)]
  }
  const here = new Set(links.flatMap(({ addresses }) => addresses))
  const elsewhere = node.addresses.filter((address) => !here.has(address))
  if (node.addresses.length === 0)
    return [reach, problem('Node resource', `${name} has no BGP address`, 'starling register')]
  return [
    reach,
    elsewhere.length === 0
      ? ok('Node resource', `${name} has ${node.addresses.join(' and ')}`)
      : problem(
          'Node resource',
          `${name} has ${elsewhere.join(' and ')}, which no interface here has`,
          'starling register; or fix spec.bgp of the Node',
        ),
  ]
}
