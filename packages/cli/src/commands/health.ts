/**
 * `starling health`: one question to a running daemon, answered by the exit code. With `--bird-ready` and its like the
 * semantics are Calico's, so that its probes can be pointed here unchanged (calico.md 5.4).
 */
import { stat } from 'node:fs/promises'
import { DEFAULT_NODENAME_FILE } from '@starling/ipam'
import type { Command } from 'commander'
import type { ApiClient } from '../client/client.js'
import { CliError, EXIT, verdict } from '../exit.js'
import type { Io } from '../io.js'
import { addTarget, clientFor, type TargetOptions } from '../options.js'
import type { SummaryJson } from './show/lists.js'
import { type PeerJson, pages } from './show/views.js'

interface HealthOptions extends TargetOptions {
  readonly live?: boolean
  readonly birdReady?: boolean
  readonly bird6Ready?: boolean
  readonly birdLive?: boolean
  readonly bird6Live?: boolean
}

interface VerdictJson {
  readonly ok: boolean
  readonly policy: string
  readonly reasons: readonly { readonly code: string; readonly message: string }[]
}

/** Calico: this long after node startup every peer counts, later any one of them. */
const SETTLE_TIME = 30_000

export function register(program: Command, io: Io): void {
  addTarget(program.command('health').description('is the daemon well? The exit code says it'))
    .option('--live', 'ask whether a restart would help, not whether it is ready')
    .option('--bird-ready', "Calico's readiness rule for IPv4 peers")
    .option('--bird6-ready', "Calico's readiness rule for IPv6 peers")
    .option('--bird-live', 'the daemon answers')
    .option('--bird6-live', 'the daemon answers')
    .action(async (options: HealthOptions) => {
      const client = clientFor(options, io)
      const checks: Promise<string | undefined>[] = []
      if (options.birdReady === true) checks.push(birdReady(client, 'ipv4', io))
      if (options.bird6Ready === true) checks.push(birdReady(client, 'ipv6', io))
      if (options.birdLive === true) checks.push(birdLive(client, 'bird'))
      if (options.bird6Live === true) checks.push(birdLive(client, 'bird6'))
      if (checks.length === 0) return own(client, options.live === true ? '/livez' : '/readyz', io)
      const failures = (await Promise.all(checks)).filter((failure) => failure !== undefined)
      if (failures.length > 0) {
        io.error(`${failures.join('\n')}\n`)
        throw verdict(EXIT.failed)
      }
    })
}

async function own(client: ApiClient, path: string, io: Io): Promise<void> {
  const { text } = await client.fetch('GET', path)
  const answer = JSON.parse(text) as VerdictJson
  if (answer.ok) {
    io.write(`ok (${answer.policy})\n`)
    return
  }
  for (const { code, message } of answer.reasons) io.error(`${code}: ${message}\n`)
  throw verdict(EXIT.unhealthy)
}

/** Undefined: ready. The texts are those that Calico's operators know. */
async function birdReady(client: ApiClient, family: 'ipv4' | 'ipv6', io: Io): Promise<string | undefined> {
  const daemon = family === 'ipv4' ? 'BIRD' : 'BIRD6'
  const notReady = (why: string): string => `calico/node is not ready: ${daemon} is not ready: ${why}`
  const nodenameFile = io.env['CALICO_NODENAME_FILE'] ?? DEFAULT_NODENAME_FILE
  const started = await stat(nodenameFile).catch(() => undefined)
  if (started === undefined) return notReady(`Failed to stat() nodename file: ${nodenameFile} does not exist`)
  try {
    const { items } = await pages<PeerJson>(100_000, async (limit, cursor) => {
      const page = await client.get<{ peers: PeerJson[]; next?: string }>('/v1/peers', { limit, cursor })
      return { items: page.peers, ...(page.next === undefined ? {} : { next: page.next }) }
    })
    const peers = items.filter(
      (peer) => /^(Global|Node|Mesh)_/.test(peer.name) && peer.remoteAddress.includes(':') === (family === 'ipv6'),
    )
    const down = peers.filter((peer) => peer.state !== 'Established')
    if (peers.length === 0) return undefined
    const fresh = Date.now() - started.mtimeMs < SETTLE_TIME
    const failed = fresh ? down.length > 0 : down.length === peers.length
    if (failed) return notReady(`BGP not established with ${down.map((peer) => peer.remoteAddress).join(',')}`)
    if (!fresh) return undefined
    const { gracefulRestart } = await client.get<SummaryJson>('/v1/summary')
    return gracefulRestart.recovering ? notReady('graceful restart in progress') : undefined
  } catch (error) {
    if (error instanceof CliError) return notReady(error.message)
    throw error
  }
}

async function birdLive(client: ApiClient, daemon: string): Promise<string | undefined> {
  try {
    const { status } = await client.fetch('GET', '/livez')
    return status === 200 ? undefined : `calico/node is not live: ${daemon} is not live`
  } catch (error) {
    if (error instanceof CliError) return `calico/node is not live: ${daemon} is not live: ${error.message}`
    throw error
  }
}
