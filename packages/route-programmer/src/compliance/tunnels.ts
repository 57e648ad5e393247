/**
 * What every tunnel driver must do, as checks over VXLAN devices, which every kernel of ours has: made, configured, read
 * back, everything twice, and the errors that say what is missing.
 */

import type { ActualTunnel, DesiredTunnel, TunnelDriver, TunnelOperation } from '../tunnels/types.js'

export interface TunnelWorld {
  /** An interface that is up. */
  readonly parent: string
  open(): Promise<TunnelDriver>
  close(): Promise<void>
}

export interface TunnelCheck {
  readonly name: string
  run(world: TunnelWorld): Promise<void>
}

const DEVICE = 'vxlan.calico'
const MAC = Uint8Array.of(0x66, 1, 2, 3, 4, 5)
const OTHER_MAC = Uint8Array.of(0x66, 9, 9, 9, 9, 9)
const REMOTE = Uint8Array.of(0x66, 7, 7, 7, 7, 7)
const OWN = Uint8Array.of(10, 65, 1, 1)
const VTEP = Uint8Array.of(10, 65, 2, 1)
const NODE = Uint8Array.of(192, 0, 2, 2)
const OTHER_NODE = Uint8Array.of(192, 0, 2, 3)

const tunnel = (parent: string): DesiredTunnel => ({
  name: DEVICE,
  kind: 'vxlan',
  mtu: 1400,
  mac: MAC,
  vxlan: { id: 4097, port: 4790, parent, local: Uint8Array.of(192, 0, 2, 1) },
})

const whole = (parent: string): TunnelOperation[] => [
  { op: 'create', tunnel: tunnel(parent) },
  { op: 'configure', device: DEVICE, mtu: 1400 },
  { op: 'add-address', device: DEVICE, bytes: OWN, length: 32 },
  { op: 'add-neighbour', device: DEVICE, address: VTEP, mac: REMOTE },
  { op: 'add-forwarding', device: DEVICE, mac: REMOTE, node: NODE },
]

const list = (bytes: Uint8Array | undefined): string => (bytes === undefined ? '' : Array.from(bytes).join('.'))

/** One line per fact; link-local addresses are the kernel's own. */
function text(device: ActualTunnel | undefined): string {
  if (device === undefined) return 'no device'
  const { kind, up, mtu, mac, vxlan, addresses, neighbours, forwarding } = device
  return [
    `${kind} ${up ? 'up' : 'down'} mtu ${mtu} mac ${list(mac)}`,
    `vni ${vxlan?.id} port ${vxlan?.port} on ${vxlan?.parent} from ${list(vxlan?.local)}`,
    ...addresses
      .filter(({ bytes }) => bytes.length === 4)
      .map(({ bytes, length }) => `address ${list(bytes)}/${length}`),
    ...neighbours.map(({ address, mac: of }) => `neighbour ${list(address)} ${list(of)}`),
    ...forwarding.map(({ mac: of, node }) => `forwarding ${list(of)} ${list(node)}`),
  ].join('\n')
}

const shown = async (driver: TunnelDriver): Promise<string> => text((await driver.read([DEVICE]))[0])

function expectText(actual: string, expected: string, what: string): void {
  if (actual !== expected) throw new Error(`${what}: expected\n${expected}\nbut it is\n${actual}`)
}

async function apply(driver: TunnelDriver, operations: readonly TunnelOperation[]): Promise<string> {
  return (await driver.apply(operations)).map(({ errno, name }) => (errno === 0 ? '' : (name ?? `${errno}`))).join(' ')
}

const complete = (parent: string): string =>
  [
    `vxlan up mtu 1400 mac ${list(MAC)}`,
    `vni 4097 port 4790 on ${parent} from 192.0.2.1`,
    'address 10.65.1.1/32',
    `neighbour 10.65.2.1 ${list(REMOTE)}`,
    `forwarding ${list(REMOTE)} 192.0.2.2`,
  ].join('\n')

const check = (name: string, run: (driver: TunnelDriver, parent: string) => Promise<void>): TunnelCheck => ({
  name,
  run: async (world) => {
    const driver = await world.open()
    try {
      await run(driver, world.parent)
    } finally {
      await driver.close()
    }
  },
})

export const tunnelChecks: readonly TunnelCheck[] = [
  check('a device with all its entries is read back as it was asked for', async (driver, parent) => {
    expectText(await shown(driver), 'no device', 'before')
    expectText(await apply(driver, whole(parent)), '    ', 'outcomes')
    expectText(await shown(driver), complete(parent), 'after')
    expectText(String((await driver.read(['tunl0'])).length), '0', 'devices that were not asked about')
  }),
  check('everything twice is the same as once', async (driver, parent) => {
    await driver.apply(whole(parent))
    expectText(await apply(driver, whole(parent)), '    ', 'outcomes')
    expectText(await shown(driver), complete(parent), 'after')
  }),
  check('entries are replaced, removed, and may be gone already', async (driver, parent) => {
    await driver.apply(whole(parent))
    await driver.apply([
      { op: 'add-neighbour', device: DEVICE, address: VTEP, mac: OTHER_MAC },
      { op: 'add-forwarding', device: DEVICE, mac: REMOTE, node: OTHER_NODE },
    ])
    const replaced = await shown(driver)
    const expected = complete(parent)
      .replace(`10.65.2.1 ${list(REMOTE)}`, `10.65.2.1 ${list(OTHER_MAC)}`)
      .replace(`${list(REMOTE)} 192.0.2.2`, `${list(REMOTE)} 192.0.2.3`)
    expectText(replaced, expected, 'replaced')
    const removal: TunnelOperation[] = [
      { op: 'remove-neighbour', device: DEVICE, address: VTEP, mac: OTHER_MAC },
      { op: 'remove-forwarding', device: DEVICE, mac: REMOTE, node: OTHER_NODE },
      { op: 'remove-address', device: DEVICE, bytes: OWN, length: 32 },
    ]
    for (const times of ['once', 'twice']) expectText(await apply(driver, removal), '  ', `removed ${times}`)
    expectText(await shown(driver), complete(parent).split('\n').slice(0, 2).join('\n'), 'removed')
  }),
  check('a MAC that is set drops the neighbours and nothing else', async (driver, parent) => {
    await driver.apply(whole(parent))
    await driver.apply([{ op: 'configure', device: DEVICE, mtu: 1300, mac: OTHER_MAC }])
    const lines = complete(parent).replace('1400', '1300').replace(list(MAC), list(OTHER_MAC)).split('\n')
    expectText(await shown(driver), lines.filter((line) => !line.startsWith('neighbour')).join('\n'), 'after')
  }),
  check('what needs a device or an interface that is not there says so; removals are content', async (driver) => {
    expectText(
      await apply(driver, [
        { op: 'create', tunnel: tunnel('nowhere') },
        { op: 'configure', device: DEVICE, mtu: 1400 },
        { op: 'add-address', device: DEVICE, bytes: OWN, length: 32 },
        { op: 'delete', device: DEVICE },
        { op: 'remove-address', device: DEVICE, bytes: OWN, length: 32 },
      ]),
      'ENODEV ENODEV ENODEV  ',
      'outcomes',
    )
  }),
  check('a device that is deleted takes everything along', async (driver, parent) => {
    await driver.apply(whole(parent))
    expectText(await apply(driver, [{ op: 'delete', device: DEVICE }]), '', 'outcome')
    expectText(await shown(driver), 'no device', 'after')
  }),
]
