/**
 * docker-compose.yml by the word of a real compose. Debian's (1.29) is older than three things the file uses: a name for the
 * project, contents of configs in place, and a Dockerfile in place. Those are written as it wants them; everything else is
 * judged as it stands.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { needs } from '../support/needs.js'

needs('docker-compose')

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

interface Compose {
  name?: string
  configs: Record<string, { content?: string; file?: string }>
  services: Record<string, { build?: { dockerfile_inline?: string; context?: string }; privileged?: boolean }>
}

function judged(change: (compose: Compose) => void) {
  const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as Compose
  delete compose.name
  for (const config of Object.values(compose.configs)) {
    if (config.content === undefined) continue
    delete config.content
    config.file = './README.md'
  }
  for (const { build } of Object.values(compose.services)) {
    if (build?.dockerfile_inline === undefined) continue
    delete build.dockerfile_inline
    build.context = '.'
  }
  change(compose)
  const folder = mkdtempSync(join(tmpdir(), 'starling-compose-'))
  const file = join(folder, 'docker-compose.yml')
  writeFileSync(file, stringify(compose, { aliasDuplicateObjects: false }))
  const args = ['--project-directory', ROOT, '--project-name', 'starling', '-f', file, 'config', '--services']
  const { status, stdout, stderr } = spawnSync('docker-compose', args, { encoding: 'utf8' })
  rmSync(folder, { recursive: true, force: true })
  return { status, services: stdout.trim().split('\n').sort(), err: stderr }
}

test('compose accepts the file and finds every service', () => {
  const { status, services, err } = judged(() => undefined)
  expect({ status, err }).toEqual({ status: 0, err: expect.not.stringContaining('ERROR') })
  expect(services).toEqual(expect.arrayContaining(['etcd', 'grafana', 'node-1', 'prometheus', 'rr-2', 'seed', 'tor']))
})

test('and refuses one with a word it does not know', () => {
  const broken = judged((compose) => {
    Object.assign(compose.services['tor'] as object, { imagee: 'frr' })
  })
  expect(broken).toMatchObject({ status: 1, err: expect.stringContaining('imagee') })
})
