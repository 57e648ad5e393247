/**
 * The house as data: every room, its tier, what it may import and which packages from outside it may use. This is the
 * table of ARCHITECTURE.md in a form that can refuse. A room is a package or a driver folder (or file) inside one; a
 * driver is its package's subpath entry and is not subject to the package's purity.
 */

export interface Room {
  /** `datastore`, or `datastore/etcd` for a driver. */
  readonly name: string
  /** Below packages/, without a trailing slash; the longest match decides which room a file is in. */
  readonly path: string
  readonly tier: 0 | 1 | 2 | 3
  /** No I/O, no clock, no randomness. */
  readonly pure: boolean
  /** Other rooms, by the name after `@starling/`. */
  readonly imports: readonly string[]
  /** npm packages. */
  readonly external: readonly string[]
}

function room(
  tier: Room['tier'],
  name: string,
  imports: readonly string[] = [],
  external: readonly string[] = [],
  path = `${name}/src`,
): Room {
  return { name, path, tier, pure: tier < 2, imports, external }
}

/** A driver inside a package: tier 2, free to do I/O. It may use its package's own files. */
function driver(name: string, path: string, imports: readonly string[] = [], external: readonly string[] = []): Room {
  return { name, path, tier: 2, pure: false, imports, external }
}

const VOCABULARY = ['bgp-packet', 'bgp-packet/address', 'inet', 'resources']
const MACHINES = ['engine', 'intent', 'ipam', 'route-programmer', 'datastore']
const DRIVERS = [
  'datastore/clock',
  'datastore/embedded',
  'datastore/etcd',
  'datastore/file',
  'route-programmer/netlink',
  'route-programmer/remote',
]

export const ROOMS: readonly Room[] = [
  room(0, 'bgp-packet'),
  room(0, 'inet', ['bgp-packet/address']),
  room(0, 'netlink'),
  driver('netlink/socket', 'netlink/src/socket.ts', ['sys']),
  room(0, 'resources', ['inet', 'bgp-packet/address'], ['lossless-json', 'zod']),

  room(1, 'engine', ['bgp-packet', 'inet']),
  room(1, 'datastore'),
  driver('datastore/clock', 'datastore/src/clock'),
  driver('datastore/compliance', 'datastore/src/compliance', [], ['vitest']),
  driver('datastore/embedded', 'datastore/src/embedded'),
  driver('datastore/etcd', 'datastore/src/etcd', ['etcd3']),
  driver('datastore/file', 'datastore/src/file', ['resources'], ['yaml']),
  room(1, 'route-programmer', ['inet']),
  driver('route-programmer/compliance', 'route-programmer/src/compliance', ['inet'], ['vitest']),
  driver('route-programmer/netlink', 'route-programmer/src/netlink', ['inet', 'netlink', 'netlink/socket', 'sys']),
  driver('route-programmer/remote', 'route-programmer/src/remote', ['inet', 'sys']),
  room(1, 'intent', ['engine', 'resources', 'datastore', 'route-programmer', 'inet', 'bgp-packet/address']),
  room(1, 'ipam', ['datastore', 'resources', 'inet', 'bgp-packet/address']),

  room(2, 'sys', [], ['koffi']),
  room(2, 'etcd3', [], ['@grpc/grpc-js']),
  room(2, 'speaker', ['engine', 'bgp-packet', 'inet', 'sys']),
  driver('speaker/links', 'speaker/src/links', ['bgp-packet', 'inet', 'netlink', 'netlink/socket']),
  room(
    2,
    'api',
    ['engine', 'bgp-packet', 'inet', 'route-programmer'],
    ['fastify', '@fastify/swagger', 'prom-client', 'pino', 'pino-pretty'],
  ),

  room(3, 'daemon', [...VOCABULARY, 'engine', 'intent', 'datastore', ...DRIVERS, 'speaker', 'api', 'looking-glass']),
  room(3, 'bgp-client', [...VOCABULARY, ...MACHINES, ...DRIVERS, 'sys', 'speaker', 'speaker/links', 'api', 'daemon']),
  room(3, 'route-reflector', [...VOCABULARY, 'engine', 'intent', 'datastore', ...DRIVERS, 'speaker', 'api', 'daemon']),
  room(
    3,
    'lab',
    [
      'inet',
      'resources',
      'ipam',
      'datastore',
      'datastore/embedded',
      'datastore/etcd',
      'netlink',
      'netlink/socket',
      'sys',
    ],
    ['yaml'],
  ),
  room(
    3,
    'cli',
    [
      ...VOCABULARY,
      ...MACHINES,
      ...DRIVERS,
      'api',
      'daemon',
      'bgp-client',
      'bgp-client/host',
      'route-reflector',
      'lab',
    ],
    ['cli-table3', 'commander', 'unbzip2-stream', 'yaml'],
  ),
  room(3, 'looking-glass', ['api', 'engine', 'bgp-packet'], ['fastify', 'preact', 'uplot']),
  room(3, 'testkit', ['engine', 'bgp-packet', 'inet'], ['fast-check']),
]

/** npm packages that exactly one room may use: each stands for an effect that has exactly one place. */
export const SOLE_USERS: Readonly<Record<string, string>> = { koffi: 'sys', '@grpc/grpc-js': 'etcd3' }

/** What tests beside the source may use on top of their room. */
export const TEST_EXTERNAL = ['vitest', 'fast-check', 'yaml'] as const
export const TEST_IMPORTS = ['testkit', 'api/testing'] as const

export function roomOf(file: string): Room | undefined {
  const inside = file.startsWith('packages/') ? file.slice('packages/'.length) : ''
  return ROOMS.filter(({ path }) => inside === path || inside.startsWith(`${path}/`)).sort(
    (a, b) => b.path.length - a.path.length,
  )[0]
}
