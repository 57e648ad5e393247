/**
 * `starling decode`: BGP bytes to words. The work is in `src/decode/`.
 */
import { once } from 'node:events'
import type { DecodeOptions } from '@starling/bgp-packet'
import type { Command } from 'commander'
import { CliError, EXIT, usage, verdict } from '../exit.js'
import type { Io } from '../io.js'

interface DecodeWords {
  readonly mrt?: string
  readonly pcap?: string
  readonly json?: boolean
  readonly bgpdump?: boolean
  readonly as4: boolean
  readonly ibgp?: boolean
  readonly addPath?: boolean
  readonly extended?: boolean
}

export function register(program: Command, io: Io): void {
  program
    .command('decode')
    .description('BGP messages (hexadecimal or JSON lines on standard input, MRT, pcap) to words')
    .option('--mrt <file>', 'an MRT file, also packed with gzip or bzip2')
    .option('--pcap <file>', 'a capture, pcap or pcapng')
    .option('--json', 'JSON lines in place of trees')
    .option('--bgpdump', 'with --mrt: lines as `bgpdump -m` prints them')
    .option('--no-as4', 'the session has 2-octet AS numbers')
    .option('--ibgp', 'the session is internal')
    .option('--add-path', 'prefixes carry path identifiers (RFC 7911)')
    .option('--extended', 'messages may be up to 65535 octets (RFC 8654)')
    .action(async (options: DecodeWords) => {
      if (options.mrt !== undefined && options.pcap !== undefined) throw usage('--mrt and --pcap exclude each other')
      const { runDecode } = await import('../decode/command.js')
      const { InputError } = await import('../decode/input-error.js')
      // A table is many times larger decoded: it is written at the speed of its reader, and not at all once the reader is gone.
      const write = async (text: string): Promise<void> => {
        if (io.signal.aborted) throw verdict(EXIT.ok)
        io.write(text)
        if (process.stdout.writableNeedDrain)
          await once(process.stdout, 'drain', { signal: io.signal }).catch(() => undefined)
      }
      const addPath = options.addPath === true
      const session: DecodeOptions = {
        ...(options.as4 ? {} : { as4: false }),
        ...(options.ibgp === true ? { ibgp: true } : {}),
        ...(addPath ? { addPathIPv4: true, addPathIPv6: true } : {}),
        ...(options.extended === true ? { extendedMessage: true } : {}),
      }
      const code = await runDecode(
        {
          ...(options.mrt === undefined ? {} : { mrt: options.mrt }),
          ...(options.pcap === undefined ? {} : { pcap: options.pcap }),
          json: options.json === true,
          bgpdump: options.bgpdump === true,
          session,
        },
        process.stdin,
        { write },
      ).catch((error: unknown) => {
        throw error instanceof InputError ? new CliError(error.message) : error
      })
      if (code !== 0) throw verdict(code)
    })
}
