/**
 * `starling decode`: JSON or hexadecimal lines, an MRT file, or a capture, to JSON lines or readable trees.
 *
 * Independent of the command-line framework: streams in, text out, an exit code back. 0 means that all input could be read (whatever
 * the verdicts are), 1 that some of it could not; a file that cannot be opened or unpacked is an `InputError`.
 */

import { readFile } from 'node:fs/promises'
import {
  attributesToJson,
  type DecodeOptions,
  decodedToJson,
  decodeMessage,
  decodeMrt,
  decodeRibAttributes,
  decodeTree,
  type Json,
  type MrtPeer,
  MrtReader,
  type MrtRecord,
  parseLine,
  printAttributes,
  printMrt,
} from '@starling/bgp-packet'
import { captureMessages } from './capture.js'
import { InputError } from './input-error.js'
import { openMrt } from './open-mrt.js'
import { isCapture } from './pcap.js'

export interface DecodeCommandOptions {
  /** Path of an MRT file, plain or packed with gzip or bzip2. */
  readonly mrt?: string
  /** Path of a pcap or pcapng file. */
  readonly pcap?: string
  /** JSON lines instead of trees. */
  readonly json?: boolean
  /** With `mrt`: lines as `bgpdump -m` prints them. */
  readonly bgpdump?: boolean
  /** Session parameters for input that does not state its own. */
  readonly session?: DecodeOptions
}

export interface Output {
  /** What it returns is awaited: answer a promise to slow a long file down to the speed of its reader. */
  write(text: string): unknown
}

/** Output in pieces of some size: a call per line would cost more than the decoding. */
class Printer {
  readonly #output: Output
  readonly #options: DecodeCommandOptions
  #text = ''

  constructor(output: Output, options: DecodeCommandOptions) {
    this.#output = output
    this.#options = options
  }

  line(text: string): void {
    this.#text += `${text}\n`
  }

