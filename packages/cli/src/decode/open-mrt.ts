/**
 * An MRT file as a stream of chunks, whatever it is packed with.
 *
 * Archives publish gzip (RIPE RIS) and bzip2 (RouteViews). The packing is told from the first octets, not from the name, because
 * mirrors rename files. Gzip is Node's own; bzip2 comes from `unbzip2-stream`, which unpacks block by block.
 */

import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { PassThrough, pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import unbzip2 from 'unbzip2-stream'

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

/** The unpacked octets of a file. Errors of the file system or of the packing end the iteration with a rejection. */
export async function* openMrt(path: string): AsyncGenerator<Uint8Array> {
  const packing = await packingOf(path)
  const file = createReadStream(path, { highWaterMark: 256 * 1024 })
  if (packing === 'none') {
    yield* file as AsyncIterable<Uint8Array>
    return
  }
  if (packing === 'gzip') {
    const gunzip = createGunzip()
    pipeline(file, gunzip, () => undefined)
    yield* gunzip as AsyncIterable<Uint8Array>
    return
  }
  // The bzip2 unpacker is a stream of the first generation: it hands on no errors and cannot be iterated by itself.
  const output = new PassThrough()
  const unpacker = unbzip2()
  const fail = (error: Error): void => void output.destroy(error)
  file.on('error', fail)
  unpacker.on('error', fail)
  file.pipe(unpacker).pipe(output)
  yield* output as AsyncIterable<Uint8Array>
}
