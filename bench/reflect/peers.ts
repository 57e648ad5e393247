/**
 * Who is compared: how each daemon is started as a route reflector that takes every client of the range, and whether it is
 * installed at all. Each gets a folder of its own and stays in the foreground.
 */
import { execFileSync } from 'node:child_process'
import { accessSync, chmodSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { AS, RANGE, REFLECTOR } from './scenarios.js'

export interface Contender {
  readonly name: string
  /** The program that must be there. */
  readonly program: string
  /** Arguments that make it print its version, and where in the output it is. */
  readonly version: { readonly args: readonly string[]; readonly pattern: RegExp }
  /** Writes its configuration into the folder; returns its command line without the program. */
  prepare(folder: string): readonly string[]
}

function bird(folder: string): readonly string[] {
  writeFileSync(
    join(folder, 'conf'),
    `log "${folder}/log" { warning, error, fatal, bug };
router id ${REFLECTOR};
protocol device { }
protocol static { ipv4; route ${RANGE} via "lo"; }
protocol bgp clients {
  local ${REFLECTOR} as ${AS};
  neighbor range ${RANGE} as ${AS};
  dynamic name "client";
  multihop; passive;
  rr client; rr cluster id ${REFLECTOR};
  hold time 180; startup hold time 240;
  error wait time 1, 2; error forget time 1;
  ipv4 { import all; export where source = RTS_BGP; };
}
`,
  )
  return ['-f', '-c', join(folder, 'conf'), '-s', join(folder, 'ctl'), '-P', join(folder, 'pid')]
}

/** Its own delay of one second for updates (coalesce-time) is off: otherwise that is all one would measure. */
function frr(folder: string): readonly string[] {
  writeFileSync(
    join(folder, 'conf'),
    `frr defaults traditional
router bgp ${AS}
 bgp router-id ${REFLECTOR}
 bgp cluster-id ${REFLECTOR}
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 coalesce-time 0
 write-quanta 64
 read-quanta 10
 timers bgp 60 180
 bgp listen limit 5000
 neighbor clients peer-group
 neighbor clients remote-as ${AS}
 neighbor clients passive
 neighbor clients advertisement-interval 0
 bgp listen range ${RANGE} peer-group clients
 address-family ipv4 unicast
  neighbor clients activate
  neighbor clients route-reflector-client
 exit-address-family
`,
  )
  chmodSync(folder, 0o777)
  return [
    ...['-n', '-Z', '-S', '-u', 'root', '-g', 'root', '-f', join(folder, 'conf'), '-i', join(folder, 'pid')],
    ...[
      '-l',
      REFLECTOR,
      '-p',
      '179',
      '-A',
      '127.0.0.1',
      '-P',
      '0',
      '--vty_socket',
      folder,
      '-z',
      join(folder, 'zebra'),
    ],
    ...['--log', `file:${join(folder, 'log')}`, '--log-level', 'errors'],
  ]
}

function gobgp(folder: string): readonly string[] {
  writeFileSync(
    join(folder, 'conf'),
    `[global.config]
as = ${AS}
router-id = "${REFLECTOR}"
port = 179
local-address-list = ["${REFLECTOR}"]
[[peer-groups]]
[peer-groups.config]
peer-group-name = "clients"
peer-as = ${AS}
[peer-groups.transport.config]
passive-mode = true
[peer-groups.timers.config]
hold-time = 180
keepalive-interval = 60
idle-hold-time-after-reset = 1
[peer-groups.route-reflector.config]
route-reflector-client = true
route-reflector-cluster-id = "${REFLECTOR}"
[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[[dynamic-neighbors]]
[dynamic-neighbors.config]
prefix = "${RANGE}"
peer-group = "clients"
`,
  )
  return ['-t', 'toml', '-f', join(folder, 'conf'), '-l', 'error', '--api-hosts', '127.0.0.1:50051']
}

function openbgpd(folder: string): readonly string[] {
  const file = join(folder, 'conf')
  writeFileSync(
    file,
    `AS ${AS}
router-id ${REFLECTOR}
listen on ${REFLECTOR}
fib-update no
holdtime 180
socket "${folder}/ctl"
neighbor ${RANGE} {
  remote-as ${AS}
  passive
  route-reflector ${REFLECTOR}
  announce IPv4 unicast
}
allow from any
allow to any
`,
  )
  chmodSync(file, 0o600)
  // Its children chroot there.
  mkdirSync('/run/openbgpd', { recursive: true })
  return ['-d', '-f', file]
}

/** `bundle`: folder of `npm run bundle -- reflector`; `floor`: a program that forwards octets without a table. */
export function contenders(bundle: string, self: string): readonly Contender[] {
  const node = { program: process.execPath, version: { args: ['--version'], pattern: /v(\S+)/ } }
  const identity = ['--as', String(AS), '--router-id', REFLECTOR, '--cluster-id', REFLECTOR]
  const listen = ['--listen', `${REFLECTOR}:179`, '--accept', RANGE]
  return [
    {
      name: 'starling',
      ...node,
      prepare: () => [join(bundle, 'starling.js'), 'reflector', ...identity, ...listen, '--log-level', 'warn'],
    },
    { name: 'bird', program: 'bird', version: { args: ['--version'], pattern: /version (\S+)/ }, prepare: bird },
    {
      name: 'frr',
      program: '/usr/lib/frr/bgpd',
      version: { args: ['--version'], pattern: /version (\S+)/ },
      prepare: frr,
    },
    {
      name: 'openbgpd',
      program: '/usr/sbin/bgpd',
      version: { args: ['-V'], pattern: /OpenBGPD (\S+)/ },
      prepare: openbgpd,
    },
    { name: 'gobgp', program: 'gobgpd', version: { args: ['--version'], pattern: /version (\S+)/ }, prepare: gobgp },
    { name: 'floor', ...node, prepare: () => [self, '--floor'] },
  ]
}

/** The program's path, undefined when it is not installed. */
export function installed(program: string): string | undefined {
  const paths = program.startsWith('/')
    ? [program]
    : [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].map((path) =>
        join(path, program),
      )
  return paths.find((path) => {
    if (!existsSync(path)) return false
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** As the program says; empty when it will not. OpenBGPD says it on the error stream. */
export function versionOf({ program, version }: Contender): string {
  try {
    const path = installed(program) ?? program
    const text = execFileSync('sh', ['-c', `"${path}" ${version.args.join(' ')} 2>&1`], { timeout: 5_000 }).toString()
    return version.pattern.exec(text)?.[1] ?? ''
  } catch {
    return ''
  }
}
