/**
 * `npm run bench -- codec [FILE.mrt]`: how fast octets become prefixes, values and octets again.
 *
 * Four roads over the same messages, beside a plain copy of the octets: the engine's (framer, scan, walker, no object per
 * prefix), the engine's with every attribute block judged as well (its worst case, no block seen twice), full decode to values, and
 * encoding. And beside another decoder on this machine: `tcpdump -v` or `bgpdump -m`, whichever is installed, against our text.
 * Without a file a synthetic table is used: 200,000 prefixes, four to an attribute set.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import {
  AttributeBlock,
  ByteWriter,
  decodeMessage,
  decodeMrt,
  decodeTree,
  decodeUpdate,
  Framer,
  formatIPv4,
  type MpRange,
  MrtReader,
  NlriCursor,
  packUpdates,
  printMrt,
  UpdatePacker,
  UpdateScan,
  updateContext,
} from '@starling/bgp-packet'
import { capture } from './capture.js'

const CONTEXT = updateContext({ ibgp: true, confederation: true })

function synthetic(): Uint8Array[] {
  const messages: Uint8Array[] = []
  for (let n = 0; n < 50_000; n++) {
    const asns = [64500, 3356 + (n % 9), 1299, 65000 + (n % 500), 200_000 + n]
    const attributes = {
      origin: 'IGP',
      asPath: [{ type: 'sequence', asns }],
      nextHop: 0xc0000201,
      med: n % 100,
      communities: [0xfbf40000 + (n % 1000), 0xfbf40001],
    } as const
    const prefixes = Array.from({ length: 4 }, (_, k) => ({
      prefix: `${formatIPv4((0x01000000 + (4 * n + k) * 256) >>> 0)}/24`,
    }))
    messages.push(...packUpdates(prefixes, attributes))
  }
  return messages
}

function unpacked(path: string): Uint8Array {
  const file = readFileSync(path)
  return file[0] === 0x1f ? gunzipSync(file) : file
}

function updatesOf(file: Uint8Array): Uint8Array[] {
  const reader = new MrtReader()
  const messages: Uint8Array[] = []
  reader.push(file)
  while (reader.next()) {
    const record = decodeMrt(reader)
    if (record.kind !== 'message' || !record.as4 || record.buffer[record.start + 18] !== 2) continue
    messages.push(record.buffer.slice(record.start, record.end))
  }
  return messages
}

function concatenated(messages: readonly Uint8Array[]): Uint8Array {
  const stream = new Uint8Array(messages.reduce((sum, message) => sum + message.length, 0))
  let at = 0
  for (const message of messages) {
    stream.set(message, at)
    at += message.length
  }
  return stream
}

const framer = new Framer()
const scan = new UpdateScan()
const cursor = new NlriCursor()
const block = new AttributeBlock()
const scratch = new Uint8Array(65536)
let sink = 0

function walk(start: number, end: number, version: 4 | 6): number {
  let count = 0
  cursor.open(scan.buffer, start, end, version, false)
  while (cursor.next()) {
    count++
    sink = (sink + cursor.word0 + cursor.length) | 0
  }
  return count
}

function walkMp(range: MpRange): number {
  return range.version === 0 ? 0 : walk(range.nlriStart, range.nlriEnd, range.version)
}

/** The engine's road over a stream in chunks of 64 KB; returns the number of prefixes. */
function engineRoad(stream: Uint8Array, judge: boolean): number {
  let prefixes = 0
  for (let at = 0; at < stream.length; at += 65536) {
    framer.push(stream.subarray(at, Math.min(at + 65536, stream.length)))
    while (framer.next()) {
      if (!scan.scan(framer.buffer, framer.start, framer.end, CONTEXT)) continue
      prefixes += walk(scan.withdrawnStart, scan.withdrawnEnd, 4) + walk(scan.nlriStart, scan.nlriEnd, 4)
      prefixes += walkMp(scan.reach) + walkMp(scan.unreach)
      const length = scan.copyBlock(scratch, 0)
      if (judge) block.parse(scratch, 0, length, CONTEXT)
      sink = (sink + length + scratch[0]) | 0
    }
  }
  return prefixes
}

function valuesRoad(messages: readonly Uint8Array[]): number {
  let prefixes = 0
  for (const message of messages) {
    const { update } = decodeUpdate(message, 0, message.length, CONTEXT)
    const { mpReach, mpUnreach } = update.attributes
    prefixes +=
      update.nlri.length + update.withdrawn.length + (mpReach?.nlri.length ?? 0) + (mpUnreach?.withdrawn.length ?? 0)
  }
  return prefixes
}

const OUT = new ByteWriter(new Uint8Array(65536))
const packer = new UpdatePacker(OUT)

