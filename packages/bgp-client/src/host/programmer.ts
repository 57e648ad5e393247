/**
 * `starling programmer`: the process that may write the kernel's tables and does nothing else (issue: privilege
 * separation as a deployment choice). No datastore, no BGP, no API; a Unix socket, and who may connect to it.
 */
import { socketAnswers } from '@starling/api'
import { type Daemon, runUntilSignal } from '@starling/daemon'
import { NetlinkDriver, NetlinkTunnelDriver } from '@starling/route-programmer/netlink'
import { serveProgrammer } from '@starling/route-programmer/remote'
import { capabilities } from '@starling/sys'
import { claimKernel } from '../kernel-claim.js'

export interface ProgrammerProcessOptions {
  readonly path: string
  /** Users who may connect beside root and the programmer's own. */
  readonly allowUids: readonly number[]
  /** Tables clients may write in; the main table when absent. */
  readonly tables?: readonly number[]
  log(text: string): void
}

/** Who is let in is decided by credentials; then the file's mode must not stand in the way. */
const OPEN_TO_ALL = 0o666
const OPEN_TO_GROUP = 0o660

/** Runs until a signal; resolves with the exit code. Rejects with words when it cannot start. */
export async function runProgrammer(options: ProgrammerProcessOptions): Promise<number> {
  const { path, allowUids, tables, log } = options
  if (!capabilities().netAdmin) {
    throw new Error('programming kernel routes needs CAP_NET_ADMIN, and nothing else: run as root or grant it')
  }
  if (await socketAnswers(path)) throw new Error(`another programmer listens on ${path}`)
  const own = process.getuid?.() ?? 0
  const allowed = new Set([0, own, ...allowUids])
  const server = serveProgrammer({
    path,
    open: () => new NetlinkDriver(),
    openTunnels: () => new NetlinkTunnelDriver(),
    allow: ({ uid }) => allowed.has(uid),
    mode: allowUids.length > 0 ? OPEN_TO_ALL : OPEN_TO_GROUP,
    ...(tables === undefined ? {} : { tables }),
    log,
    claim: (node) => claimKernel({ node: `${node} by way of a programmer`, warn: log }),
  })
  await server.ready
  log(`listening on ${path} for users ${[...allowed].join(', ')}`)
  const daemon: Daemon = { stop: () => server.close() }
  return runUntilSignal(daemon, log)
}
