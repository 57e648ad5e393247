/**
 * Builds the page: one script, one style sheet and one document, named by their content and compressed ahead of time,
 * into dist/web. `tsc -b` checks the types of the same sources; esbuild makes them small. Plain Node, so that
 * scripts/start.mjs and scripts/test.mjs can call `buildWeb()` before anything else is compiled.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const sources = [join(root, 'src/browser'), fileURLToPath(new URL('../../bgp-packet/src', import.meta.url))]
const target = join(root, 'dist/web')

/**
 * @param {{ force?: boolean }} [options] without `force` nothing happens when dist/web is newer than every source
 * @returns {Promise<{ built: boolean, bytes: number, compressed: number }>}
 */
export async function buildWeb({ force = false } = {}) {
  const manifest = join(target, 'index.html')
  if (!force && (await isFresh(manifest))) return { built: false, ...(await sizes()) }
  const { outputFiles } = await build({
    entryPoints: [join(root, 'src/browser/main.tsx')],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: ['es2022', 'chrome109', 'firefox115', 'safari16'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    conditions: ['@starling/source', 'browser', 'import', 'module'],
    legalComments: 'none',
    outdir: target,
    logLevel: 'warning',
  })
  await rm(target, { recursive: true, force: true })
  await mkdir(join(target, 'assets'), { recursive: true })
  const names = {}
  for (const file of outputFiles) {
    const extension = file.path.endsWith('.css') ? 'css' : 'js'
    names[extension] = `page-${createHash('sha256').update(file.contents).digest('hex').slice(0, 12)}.${extension}`
    await write(join(target, 'assets', names[extension]), file.contents)
  }
  await write(join(target, 'assets/icon.svg'), await readFile(join(root, 'src/browser/icon.svg')))
  const html = await readFile(join(root, 'src/browser/index.html'), 'utf8')
  // The document comes last: whoever sees it finds everything it names.
  await write(manifest, Buffer.from(html.replace('page.css', names.css).replace('page.js', names.js)))
  return { built: true, ...(await sizes()) }
}

/** The file itself, and what gzip and brotli make of it. */
async function write(path, contents) {
  await writeFile(`${path}.gz`, gzipSync(contents, { level: 9 }))
  await writeFile(
    `${path}.br`,
    brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }),
  )
  await writeFile(path, contents)
}

async function isFresh(manifest) {
  const made = await stat(manifest).catch(() => undefined)
  if (made === undefined) return false
  const files = [fileURLToPath(import.meta.url)]
  for (const folder of sources) {
    for (const name of await readdir(folder, { recursive: true })) files.push(join(folder, name))
  }
  const times = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs))
  return Math.max(...times) < made.mtimeMs
}

async function sizes() {
  let bytes = 0
  let compressed = 0
  for (const name of await readdir(target, { recursive: true })) {
    const { size } = await stat(join(target, name))
    if (name.endsWith('.gz')) compressed += size
    else if (/\.(html|js|css|svg)$/.test(name)) bytes += size
  }
  return { bytes, compressed }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { built, bytes, compressed } = await buildWeb({ force: process.argv.includes('--force') })
  console.log(`${built ? 'built' : 'up to date'}: ${bytes} bytes, ${compressed} compressed`)
}