/** Packs as many /24 as there are prefixes, `per` to an attribute set, into a reused buffer; returns the octets written. */
function encodeRoad(prefixes: number, per: number, attributes: Uint8Array): number {
  let octets = 0
  for (let n = 0; n < prefixes; ) {
    OUT.reset(OUT.buffer)
    packer.beginAnnounce(4096, false, attributes)
    for (let k = 0; k < per && n < prefixes; k++, n++) if (!packer.add(0, 24, (0x01000000 + n * 256) >>> 0)) break
    octets += packer.finish()
  }
  return octets
}

interface Result {
  readonly seconds: number
  readonly value: number
}

/** Best of at least `runs` and half a second of them, after a warm-up: the machine's noise only ever adds. */
function best(runs: number, body: () => number): Result {
  let seconds = Number.POSITIVE_INFINITY
  let value = body()
  const end = performance.now() + 500
  for (let i = 0; i < runs || performance.now() < end; i++) {
    const started = performance.now()
    value = body()
    seconds = Math.min(seconds, (performance.now() - started) / 1000)
  }
  return { seconds, value }
}

function report(name: string, prefixes: number, octets: number, seconds: number): void {
  const rate = prefixes === 0 ? '-' : (prefixes / seconds / 1e6).toFixed(2)
  console.log(`${name.padEnd(46)} ${rate.padStart(8)} ${(octets / seconds / 1e6).toFixed(0).padStart(9)}`)
}

function allocated(body: () => number): number {
  const before = process.memoryUsage().heapUsed
  body()
  return process.memoryUsage().heapUsed - before
}

function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
}

/** The same messages through a decoder that is not ours, and ours to text beside it. */
function peers(path: string | undefined, messages: readonly Uint8Array[], octets: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'bench-codec-'))
  const some = messages.slice(0, 20_000)
  const size = some.reduce((sum, message) => sum + message.length, 0)
  if (hasProgram('tcpdump')) {
    const file = join(folder, 'bench.pcap')
    writeFileSync(file, capture(some))
    const options = { stdio: ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 30 }
    const theirs = best(2, () => execFileSync('tcpdump', ['-n', '-v', '-r', file], options).length)
    report('tcpdump -v of the same messages, to text', 0, size, theirs.seconds)
    const ours = best(2, () => {
      let length = 0
      for (const message of some) {
        const decoded = decodeMessage(message, { ...CONTEXT })
        for (const line of decodeTree(message, decoded, CONTEXT)) length += line.length
      }
      return length
    })
    report('ours, the tree of every message', 0, size, ours.seconds)
  }
  if (path !== undefined && hasProgram('bgpdump')) {
    const theirs = best(2, () => execFileSync('bgpdump', ['-m', path], { maxBuffer: 1 << 30 }).length)
    report('bgpdump -m of the same file', 0, octets, theirs.seconds)
  }
  if (path !== undefined) {
    const ours = best(2, () => {
      const reader = new MrtReader()
      reader.push(unpacked(path))
      let length = 0
      while (reader.next()) for (const line of printMrt(decodeMrt(reader))) length += line.length
      return length
    })
    report("ours, bgpdump's lines of the file, unpacking too", 0, octets, ours.seconds)
  }
  rmSync(folder, { recursive: true })
}

export async function run(args: readonly string[]): Promise<void> {
  const path = args[0]
  const messages = path === undefined ? synthetic() : updatesOf(unpacked(path))
  const stream = concatenated(messages)
  const copy = new Uint8Array(stream.length)
  const prefixes = engineRoad(stream, false)
  console.log(`${messages.length} UPDATEs, ${prefixes} prefixes, ${stream.length} octets, Node ${process.version}`)
  console.log(`${''.padEnd(46)} ${'Mpfx/s'.padStart(8)} ${'MB/s'.padStart(9)}`)
  const copied = best(10, () => {
    copy.set(stream)
    return 0
  })
  report('plain copy of the octets', prefixes, stream.length, copied.seconds)
  report(
    'engine: frame, scan, walk, copy the block',
    prefixes,
    stream.length,
    best(8, () => engineRoad(stream, false)).seconds,
  )
  report('engine, and every block judged', prefixes, stream.length, best(8, () => engineRoad(stream, true)).seconds)
  const bytes = allocated(() => engineRoad(stream, false))
  report('full decode to values', prefixes, stream.length, best(3, () => valuesRoad(messages)).seconds)
  scan.scan(messages[0], 0, messages[0].length, CONTEXT)
  const attributes = scratch.slice(0, scan.copyBlock(scratch, 0))
  for (const per of [4, 1000]) {
    const written = best(8, () => encodeRoad(200_000, per, attributes))
    report(`encode, ${per} prefixes to an attribute set`, 200_000, written.value, written.seconds)
  }
  peers(path, messages, stream.length)
  console.log(
    `heap growth of one engine pass: ${bytes} octets, ${(bytes / prefixes).toFixed(4)} a prefix (sink ${sink & 1})`,
  )
}
