/**
 * Upgrades in a loop under a ping flood between two pods (one packet every 2 ms): how many packets are lost, and how long
 * until everything is as before. The agent as one process, and separated into programmer and speaker. Needs root and the
 * built tree.
 *
 *   npm run bench -- upgrade [--rounds 20]
 */

import { upgrades } from '../../test/support/upgrades.js'

export async function run(args: readonly string[] = []): Promise<void> {
  const at = args.indexOf('--rounds')
  const rounds = at < 0 ? 20 : Number(args[at + 1])
  const rows = []
  for (const separated of [false, true]) {
    const { slowest, ...result } = await upgrades(rounds, separated, console.log)
    const agent = separated ? 'programmer and speaker' : 'one process'
    rows.push({ agent, ...result, 'slowest ms': slowest.toFixed(0) })
  }
  console.table(rows)
}
