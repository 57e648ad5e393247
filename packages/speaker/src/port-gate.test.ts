/** The gate before the first speaker: closed while somebody listens, open the moment he has gone. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { PORT_RETRY } from './limits.js'
import { isTaken, PortGate } from './port-gate.js'

const ADDRESS = '127.0.0.1'
let server: Server
let port = 0

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  server = createServer().listen(0, ADDRESS)
  await once(server, 'listening')
  port = (server.address() as { port: number }).port
})
afterEach(() => {
  vi.useRealTimers()
  server.close()
})

const gone = async () => {
  server.close()
  await once(server, 'close')
}

test('a port somebody listens on is taken, also for the wildcard; a free one and an absent address are not', async () => {
  expect(isTaken({ address: ADDRESS, port })).toBe(true)
  expect(isTaken({ address: '0.0.0.0', port })).toBe(true)
  expect(isTaken({ address: '::', port })).toBe(false)
  expect(isTaken({ address: '192.0.2.1', port })).toBe(false)
  await gone()
  expect(isTaken({ address: ADDRESS, port })).toBe(false)
})

test('it says once that it waits, and once that it is over', async () => {
  const said: string[] = []
  const gate = new PortGate({ held: ({ port }) => said.push(`held ${port}`), free: () => said.push('free') })
  expect(gate.open([{ address: ADDRESS, port }])).toBe(false)
  vi.advanceTimersByTime(PORT_RETRY * 4)
  expect(gate.open([{ address: ADDRESS, port }])).toBe(false)
  expect(gate.held).toEqual({ address: ADDRESS, port })
  await gone()
  vi.advanceTimersByTime(PORT_RETRY)
  expect(gate.held).toBeUndefined()
  expect(gate.open([{ address: ADDRESS, port }])).toBe(true)
  vi.advanceTimersByTime(PORT_RETRY * 4)
  expect(said).toEqual([`held ${port}`, 'free'])
})

test('closed, it never opens', async () => {
  const free = vi.fn()
  const gate = new PortGate({ held: () => undefined, free })
  gate.open([{ address: ADDRESS, port }])
  gate.close()
  await gone()
  vi.advanceTimersByTime(PORT_RETRY * 4)
  expect(free).not.toHaveBeenCalled()
})
