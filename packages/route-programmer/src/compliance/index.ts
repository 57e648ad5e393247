/**
 * What every FIB driver must do, as checks that a test runner calls: the memory, netlink and remote drivers pass the same
 * ones. A `World` stands for the kernel behind a driver, with the hands of an administrator and of another program.
 */

import type { FibDriver, KernelEvent, RouteWrite } from '../driver.js'
import { type KernelRoute, PROTOCOL_BIRD, TABLE_MAIN } from '../routes.js'

/** A host with one interface `device` (up, with carrier), address 192.0.2.1/24 and 2001:db8::1/64. */
export { type TunnelCheck, type TunnelWorld, tunnelChecks } from './tunnels.js'

export interface World {
  open(): Promise<FibDriver>
  readonly device: string
  /** Another program's hands. The route goes through `device` via the gateway. */
  foreignAdd(prefix: Uint8Array, length: number, gateway: Uint8Array, metric: number): Promise<void>
  foreignDelete(prefix: Uint8Array, length: number, metric: number): Promise<void>
  /** Deletes a route of protocol 12, as somebody else. */
  deleteOurs(prefix: Uint8Array, length: number, metric: number): Promise<void>
  setDeviceUp(up: boolean): Promise<void>
  close(): Promise<void>
}

export interface ComplianceCheck {
  readonly name: string
  run(world: World): Promise<void>
}

const v4 = (...bytes: number[]) => Uint8Array.from(bytes)
const GATEWAY = v4(192, 0, 2, 9)
const OTHER_GATEWAY = v4(192, 0, 2, 10)
const PREFIX = v4(10, 65, 0, 0)
const linkLocal = (tail: number) => Uint8Array.of(0xfe, 0x80, ...new Array(13).fill(0), tail)
const v6 = (tail: number, subnet = 0) => Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, subnet, ...new Array(9).fill(0), tail)

function fail(message: string): never {
  throw new Error(message)
}

function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) fail(`${what}: ${a} instead of ${b}`)
}

async function deviceIndex(driver: FibDriver, world: World): Promise<number> {
  const { links } = await driver.read()
  return links.find((link) => link.name === world.device)?.index ?? fail(`no link ${world.device}`)
}

type HopSpec = { gateway?: Uint8Array; weight?: number; onlink?: boolean }

function route(ifindex: number, hops: readonly HopSpec[], change: Partial<KernelRoute> = {}): KernelRoute {
  return {
    destination: { family: 4, address: PREFIX, length: 26 },
    kind: 'unicast',
    table: TABLE_MAIN,
    metric: 1024,
    protocol: PROTOCOL_BIRD,
    scope: 0,
    nextHops: hops.map(({ gateway, weight, onlink }) => ({
      ...(gateway !== undefined && { gateway }),
      ifindex,
      onlink: onlink ?? false,
      weight: weight ?? 1,
    })),
    ...change,
  }
}

const ours = (routes: readonly KernelRoute[]) => routes.filter(({ protocol }) => protocol === PROTOCOL_BIRD)

/** A route as text without the order of its next hops. */
function text(of: KernelRoute): string {
  const hops = of.nextHops.map((hop) => `${hop.gateway ?? ''}%${hop.ifindex}${hop.onlink ? '!' : ''}*${hop.weight}`)
  const { address, length } = of.destination
  return [of.kind, `${address}/${length}`, of.table, of.metric, of.tos, hops.sort(), of.sourceAddress, of.mtu].join(' ')
}

async function written(driver: FibDriver, writes: readonly RouteWrite[]): Promise<readonly (string | number)[]> {
  return (await driver.write(writes)).map(({ errno, name }) => (errno === 0 ? 0 : (name ?? errno)))
}

