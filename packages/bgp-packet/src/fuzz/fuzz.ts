/**
 * The fuzzer: arbitrary octets through every decoder and every renderer. Nothing may throw, hang, or grow.
 *
 * Targets are engine-neutral functions `(octets) => void` that throw an Error when a law is broken; a coverage-guided engine could
 * drive them as well. `runFuzz` drives them with structured mutation from a fixed seed, so a finding is a seed and a number.
 */

import {
  AttributeBlock,
  ByteWriter,
  CANONICAL_CONTEXT,
  canonicalBlock,
  type DecodeOptions,
  decodedToJson,
  decodeLine,
  decodeMessage,
  decodeMrt,
  decodeTree,
  encodeMessage,
  Framer,
  hexOf,
  MrtReader,
  messageToJson,
  NlriCursor,
  printAttributes,
  printMrt,
  printNotification,
  UpdateScan,
  updateContext,
  Verdict,
  verdictOf,
} from '../index.js'
import { Mutant, mutate } from './mutate.js'
import { Random } from './random.js'
import { messageSeeds, mrtSeeds } from './seeds.js'

export type Target = (octets: Uint8Array, choice: number) => void

function law(holds: boolean, what: string): void {
  if (!holds) throw new Error(`law broken: ${what}`)
}

/** Session parameters from the low bits of a number. */
export function optionsOf(choice: number): Required<DecodeOptions> {
  const bit = (n: number) => ((choice >>> n) & 1) !== 0
  return {
    as4: bit(0),
    ibgp: bit(1),
    confederation: bit(2) && bit(3),
    confederationUnknown: bit(3) && !bit(2),
    addPathIPv4: bit(4) && bit(5),
    addPathIPv6: bit(4) && bit(6),
    extendedMessage: bit(7),
  }
}

const framer = { current: new Framer() }
const scan = new UpdateScan()
const block = new AttributeBlock()
const again = new AttributeBlock()
const cursor = new NlriCursor()
const scratch = new Uint8Array(65536)
const canonical = new ByteWriter(new Uint8Array(131072))

function walk(start: number, end: number, version: 4 | 6, addPath: boolean, count: number): void {
  let found = 0
  cursor.open(scan.buffer, start, end, version, addPath)
  while (cursor.next()) found++
  law(found === count, `the walker found ${found} prefixes, the scan ${count}`)
}

/** The engine's road: framer, scan, walker, block, canonical block. */
export const engineRoad: Target = (octets, choice) => {
  const context = updateContext(optionsOf(choice))
  if (framer.current.error !== undefined || framer.current.pending > 0) framer.current = new Framer()
  const f = framer.current
  f.setMaximum((choice & 128) !== 0 ? 65535 : 4096)
  const cut = octets.length === 0 ? 0 : (choice >>> 8) % octets.length
  f.push(octets.subarray(0, cut))
  let pushed = false
  let total = 0
  for (;;) {
    while (f.next()) {
      law(f.end - f.start >= 19 && f.end <= f.buffer.length, 'a framed message lies in its buffer')
      total += f.end - f.start
      if (f.type === 2) engineUpdate(f, context)
    }
    if (pushed) break
    pushed = true
    f.push(octets.subarray(cut))
  }
  law(f.error !== undefined || total + f.pending === octets.length, 'the framer loses no octets')
}

function engineUpdate(f: Framer, context: ReturnType<typeof updateContext>): void {
  if (!scan.scan(f.buffer, f.start, f.end, context)) {
    law(scan.verdict === Verdict.sessionReset, 'a failed scan is a reset')
    return
  }
  walk(scan.withdrawnStart, scan.withdrawnEnd, 4, context.addPathIPv4, scan.withdrawnCount)
  walk(scan.nlriStart, scan.nlriEnd, 4, context.addPathIPv4, scan.nlriCount)
  for (const range of [scan.reach, scan.unreach]) {
    if (range.version !== 0) walk(range.nlriStart, range.nlriEnd, range.version, range.addPath, range.count)
  }
  const length = scan.copyBlock(scratch, 0)
  law(length === scan.blockLength, 'the block has the length that was announced')
  block.parse(scratch, 0, length, context)
  const fault = verdictOf(scan, block.present, block.faults)
  law(fault === undefined || (fault.code === 3 && fault.data.length <= 65535), 'faults are UPDATE errors')
  if (fault !== undefined && fault.verdict > Verdict.attributeDiscard) return
  canonical.reset(canonical.buffer)
  law(canonicalBlock(block, canonical), 'a canonical block fits into twice the message')
  again.parse(canonical.buffer, 0, canonical.at, CANONICAL_CONTEXT)
  law(again.faults.length === 0, `a canonical block is clean: ${again.faults[0]?.reason}`)
}

