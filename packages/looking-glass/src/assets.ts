/**
 * The built files in memory: a hundred kilobytes, read once, never looked up by a name from a request.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'

export interface Asset {
  readonly type: string
  readonly etag: string
  readonly body: Buffer
  readonly encoded: { readonly br?: Buffer; readonly gzip?: Buffer }
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** By path inside the folder, with forward slashes; empty when the folder does not exist. */
export async function loadAssets(folder: string): Promise<ReadonlyMap<string, Asset>> {
  const assets = new Map<string, Asset>()
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  for (const name of names) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const body = await readFile(join(folder, name))
    const [br, gzip] = await Promise.all([variant(folder, `${name}.br`), variant(folder, `${name}.gz`)])
    assets.set(name.split(sep).join('/'), {
      type,
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      body,
      encoded: { ...(br === undefined ? {} : { br }), ...(gzip === undefined ? {} : { gzip }) },
    })
  }
  return assets
}

const variant = (folder: string, name: string): Promise<Buffer | undefined> =>
  readFile(join(folder, name)).catch(() => undefined)
