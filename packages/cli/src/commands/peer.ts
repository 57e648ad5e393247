/**
 * `starling peer ...`, `drain`, `log-level`, `reload`: the changes that an operator may make to a running daemon.
 */
import { LOG_LEVELS } from '@starling/api'
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import type { Io } from '../io.js'
import { addTarget, clientFor, type TargetOptions } from '../options.js'

interface Outcome {
  readonly changed: boolean
  readonly detail: string
}

async function change(options: TargetOptions, io: Io, path: string, body: object, patience = 0): Promise<void> {
  const { changed, detail } = await clientFor(options, io).post<Outcome>(path, body, patience)
  io.write(`${detail}${changed ? '' : ' (nothing changed)'}\n`)
}

const REASON = 'said to the peer (RFC 9003) and kept in the log'

const OPERATIONS = [
  ['enable', 'let the session come up again'],
  ['disable', 'shut the session down (CEASE, Administrative Shutdown)'],
  ['restart', 'reset the session (CEASE, Administrative Reset)'],
] as const

export function registerPeer(program: Command, io: Io): void {
  const peer = program.command('peer').description('act on one session of a running daemon')
  for (const [operation, description] of OPERATIONS) {
    addTarget(peer.command(`${operation} <name>`).description(description))
      .option('--reason <text>', REASON)
      .action(async (name: string, options: TargetOptions & { reason?: string }) => {
        const reason = options.reason === undefined ? {} : { reason: options.reason }
        await change(options, io, `/v1/peers/${encodeURIComponent(name)}/actions`, { operation, ...reason })
      })
  }
  addTarget(peer.command('refresh <name>').description('ask for its routes again, or send ours again (RFC 2918)'))
    .addOption(new Option('--direction <which>', 'in: ask; out: send').choices(['in', 'out']).default('in'))
    .action(async (name: string, options: TargetOptions & { direction: 'in' | 'out' }) => {
      const operation = `refresh-${options.direction}`
      await change(options, io, `/v1/peers/${encodeURIComponent(name)}/actions`, { operation })
    })
}

export function registerDrain(program: Command, io: Io): void {
  addTarget(program.command('drain').description('take traffic away from this speaker, or bring it back'))
    .option('--undo', 'end the drain, as "undrain" does')
    .option('--timeout <seconds>', 'between marking the routes (GRACEFUL_SHUTDOWN) and withdrawing them', seconds)
    .option('--reason <text>', 'kept in the log')
    .action(async (options: TargetOptions & { undo?: boolean; reason?: string; timeout?: number }) => {
      const { reason, timeout } = options
      const body = {
        enabled: options.undo !== true,
        ...(reason === undefined ? {} : { reason }),
        ...(timeout === undefined ? {} : { timeout }),
      }
      // The answer comes when the routes are withdrawn.
      await change(options, io, '/v1/drain', body, (timeout ?? 0) * 1000)
    })
}

export function registerUndrain(program: Command, io: Io): void {
  addTarget(program.command('undrain').description('announce everything again after a drain')).action(
    async (options: TargetOptions) => change(options, io, '/v1/drain', { enabled: false }),
  )
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value >= 0 && value <= 3600)) throw new InvalidArgumentError('seconds between 0 and 3600')
  return value
}

export function registerLogLevel(program: Command, io: Io): void {
  const command = program.command('log-level').description('change how much a running daemon logs')
  addTarget(command.addArgument(new Argument('<level>').choices(LOG_LEVELS))).action(
    async (level: string, options: TargetOptions) => change(options, io, '/v1/log-level', { level }),
  )
}

export function registerReload(program: Command, io: Io): void {
  addTarget(program.command('reload').description('read the datastore again')).action(async (options: TargetOptions) =>
    change(options, io, '/v1/reload', {}),
  )
}
