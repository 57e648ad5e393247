/**
 * An MRT file as a stream of chunks, whatever it is packed with.
 *
 * Archives publish gzip (RIPE RIS) and bzip2 (RouteViews). The packing is told from the first octets, not from the name, because
 * mirrors rename files. Gzip is Node's own; bzip2 comes from `unbzip2-stream`, which unpacks block by block.
 */

import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import unbzip2 from 'unbzip2-stream'
import { InputError } from './input-error.js'

type Packing = 'none' | 'gzip' | 'bzip2'

async function packingOf(path: string): Promise<Packing> {
  const file = await open(path, 'r')
  try {
    const head = new Uint8Array(3)
    await file.read(head, 0, 3, 0)
    if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
    return head[0] === 0x42 && head[1] === 0x5a && head[2] === 0x68 ? 'bzip2' : 'none'
  } finally {
    await file.close()
  }
}

/** The unpacked octets of a file; what cannot be read or unpacked ends the iteration with an `InputError`. */
export async function* openMrt(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* unpacked(path)
  } catch (error) {
    throw new InputError(path, error)
  }
}

async function* unpacked(path: string): AsyncGenerator<Uint8Array> {
  const packing = await packingOf(path)
  const file = createReadStream(path, { highWaterMark: packing === 'bzip2' ? 32 * 1024 : 256 * 1024 })
  if (packing === 'none') {
    yield* file as AsyncIterable<Uint8Array>
  } else if (packing === 'gzip') {
    const gunzip = createGunzip()
    pipeline(file, gunzip, () => undefined)
    yield* gunzip as AsyncIterable<Uint8Array>
  } else {
    yield* unpackBzip2(file)
  }
}

/**
 * The bzip2 unpacker is a stream of the first generation: it hands on no errors and throws out of `end` on a cut file. So it is fed by
 * hand; what it unpacks of a chunk it hands out before `write` returns.
 */
async function* unpackBzip2(file: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const unpacker = unbzip2()
  let blocks: Uint8Array[] = []
  let failure: Error | undefined
  unpacker.on('data', (block: Uint8Array) => blocks.push(block))
  unpacker.on('error', (error: Error) => {
    failure ??= error
  })
  const take = (): Uint8Array[] => {
    const taken = blocks
    blocks = []
    return taken
  }
  for await (const chunk of file) {
    unpacker.write(chunk)
    yield* take()
    if (failure !== undefined) throw new Error('bzip2 data is damaged', { cause: failure })
  }
  try {
    unpacker.end()
  } catch (error) {
    failure ??= error as Error
  }
  yield* take()
  if (failure !== undefined) throw new Error('bzip2 data is damaged or cut', { cause: failure })
}
