import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { fastify } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lookingGlass } from './index.js'

const PAGE = '<!doctype html><title>Starling</title>'
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-page-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), PAGE)
  await writeFile(join(folder, 'index.html.gz'), gzipSync(PAGE))
  await writeFile(join(folder, 'index.html.br'), brotliCompressSync(PAGE))
  await writeFile(join(folder, 'assets/page-0123456789ab.js'), 'export {}')
  await writeFile(join(folder, 'assets/notes.txt'), 'not part of the page')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function appOf(path: string) {
  const app = fastify()
  await lookingGlass({ folder: path })(app)
  return app
}

test('the page comes with a policy that allows nothing inline and nothing from elsewhere', async () => {
  const answer = await (await appOf(folder)).inject('/')
  expect(answer.body).toBe(PAGE)
  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
  const policy = String(answer.headers['content-security-policy'])
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "require-trusted-types-for 'script'",
  ]) {
    expect(policy).toContain(rule)
  }
  expect(policy).not.toMatch(/unsafe|data:|https?:|\*/)
})

test.each([
  ['br, gzip', 'br'],
  ['gzip', 'gzip'],
  ['gzip, br;q=0', 'gzip'],
  ['identity', undefined],
  ['', undefined],
])('accept-encoding "%s" gets %s', async (accepted, encoding) => {
  const answer = await (await appOf(folder)).inject({ url: '/', headers: { 'accept-encoding': accepted } })
  expect(answer.headers['content-encoding']).toBe(encoding)
  expect(answer.headers['vary']).toBe('accept-encoding')
})

test('names with a content hash are kept for a year, the page itself is revalidated', async () => {
  const app = await appOf(folder)
  const asset = await app.inject('/assets/page-0123456789ab.js')
  expect(asset.headers['cache-control']).toContain('immutable')
  const page = await app.inject('/')
  expect(page.headers['cache-control']).toBe('no-cache')
  const again = await app.inject({ url: '/', headers: { 'if-none-match': String(page.headers['etag']) } })
  expect(again.statusCode).toBe(304)
})

test.each(['/assets/notes.txt', '/assets/../index.html.gz', '/assets/..%2findex.html', '/index.html', '/assets/'])(
  '%s is not served',
  async (url) => {
    expect((await (await appOf(folder)).inject(url)).statusCode).toBe(404)
  },
)

test('without a built page the daemon starts and the page says how to build it', async () => {
  const answer = await (await appOf(join(folder, 'nowhere'))).inject('/')
  expect(answer.statusCode).toBe(503)
  expect(answer.body).toContain('node packages/looking-glass/scripts/build.mjs')
})
