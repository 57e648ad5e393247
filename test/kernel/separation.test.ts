/**
 * Privilege separation: the programmer runs as nobody with NET_ADMIN and no other capability; its client, here the test,
 * only has the Unix socket. Either side is killed and restarted while a ping runs; no packet is lost.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countStates, RouteProgrammer } from '@starling/route-programmer'
import { systemClock } from '@starling/route-programmer/netlink'
import { RemoteDriver } from '@starling/route-programmer/remote'
import { describe, expect, it } from 'vitest'
import { bundled } from '../support/bundle.js'
import { needs } from '../support/needs.js'
import { parseWish } from './agent.js'
import { eventually } from './netns.js'
import { Rack, startPing } from './rack.js'

needs('root', 'netns', 'ip', 'ping', 'setpriv')

const SERVER = `
import { serveProgrammer } from '@starling/route-programmer/remote'
import { NetlinkDriver } from '@starling/route-programmer/netlink'
import { readFileSync } from 'node:fs'
const caps = /CapEff:\\s*(\\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]
const server = serveProgrammer({ path: process.argv[2], open: () => new NetlinkDriver(), allow: () => true })
await server.ready
console.log('READY ' + process.getuid() + ' ' + BigInt('0x' + caps).toString(2).split('1').length)
`

const NOBODY = '65534'

describe('privilege separation', () => {
  it('either half restarts without a lost packet', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'starling-separation-'))
    chmodSync(folder, 0o777)
    const rack = new Rack()
    const path = join(folder, 'programmer.sock')
    const children: ChildProcess[] = []
    const startServer = async () => {
      const confine = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', '--no-new-privs']
      const keep = ['--inh-caps=-all,+net_admin', '--ambient-caps=-all,+net_admin', '--bounding-set=-all,+net_admin']
      const program = [process.execPath, bundle, path]
      const args = ['netns', 'exec', rack.host.name, 'setpriv', ...confine, ...keep, ...program]
      const child = spawn('ip', args)
      children.push(child)
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
      await eventually('the programmer listens', () => output.includes('READY')).catch((error: Error) => {
        throw new Error(`${error.message}: ${output}`)
      })
      expect(output, 'uid, and one capability').toContain(`READY ${NOBODY} 2`)
      return child
    }
    const startClient = async () => {
      const client = new RouteProgrammer(new RemoteDriver(path), systemClock)
      client.set(parseWish('10.100.0.0/24=10.1.0.2'))
      client.start()
      await eventually('installed', () => countStates(client.reconciler).installed === 1)
      return client
    }
    const bundle = await bundled('programmer', import.meta.dirname, SERVER)
    try {
      const server = await startServer()
      const first = await startClient()
      const ping = await startPing(rack.host, '10.100.0.5', 2)
      await first.stop()
      const second = await startClient()
      expect(second.reconciler.counters).toMatchObject({ added: 0, replaced: 0 })
      const gone = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGKILL')
      await gone
      await startServer()
      second.set(parseWish('10.102.0.0/24=10.2.0.2'))
      await eventually('the client found the new programmer', () => rack.routes().length === 2)
      const { sent, received } = await ping.stop()
      await second.stop()
      expect(received).toBeGreaterThan(50)
      expect(sent - received).toBe(0)
    } finally {
      for (const child of children) child.kill('SIGKILL')
      rack.destroy()
      rmSync(folder, { recursive: true, force: true })
      rmSync(bundle, { force: true })
    }
  })
})
