/**
 * What a test suite may need from the machine, and whether it is there. The list itself is data (requirements.json):
 * a name, the commands that prove its presence, the Debian packages that bring them, or a condition that no package
 * brings. Suites say what they need with `needs('bird', 'root')` (test/support/needs.ts); `npm test` reads those lines
 * without running the files, installs what it may and names what stays missing. Plain Node: runs before `npm ci`.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** @type {Record<string, { commands?: string[], packages?: string[], condition?: 'root' | 'netns' | 'userns' }>} */
export const requirements = JSON.parse(readFileSync(new URL('requirements.json', import.meta.url), 'utf8'))

const CONDITIONS = {
  root: { holds: () => process.getuid?.() === 0, words: 'root' },
  netns: { holds: () => runs('unshare', '--net', 'true'), words: 'permission to create network namespaces' },
  userns: {
    holds: () => runs('unshare', '--user', '--map-root-user', '--net', 'true'),
    words: 'permission to create user namespaces',
  },
}

const runs = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** Daemons live in sbin, which the PATH of an ordinary user leaves out. */
const folders = () => [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']

function hasCommand(name) {
  return (isAbsolute(name) ? [name] : folders().map((folder) => join(folder, name))).some((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** What of one requirement is absent: command names or a condition in words; empty when it is met. */
export function lacking(name) {
  const requirement = requirements[name]
  if (requirement === undefined) return [`"${name}", which scripts/requirements.json does not know`]
  const commands = (requirement.commands ?? []).filter((command) => !hasCommand(command))
  if (commands.length > 0 || requirement.condition === undefined) return commands
  const condition = CONDITIONS[requirement.condition]
  return condition.holds() ? [] : [condition.words]
}

/** Debian packages that bring the absent commands of these requirements. */
export function packagesFor(names) {
  return [...new Set(names.flatMap((name) => (lacking(name).length > 0 ? (requirements[name]?.packages ?? []) : [])))]
}

/** The names in the `needs(...)` lines of a test file. */
export function declaredNeeds(source) {
  return [...source.matchAll(/^\s*needs\(([^)]*)\)/gm)].flatMap((call) =>
    [...call[1].matchAll(/['"]([\w-]+)['"]/g)].map((name) => name[1]),
  )
}

/** Every test file under a folder with what it says it needs, in path order. */
export function suitesUnder(folder) {
  let names
  try {
    names = readdirSync(folder, { recursive: true })
  } catch {
    return []
  }
  return names
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(folder, name))
    .map((file) => ({ file, needs: declaredNeeds(readFileSync(file, 'utf8')) }))
}
