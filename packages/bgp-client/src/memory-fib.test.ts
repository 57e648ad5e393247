/** The in-memory FIB starts with the host's interfaces, so that next hops resolve as they would in its kernel. */
import { expect, test } from 'vitest'
import { memoryFib } from './memory-fib.js'

test('connected prefixes of the host’s interfaces are there, zones and unknown text are not', async () => {
  const base = { mac: '', internal: false, netmask: '', scopeid: 0 }
  const driver = memoryFib({
    lo: [{ ...base, family: 'IPv4', address: '127.0.0.1', cidr: '127.0.0.1/8' }],
    eth0: [
      { ...base, family: 'IPv4', address: '10.0.0.5', cidr: '10.0.0.5/24' },
      { ...base, family: 'IPv6', address: 'fd00::5', cidr: 'fd00::5/64' },
      { ...base, family: 'IPv4', address: 'nonsense', cidr: null },
    ],
  })
  const { routes, links } = await driver.read()
  expect(links.map(({ name }) => name)).toEqual(['lo', 'eth0'])
  const shown = routes.map(({ destination: { address, length } }) => `${[...address].slice(0, 4).join('.')}/${length}`)
  expect(shown).toEqual(expect.arrayContaining(['127.0.0.0/8', '10.0.0.0/24', '253.0.0.0/64']))
})
