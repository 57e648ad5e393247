/**
 * A guest kernel for what the machine's own lacks (the module ipip, mostly): user-mode-linux over the host's own file
 * system (Debian: user-mode-linux, busybox-static; the platform study 7). It boots in about five seconds, has one
 * processor, and writes only below /run and /mnt, which are its own memory.
 */

import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bundled } from './bundle.js'

const LINUX = '/usr/bin/linux.uml'
const ROOT = join(import.meta.dirname, '../..')
const CACHE = join(ROOT, '.cache')

export interface GuestOptions {
  /** Folder of the module, and the module; its default export runs in the guest, and what it resolves to comes back. */
  readonly folder: string
  readonly module: string
  readonly modules: readonly string[]
  readonly memory?: string
  /** Milliseconds for everything, booting included. */
  readonly limit: number
}

/** First process of the guest: the host's root is there, writable places are covered with memory. */
function initScript(bundle: string, modules: readonly string[]): string {
  return `#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/lib/modules /run/netns
ln -s /usr/lib/uml/modules/$(uname -r) /mnt/lib/modules/
mount --bind /mnt/lib/modules /lib/modules
for m in ${modules.join(' ')}; do busybox modprobe $m; done
ip link set lo up
cd "${ROOT}"
"${process.execPath}" "${bundle}" 2>&1
busybox poweroff -f
`
}

/** Runs the module in a fresh guest. Rejects with everything the guest said when it gave no result. */
export async function inGuest<T>(options: GuestOptions): Promise<T> {
  const { folder, module, modules, memory = '512M', limit } = options
  mkdirSync(CACHE, { recursive: true })
  mkdirSync('/lib/modules', { recursive: true })
  const init = join(CACHE, `guest-init-${process.pid}.sh`)
  const run = `import run from './${module}'; console.log('RESULT ' + JSON.stringify(await run())); process.exit(0)`
  const bundle = await bundled('guest', folder, run)
  try {
    writeFileSync(init, initScript(bundle, modules))
    chmodSync(init, 0o755)
    const kernel = [`mem=${memory}`, 'rootfstype=hostfs', 'rootflags=/', 'rw', `init=${init}`]
    const console_ = ['con=null', 'con0=fd:0,fd:1', 'quiet']
    const running = promisify(execFile)(LINUX, [...kernel, ...console_], { timeout: limit, maxBuffer: 16 << 20 })
    running.child.stdin?.end()
    const output = await running.then(
      ({ stdout }) => stdout,
      (error: { stdout?: string }) => `${error.stdout ?? ''}\n${String(error)}`,
    )
    const [, json] = /RESULT (.*)/.exec(output) ?? []
    if (json === undefined) throw new Error(`the guest gave no result:\n${output}`)
    return JSON.parse(json) as T
  } finally {
    rmSync(bundle, { force: true })
    rmSync(init, { force: true })
  }
}
