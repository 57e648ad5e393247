/**
 * `starling record PEER --file FILE`: everything the daemon's engine is told about the peer's session, as JSON lines, until
 * the session ends, the file is large enough or Ctrl-C. A session that is up is recorded from its present state on.
 * `starling record --replay FILE` plays it to a fresh engine and says whether it judges as the daemon did: evidence that
 * travels; with `--mrt` it goes to tools that read MRT.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { CliError, EXIT, usage, verdict } from '../exit.js'
import type { Io } from '../io.js'
import { addTarget, clientFor, type TargetOptions } from '../options.js'
import { harmless } from '../output/text.js'

interface RecordOptions extends TargetOptions {
  readonly file?: string
  readonly restart?: boolean
  readonly maxSize: number
  readonly replay?: string
  readonly mrt?: string
}

const MEGABYTE = 1024 * 1024
/** Larger than any recording we write ourselves. */
const LONGEST = 1024 * MEGABYTE

function megabytes(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1024)) throw new InvalidArgumentError('A number of megabytes up to 1024.')
  return value
}

export function register(program: Command, io: Io): void {
  addTarget(
    program.command('record [peer]').description("write a session's inputs to a file, or play such a file again"),
  )
    .option('-f, --file <file>', 'where to; it must not exist')
    .option('--restart', 'reset the session first, and record the one that comes then')
    .option('--max-size <megabytes>', 'stop at this size', megabytes, 64)
    .option('--replay <file>', 'play a recording to a fresh engine and compare')
    .option('--mrt <file>', "with --replay: write the peer's messages as MRT as well; it must not exist")
    .action(async (peer: string | undefined, options: RecordOptions) => {
      if (options.replay !== undefined) return replay(options.replay, options.mrt, io)
      if (options.mrt !== undefined) throw usage('--mrt goes with --replay FILE')
      if (peer === undefined || options.file === undefined) throw usage('record PEER --file FILE, or --replay FILE')
      await record(peer, options.file, options, io)
    })
}

interface Line {
  readonly input?: string
  readonly output?: string
  readonly reason?: string
}

async function record(peer: string, file: string, options: RecordOptions, io: Io): Promise<void> {
  const client = clientFor(options, io)
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  io.signal.addEventListener('abort', interrupt)
  process.once('SIGINT', interrupt)
  const path = `/v1/peers/${encodeURIComponent(peer)}`
  await client.get(path)
  const target = create(file)
  const from = options.restart === true ? 'next' : 'now'
  let size = 0
  let lines = 0
  let end = 'interrupted'
  try {
    for await (const line of client.events<Line>(`${path}/record`, { from }, stop.signal)) {
      const text = `${JSON.stringify(line)}\n`
      size += Buffer.byteLength(text)
      if (size > options.maxSize * MEGABYTE) {
        end = `${options.maxSize} MB are full`
        stop.abort()
        break
      }
      writeSync(target, text)
      if (lines++ === 0) {
        io.error(`recording ${from === 'next' ? 'the next session of ' : ''}${harmless(peer)} to ${file}\n`)
        if (options.restart === true)
          await client.post(`${path}/actions`, { operation: 'restart', reason: 'recording' })
      }
      if (line.output === 'end') end = line.reason ?? 'the daemon ended it'
    }
  } finally {
    process.off('SIGINT', interrupt)
    closeSync(target)
  }
  io.write(`${lines} lines: ${harmless(end)}\n`)
}

function create(file: string): number {
  try {
    // Everything the peer says stands in it: not for everybody's eyes.
    return openSync(file, 'wx', 0o600)
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error))
  }
}

function writeMrt(file: string, records: Iterable<Uint8Array>, io: Io): void {
  const target = create(file)
  let count = 0
  try {
    for (const record of records) {
      writeSync(target, record)
      count++
    }
  } finally {
    closeSync(target)
  }
  io.write(`${count} MRT records in ${file}\n`)
}

async function replay(file: string, mrt: string | undefined, io: Io): Promise<void> {
  const { fromLines, recordingToMrt, replayRecording } = await import('@starling/daemon')
  const result = (() => {
    try {
      const text = readFileSync(file, 'utf8')
      if (text.length > LONGEST) throw new Error('longer than any recording')
      const lines = fromLines(text)
      const result = replayRecording(lines)
      if (mrt !== undefined) writeMrt(mrt, recordingToMrt(lines), io)
      return result
    } catch (error) {
      if (error instanceof CliError) throw error
      throw new CliError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
    }
  })()
  const longest = Math.max(result.recorded.length, result.replayed.length)
  for (let i = 0; i < longest; i++) {
    const [said, says] = [result.recorded[i], result.replayed[i]].map((event) =>
      event === undefined ? 'nothing' : harmless(JSON.stringify(event)),
    ) as [string, string]
    io.write(said === says ? `  ${says}\n` : `- ${said}\n+ ${says}\n`)
  }
  io.write(`${result.routes.length} routes received by the end\n`)
  io.write(result.same ? 'the replay says the same\n' : 'the replay differs (- recorded, + replayed)\n')
  if (!result.same) throw verdict(EXIT.unhealthy)
}