/** Collects events and waits until one satisfies `wanted`. */
function watch(driver: FibDriver): (wanted: (event: KernelEvent) => boolean) => Promise<void> {
  const seen: KernelEvent[] = []
  let wake = () => {}
  driver.subscribe((events) => {
    seen.push(...events)
    wake()
  })
  return async (wanted) => {
    while (!seen.some(wanted)) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}

function aboutPrefix(event: KernelEvent, removed: boolean): boolean {
  if (event.type !== 'route' || event.removed !== removed) return false
  return String(event.route.destination.address) === String(PREFIX)
}

/** Routes every driver must write and read back as they were. */
const KINDS: readonly [name: string, make: (ifindex: number) => KernelRoute][] = [
  ['via a gateway', (i) => route(i, [{ gateway: GATEWAY }])],
  ['through a device', (i) => route(i, [{}], { scope: 253 })],
  ['onlink', (i) => route(i, [{ gateway: v4(198, 51, 100, 1), onlink: true }])],
  ['blackhole', (i) => route(i, [], { kind: 'blackhole' })],
  ['unreachable', (i) => route(i, [], { kind: 'unreachable' })],
  ['weighted multipath', (i) => route(i, [{ gateway: GATEWAY, weight: 3 }, { gateway: OTHER_GATEWAY }])],
  ['with source and MTU', (i) => route(i, [{ gateway: GATEWAY }], { sourceAddress: v4(192, 0, 2, 1), mtu: 1400 })],
  ['for one TOS', (i) => route(i, [{ gateway: GATEWAY }], { tos: 0x10 })],
  ['in another table', (i) => route(i, [{ gateway: GATEWAY }], { table: 1000 })],
  [
    'an IPv4 default',
    (i) => route(i, [{ gateway: GATEWAY }], { destination: { family: 4, address: v4(0, 0, 0, 0), length: 0 } }),
  ],
  [
    'IPv6 via a gateway',
    (i) => route(i, [{ gateway: v6(9) }], { destination: { family: 6, address: v6(0, 1), length: 48 } }),
  ],
  [
    'IPv6 multipath',
    (i) =>
      route(i, [{ gateway: v6(9) }, { gateway: v6(10) }], {
        destination: { family: 6, address: v6(0, 1), length: 48 },
      }),
  ],
  [
    'IPv6 blackhole',
    (i) => route(i, [], { kind: 'blackhole', destination: { family: 6, address: v6(0, 2), length: 64 } }),
  ],
  ['IPv4 through an IPv6 router', (i) => route(i, [{ gateway: linkLocal(9) }])],
  [
    'IPv4 multipath through IPv6 routers',
    (i) => route(i, [{ gateway: linkLocal(9), weight: 2 }, { gateway: linkLocal(10) }]),
  ],
  [
    'IPv6 multipath through routers on a link',
    (i) =>
      route(i, [{ gateway: linkLocal(9) }, { gateway: linkLocal(10) }], {
        destination: { family: 6, address: v6(0, 1), length: 48 },
      }),
  ],
]

const kindChecks: ComplianceCheck[] = KINDS.map(([name, make]) => ({
  name: `a route ${name} is read back as it was written`,
  run: async (world) => {
    const driver = await world.open()
    const wanted = make(await deviceIndex(driver, world))
    expectEqual(await written(driver, [{ op: 'add', route: wanted }]), [0], 'outcome')
    const { routes } = await driver.read()
    expectEqual(ours(routes).map(text), [text(wanted)], 'routes')
    expectEqual(await written(driver, [{ op: 'delete', route: wanted }]), [0], 'outcome of the deletion')
    expectEqual(ours((await driver.read()).routes), [], 'routes after the deletion')
    await driver.close()
  },
}))

export const complianceChecks: readonly ComplianceCheck[] = [
  ...kindChecks,
  {
    name: 'a replace swaps the way of a key and leaves one route',
    run: async (world) => {
      const driver = await world.open()
      const i = await deviceIndex(driver, world)
      const second = route(i, [{ gateway: OTHER_GATEWAY }])
      await driver.write([{ op: 'add', route: route(i, [{ gateway: GATEWAY }]) }])
      expectEqual(await written(driver, [{ op: 'replace', route: second }]), [0], 'outcome')
      expectEqual(ours((await driver.read()).routes).map(text), [text(second)], 'routes')
      await driver.write([{ op: 'delete', route: second }])
      await driver.close()
    },
  },
  {
    name: 'a failing write has its errno and does not stop those behind it',
    run: async (world) => {
      const driver = await world.open()
      const i = await deviceIndex(driver, world)
      const good = (third: number) =>
        route(i, [{ gateway: GATEWAY }], { destination: { family: 4, address: v4(10, 66, third, 0), length: 24 } })
      const writes: RouteWrite[] = [
        { op: 'add', route: good(1) },
        { op: 'add', route: route(i, [{ gateway: v4(203, 0, 113, 9) }]) },
        { op: 'add', route: good(2) },
        { op: 'delete', route: good(3) },
        { op: 'add', route: good(1) },
        { op: 'add', route: route(99_999, [{}], { scope: 253 }) },
      ]
      expectEqual(await written(driver, writes), [0, 'ENETUNREACH', 0, 'ESRCH', 'EEXIST', 'ENODEV'], 'outcomes')
      expectEqual(ours((await driver.read()).routes).length, 2, 'routes')
      await driver.write([1, 2].map((n) => ({ op: 'delete' as const, route: good(n) })))
      await driver.close()
    },
  },
  {
    name: 'an add never overwrites a foreign route and a delete never removes one',
    run: async (world) => {
      const driver = await world.open()
      const i = await deviceIndex(driver, world)
      await world.foreignAdd(PREFIX, 26, OTHER_GATEWAY, 1024)
      const wanted = route(i, [{ gateway: GATEWAY }])
      expectEqual(
        await written(driver, [
          { op: 'add', route: wanted },
          { op: 'delete', route: wanted },
        ]),
        ['EEXIST', 'ESRCH'],
        'outcomes',
      )
      const { routes } = await driver.read()
      const held = routes.filter(({ destination }) => String(destination.address) === String(PREFIX))
      expectEqual(
        held.map(({ protocol }) => protocol === PROTOCOL_BIRD),
        [false],
        'holder',
      )
      await world.foreignDelete(PREFIX, 26, 1024)
      await driver.close()
    },
  },
  {
    name: 'foreign changes are announced, own writes are not',
    run: async (world) => {
      const driver = await world.open()
      const until = watch(driver)
      const i = await deviceIndex(driver, world)
      const wanted = route(i, [{ gateway: GATEWAY }])
      let own = 0
      driver.subscribe((events) => {
        own += events.filter((event) => aboutPrefix(event, false)).length
      })
      await driver.write([{ op: 'add', route: wanted }])
      await world.deleteOurs(PREFIX, 26, 1024)
      await until((event) => aboutPrefix(event, true))
      expectEqual(own, 0, 'announcements of own writes')
      await world.foreignAdd(PREFIX, 26, GATEWAY, 77)
      await until((event) => aboutPrefix(event, false))
      await world.foreignDelete(PREFIX, 26, 77)
      await driver.close()
    },
  },
  {
    name: 'a link that goes down is announced and carries no route of ours any more',
    run: async (world) => {
      const driver = await world.open()
      const until = watch(driver)
      const i = await deviceIndex(driver, world)
      await driver.write([{ op: 'add', route: route(i, [{ gateway: GATEWAY }]) }])
      await world.setDeviceUp(false)
      await until((event) => event.type === 'link' && event.link.index === i && !event.link.up)
      expectEqual(ours((await driver.read()).routes).length, 0, 'routes')
      expectEqual(
        await written(driver, [{ op: 'add', route: route(i, [{}], { scope: 253 }) }]),
        ['ENETDOWN'],
        'outcome',
      )
      await world.setDeviceUp(true)
      await until((event) => event.type === 'link' && event.link.index === i && event.link.up)
      await driver.close()
    },
  },
  {
    name: 'a read in slices gives the same routes as a whole one',
    run: async (world) => {
      const driver = await world.open()
      const i = await deviceIndex(driver, world)
      const many = Array.from({ length: 3000 }, (_, n) =>
        route(i, [{ gateway: GATEWAY }], {
          destination: { family: 4, address: v4(10, 70, n >> 8, n & 255), length: 32 },
        }),
      )
      const outcomes = await written(
        driver,
        many.map((each) => ({ op: 'add' as const, route: each })),
      )
      expectEqual(
        outcomes.every((outcome) => outcome === 0),
        true,
        'outcomes',
      )
      const slices: KernelRoute[] = []
      const state = await driver.read((routes) => slices.push(...routes))
      expectEqual(state.routes.length, 0, 'routes of the sliced result')
      expectEqual(
        ours(slices).map(text).sort(),
        ours((await driver.read()).routes)
          .map(text)
          .sort(),
        'slices',
      )
      expectEqual(ours(slices).length, many.length, 'number of routes')
      await driver.write(many.map((each) => ({ op: 'delete' as const, route: each })))
      await driver.close()
    },
  },
  {
    name: 'routes stay when the driver is closed and a new one finds them',
    run: async (world) => {
      const first = await world.open()
      const i = await deviceIndex(first, world)
      const wanted = route(i, [{ gateway: GATEWAY }])
      await first.write([{ op: 'add', route: wanted }])
      await first.close()
      const second = await world.open()
      expectEqual(ours((await second.read()).routes).map(text), [text(wanted)], 'routes')
      await second.write([{ op: 'delete', route: wanted }])
      await second.close()
    },
  },
]