/** Values, JSON, text, and back to octets. */
export const messageRoad: Target = (octets, choice) => {
  const options = optionsOf(choice)
  const decoded = decodeMessage(octets, options)
  law(
    (decoded.fault === undefined) === (decoded.verdict === Verdict.accept),
    'accept has no fault, the others have one',
  )
  const json = JSON.stringify(decodedToJson(decoded))
  law(json.length > 0, 'every outcome has JSON')
  const tree = decodeTree(octets, decoded, options)
  law(tree.length > 0 && !tree.some((line) => line.includes('\n')), 'a tree line is one line')
  const { message } = decoded
  if (message === undefined) return
  if (message.type === 'NOTIFICATION') printNotification(message)
  if (message.type === 'UPDATE') printAttributes(message.attributes)
  if (decoded.verdict !== Verdict.accept || message.type === 'NOTIFICATION') return
  // What was accepted can be written again, and reads the same.
  const written = encodeMessage(message, { ...options, extendedMessage: true })
  const reread = decodeMessage(written, { ...options, extendedMessage: true })
  law(reread.verdict === Verdict.accept && reread.message !== undefined, `re-encoded ${hexOf(octets)} is not accepted`)
  const first = JSON.stringify(messageToJson(message))
  const second = reread.message === undefined ? '' : JSON.stringify(messageToJson(reread.message))
  law(first === second, `re-encoded ${hexOf(octets)} reads differently`)
}

/** The line reader of `starling decode`: any text. */
export const lineRoad: Target = (octets, choice) => {
  const hex = hexOf(octets)
  const text = choice & 1 ? hex : `{"hex":"${hex}","as4":${(choice & 2) !== 0},"addpath":["1/1"]}`
  decodeLine(text)
  decodeLine(String.fromCharCode(...octets.subarray(0, 200)))
}

/** MRT files. */
export const mrtRoad: Target = (octets, choice) => {
  const reader = new MrtReader()
  const cut = octets.length === 0 ? 0 : choice % octets.length
  for (const chunk of [octets.subarray(0, cut), octets.subarray(cut)]) {
    reader.push(chunk)
    while (reader.next()) {
      const record = decodeMrt(reader)
      const peers = record.kind === 'peer-index' ? record.peers : []
      for (const line of printMrt(record, peers)) law(!line.includes('\n'), 'an MRT line is one line')
    }
  }
}

/** Every boundary that takes foreign octets, and how many inputs go by between two of its turns. */
export const TARGETS: readonly { name: string; run: Target; every: number; seeds: 'messages' | 'mrt' }[] = [
  { name: 'engine road', run: engineRoad, every: 1, seeds: 'messages' },
  { name: 'message road', run: messageRoad, every: 4, seeds: 'messages' },
  { name: 'line road', run: lineRoad, every: 64, seeds: 'messages' },
  { name: 'MRT road', run: mrtRoad, every: 8, seeds: 'mrt' },
]

export interface FuzzResult {
  readonly inputs: number
  /** Inputs that ended in each verdict on the engine road, to see that the mutation reaches all of them. */
  readonly verdicts: readonly number[]
  readonly findings: readonly { target: string; input: string; choice: number; error: string }[]
}

/** Runs `inputs` mutated inputs from `seed`; `progress` is called now and then with the number done. */
export function runFuzz(
  inputs: number,
  seed: number,
  extraSeeds: readonly Uint8Array[] = [],
  progress: (done: number) => void = () => undefined,
): FuzzResult {
  const random = new Random(seed)
  const mutant = new Mutant()
  const pools = { messages: [...messageSeeds(), ...extraSeeds], mrt: mrtSeeds() }
  const verdicts = [0, 0, 0, 0]
  const findings: { target: string; input: string; choice: number; error: string }[] = []
  for (let n = 0; n < inputs && findings.length < 10; n++) {
    const choice = random.next()
    for (const target of TARGETS) {
      if (n % target.every !== 0) continue
      const pool = pools[target.seeds]
      mutate(mutant, pool[random.below(pool.length)], pool[random.below(pool.length)], random)
      const octets = mutant.bytes.subarray(0, mutant.length)
      scan.verdict = Verdict.accept
      try {
        target.run(octets, choice)
      } catch (error) {
        findings.push({ target: target.name, input: hexOf(octets), choice, error: String(error) })
      }
      if (target.run === engineRoad) verdicts[Math.max(scan.verdict, block.verdict)]++
    }
    if (n % 100_000 === 0) progress(n)
  }
  return { inputs, verdicts, findings }
}
