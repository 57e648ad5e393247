/**
 * The guides are true: blocks marked `sh run` are executed, page by page, in an empty folder with the built command on the
 * PATH; of those marked `sh not-run` (they need a cluster) every command and option must exist; and every link leads somewhere.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createNetns, type Netns, Wiring } from '@starling/lab'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { PROGRAM } from './support.js'

needs('etcd', 'netns')

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const pages = [
  ...readdirSync(join(ROOT, 'docs/guides')).map((name) => `docs/guides/${name}`),
  ...['docs/failures.md', 'docs/scale.md', 'SECURITY.md', 'CONTRIBUTING.md'],
].map((path) => {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const blocks = [...text.matchAll(/^```(\S*)(?: (\S+))?\n(.*?)^```$/gms)].map(([, language, mark, code]) => ({
    language,
    mark,
    code: code as string,
  }))
  return { path, text, blocks }
})

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-guide-'))
  writeFileSync(join(folder, 'starling'), `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`, { mode: 0o755 })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test.each(pages)('$path: every shell block says whether it is run', ({ blocks }) => {
  for (const { language, mark } of blocks) if (language === 'sh') expect(['run', 'not-run']).toContain(mark)
})

describe('run', () => {
  const runnable = pages.filter(({ blocks }) => blocks.some(({ mark }) => mark === 'run'))

  // The pages name ports; in a network of its own each has them for itself, whatever else runs here.
  let network: Netns
  beforeAll(() => {
    network = createNetns('guides')
    const wiring = new Wiring(network)
    wiring.up('lo')
    wiring.close()
  })
  afterAll(() => network.close())

  test.each(runnable)('$path', ({ blocks }) => {
    const code = blocks.filter(({ mark }) => mark === 'run').map((block) => block.code)
    // Background jobs are killed by number (kill %1) and may say so by their exit code, which `wait` alone ignores. A page
    // that breaks off leaves none of them behind.
    const script = [`trap 'kill $(jobs -p) 2>/dev/null || true' EXIT`, ...code].join('\n')
    const { status, stdout, stderr } = network.run(() =>
      spawnSync('bash', ['-m', '-e', '-u', '-c', script], {
        cwd: folder,
        encoding: 'utf8',
        timeout: 300_000,
        env: { PATH: [folder, process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter), HOME: folder, NO_COLOR: '1' },
      }),
    )
    expect(status, `${stdout}\n${stderr}`).toBe(0)
  })

  test('there are some', () => {
    expect(runnable.length).toBeGreaterThanOrEqual(4)
  })
})

test.each(pages)('$path: commands and options that are not run exist', ({ blocks }) => {
  const reference = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8')
  const section = (name: string): string | undefined =>
    new RegExp(`^## starling ${name}\n(.*?)(?=^## |$(?![\\s\\S]))`, 'ms').exec(reference)?.[1]
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const { code } of blocks.filter(({ mark }) => mark === 'not-run')) {
    for (const [, words = ''] of code
      .replaceAll('\\\n', ' ')
      .matchAll(/(?:^|[ "])starling ((?!-node|[\w/.]+:)[^\n#>]+)/gm)) {
      const [name = '', sub = '', ...rest] = words.split(/\s+/)
      if (section(name) === undefined) continue
      const found = section(`${name} ${sub}`) ?? section(name) ?? ''
      for (const option of [sub, ...rest].filter((word) => word.startsWith('--')))
        expect(found, words).toContain(`${option}`)
    }
    for (const [, script = ''] of code.matchAll(/npm run ([\w-]+)/g)) expect(Object.keys(scripts)).toContain(script)
    for (const [path] of code.matchAll(/\b(?:deploy|topology)\/[\w./-]*\w/g))
      expect(existsSync(join(ROOT, path)), path).toBe(true)
  }
})

test.each(pages)('$path: links and named tests lead somewhere', ({ path, text }) => {
  const links = [...text.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)].map(([, link]) => join(dirname(path), link as string))
  const named = [...text.matchAll(/`((?:test|packages|deploy)\/[\w./-]+)`/g)].map(([, name]) => name as string)
  for (const each of [...links, ...named]) expect(existsSync(join(ROOT, each)), each).toBe(true)
})