  print(json: Json, tree: () => readonly string[]): void {
    if (this.#options.json === true) this.line(JSON.stringify(json))
    else this.line(`${tree().join('\n')}\n`)
  }

  /** Hands on what has gathered, once it is `least` characters. */
  async flush(least = 0): Promise<void> {
    if (this.#text.length <= least) return
    const text = this.#text
    this.#text = ''
    await this.#output.write(text)
  }
}

const PIECE = 64 * 1024

/** Decodes everything and returns the exit code. */
export async function runDecode(
  options: DecodeCommandOptions,
  stdin: AsyncIterable<Uint8Array | string>,
  stdout: Output,
): Promise<number> {
  const printer = new Printer(stdout, options)
  try {
    if (options.mrt !== undefined) return await decodeMrtFile(options.mrt, options, printer)
    if (options.pcap !== undefined) return await decodeCapture(options.pcap, options, printer)
    return await decodeLines(options, stdin, printer)
  } finally {
    await printer.flush()
  }
}

async function* linesOf(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of input) {
    const parts = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
  if (rest !== '') yield rest
}

async function decodeLines(
  options: DecodeCommandOptions,
  stdin: AsyncIterable<Uint8Array | string>,
  printer: Printer,
): Promise<number> {
  let status = 0
  for await (const line of linesOf(stdin)) {
    if (line.trim() === '') continue
    const request = parseLine(line, options.session)
    if (typeof request === 'string') {
      status = 1
      printer.print({ error: request }, () => [`error: ${request}`])
      continue
    }
    const decoded = decodeMessage(request.octets, request.options)
    printer.print(decodedToJson(decoded), () => decodeTree(request.octets, decoded, request.options))
    await printer.flush(PIECE)
  }
  return status
}

async function decodeMrtFile(path: string, options: DecodeCommandOptions, printer: Printer): Promise<number> {
  const reader = new MrtReader()
  let peers: readonly MrtPeer[] = []
  for await (const chunk of openMrt(path)) {
    reader.push(chunk)
    while (reader.next()) {
      const record = decodeMrt(reader)
      if (record.kind === 'peer-index') peers = record.peers
      if (options.bgpdump === true) for (const line of printMrt(record, peers)) printer.line(line)
      else printRecord(record, peers, options, printer)
      await printer.flush(PIECE)
    }
  }
  if (reader.error === undefined && reader.pending === 0) return 0
  const error = reader.error ?? `the last record is cut: ${reader.pending} octets left over`
  printer.print({ error }, () => [`error: ${error}`])
  return 1
}

function printRecord(
  record: MrtRecord,
  peers: readonly MrtPeer[],
  options: DecodeCommandOptions,
  printer: Printer,
): void {
  switch (record.kind) {
    case 'message': {
      const { timestamp, peerAddress, peerAs, localAddress, localAs, as4, addPath } = record
      const octets = record.buffer.slice(record.start, record.end)
      const session = { ibgp: peerAs === localAs, ...options.session }
      const used = { ...session, as4, addPathIPv4: addPath, addPathIPv6: addPath, confederationUnknown: true }
      const decoded = decodeMessage(octets, { ...used, extendedMessage: true })
      const from = { time: timestamp, peer: peerAddress, peerAs, local: localAddress, localAs }
      printer.print({ ...from, ...decodedToJson(decoded) }, () => [
        `${timestamp} from ${peerAddress} AS ${peerAs} to ${localAddress} AS ${localAs}`,
        ...decodeTree(octets, decoded, used),
      ])
      return
    }
    case 'rib': {
      const { timestamp, prefix, sequence } = record
      const entries = record.entries.map((entry) => {
        const peer = entry.peer ?? peers[entry.peerIndex]
        const rib = decodeRibAttributes(record.buffer, entry.attributesStart, entry.attributesEnd, record.as4)
        return { entry, rib, peer }
      })
      const json = entries.map(({ entry, rib, peer }) => ({
        peer: peer?.address ?? null,
        peerAs: peer?.asn ?? null,
        originated: entry.originated,
        ...(entry.pathId === undefined ? {} : { pathId: entry.pathId }),
        nextHop: rib.nextHop ?? null,
        attributes: attributesToJson(rib.attributes),
      }))
      printer.print({ time: timestamp, type: 'RIB', sequence, prefix, entries: json }, () => [
        `${timestamp} RIB ${prefix}`,
        ...entries.flatMap(({ rib, peer }) => [
          `  from ${peer?.address ?? 'unknown peer'} AS ${peer?.asn ?? '?'}, next hop ${rib.nextHop ?? 'none'}`,
          ...printAttributes(rib.attributes).map((line) => `    ${line}`),
        ]),
      ])
      return
    }
    case 'state-change': {
      const { timestamp, peerAddress, peerAs, oldState, newState } = record
      const json = { time: timestamp, type: 'STATE-CHANGE', peer: peerAddress, peerAs, oldState, newState }
      printer.print(json, () => [`${timestamp} ${peerAddress} AS ${peerAs}: state ${oldState} to ${newState}`])
      return
    }
    case 'peer-index': {
      const list = record.peers.map(({ address, asn }) => ({ address, asn }))
      printer.print({ time: record.timestamp, type: 'PEER-INDEX', view: record.viewName, peers: list }, () => [
        `${record.timestamp} peer index, ${list.length} peers`,
        ...list.map(({ address, asn }, index) => `  ${index}: ${address} AS ${asn}`),
      ])
      return
    }
    case 'unknown': {
      const { timestamp, type, subtype, reason } = record
      const json = { time: timestamp, type: 'UNKNOWN', mrtType: type, mrtSubtype: subtype, reason }
      printer.print(json, () => [`${timestamp} MRT ${type}/${subtype}: ${reason}`])
    }
  }
}

async function decodeCapture(path: string, options: DecodeCommandOptions, printer: Printer): Promise<number> {
  const file = await readFile(path).catch((error: unknown) => {
    throw new InputError(path, error)
  })
  if (!isCapture(file)) throw new InputError(path, 'it is neither pcap nor pcapng')
  const session = { confederationUnknown: true, ...options.session }
  for (const message of captureMessages(file, session)) {
    const { time, source, destination, octets, decoded } = message
    printer.print({ time, from: source, to: destination, ...decodedToJson(decoded) }, () => [
      `${time.toFixed(6)} ${source} > ${destination}`,
      ...decodeTree(octets, decoded, message.options),
    ])
    await printer.flush(PIECE)
  }
  return 0
}
