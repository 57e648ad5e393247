/**
 * The one command that shows what Starling is, end to end from the built tree: `npm start -- --exit-when-converged`
 * brings the data centre up, prints the final tables, exits 0 and leaves nothing behind. In namespaces, inside a user
 * namespace, and on loopback addresses.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import {
  finished,
  hostLinks,
  LAB_STATE,
  PATIENTLY,
  PROGRAM,
  processesWith,
  starling,
  stateFolderExists,
} from './support.js'

needs('netns', 'userns')

const START = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url))

describe('the demo', () => {
  test('npm start converges, shows its tables, exits 0 and leaves nothing', async () => {
    const before = hostLinks()
    const { code, out, err } = await finished(spawn(process.execPath, [START, '--exit-when-converged', ...PATIENTLY]))
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toMatch(/Converged in [\d.]+ s/)
    expect(out).toMatch(/r1n1 +node +starling +64512 +2\/2 +10\.244\.\d+\.\d+\/26 +4\/4 +10\.244\.\d+\.\d+ +3\/3/)
    expect(out).toMatch(/tor1 +ToR +starling +64601 +4\/4 +- +4\/4/)
    expect(out.match(/[ie]BGP +Established/g)).toHaveLength(8)
    expect(processesWith(LAB_STATE)).toEqual([])
    expect(stateFolderExists('demo')).toBe(false)
    expect(hostLinks()).toEqual(before)
  })

  test('in a user namespace it does the same', async () => {
    const command = [
      '--user',
      '--map-root-user',
      '--net',
      process.execPath,
      PROGRAM,
      'lab',
      'demo',
      '--exit-when-converged',
      ...PATIENTLY,
    ]
    const env = { ...process.env, STARLING_LAB_USERNS: '1' }
    const { code, out, err } = await finished(spawn('unshare', command, { env }))
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toContain('network namespaces inside a user namespace')
    expect(out).toMatch(/r2n2 +node .* 3\/3/)
  })

  test('on loopback addresses sessions come up and routes stay in memory, and it says so', async () => {
    const { code, out, err } = await starling(['lab', 'demo', '--exit-when-converged', '--loopback', ...PATIENTLY])
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toContain('loopback addresses and routes in memory, no pods')
    expect(out.match(/[ie]BGP +Established/g)).toHaveLength(8)
  })

  test('a topology that does not parse is named with file, line and reason, and nothing is started', async () => {
    const { code, err } = await starling(['lab', 'demo', fileURLToPath(new URL('broken.yaml', import.meta.url))])
    expect(code).toBe(2)
    expect(err).toMatch(/broken\.yaml:4:\d+: no rack is named "nowhere"/)
  })
})
