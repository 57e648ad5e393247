/**
 * Brings missing Debian packages for the test suites when we are root on Debian or Ubuntu, and never lets apt start what
 * it installs: a policy-rc.d answering "forbidden" (101) stands in the way while apt runs and what was there before
 * comes back, also when we are interrupted. Machines without systemd and containers honour the same file.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { run, succeeds } from './steps.mjs'

const POLICY = '/usr/sbin/policy-rc.d'
/** A mirror that stumbles once is asked again; another apt is waited for. */
const OPTIONS = ['DPkg::Lock::Timeout=300', 'Acquire::Retries=5', 'Dpkg::Use-Pty=0'].flatMap((each) => ['-o', each])
const KEPT = `${POLICY}.kept-by-starling`

/** True when we may and can install: root, apt, Debian family. */
export function canInstall() {
  if (process.getuid?.() !== 0 || !succeeds('apt-get', '--version')) return false
  try {
    return /^(ID|ID_LIKE)=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

/** Installs the packages, services left down. Resolves to the exit code of apt. */
export async function install(packages) {
  const restore = forbidServices()
  const interrupted = () => {
    restore()
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted)
  const apt = (...args) =>
    run('apt-get', ['-q', '-y', ...OPTIONS, ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l' },
    })
  try {
    const code = await apt('update')
    if (code !== 0) console.log('  apt-get update failed; trying with the lists that are there')
    // One name that this release does not have would keep apt from installing any.
    const known = packages.filter((name) => succeeds('apt-cache', 'show', name))
    const strangers = packages.filter((name) => !known.includes(name))
    if (strangers.length > 0) console.log(`  not among the packages of this release: ${strangers.join(' ')}`)
    const installed = known.length === 0 ? 0 : await apt('install', '--no-install-recommends', ...known)
    return installed === 0 && strangers.length > 0 ? 1 : installed
  } finally {
    restore()
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, interrupted)
  }
}

function forbidServices() {
  // A file kept by an earlier run that was killed is the original.
  if (existsSync(POLICY) && !existsSync(KEPT)) renameSync(POLICY, KEPT)
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => {
    if (existsSync(KEPT)) renameSync(KEPT, POLICY)
    else rmSync(POLICY, { force: true })
  }
}
