/**
 * IPIP needs a kernel module that test machines often lack, so it runs in a user-mode-linux guest over the host's own
 * file system (Debian: user-mode-linux, busybox-static; the platform study 7). The guest boots in about five seconds.
 * `tunl0` routes must look as the compatibility reference says (calico.md 2.12) and carry a ping.
 */

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'

needs('root', 'user-mode-linux', 'busybox-static', 'ip')

const LINUX = '/usr/bin/linux.uml'

/** First process of the guest: the host's root is there, writable places are covered with memory. */
function initScript(bundle: string): string {
  return `#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/lib/modules /run/netns
ln -s /usr/lib/uml/modules/$(uname -r) /mnt/lib/modules/
mount --bind /mnt/lib/modules /lib/modules
for m in ipv6 ipip veth; do busybox modprobe $m; done
ip link set lo up
"${process.execPath}" "${bundle}" 2>&1
busybox poweroff -f
`
}

describe('IPIP in a guest kernel', () => {
  it('tunl0 gets our address alone, the route goes onlink through it, and a ping passes', {
    timeout: 120_000,
  }, async () => {
    const cache = join(import.meta.dirname, '../../.cache')
    const bundle = join(cache, `ipip-guest-${process.pid}.mjs`)
    const init = join(cache, `ipip-init-${process.pid}.sh`)
    try {
      await build({
        stdin: { contents: "import { guest } from './ipip-guest.ts'; await guest()", resolveDir: import.meta.dirname },
        outfile: bundle,
        bundle: true,
        platform: 'node',
        format: 'esm',
        conditions: ['@starling/source'],
        external: ['koffi'],
      })
      writeFileSync(init, initScript(bundle))
      chmodSync(init, 0o755)
      mkdirSync('/lib/modules', { recursive: true })
      const arguments_ = [
        'mem=512M',
        'rootfstype=hostfs',
        'rootflags=/',
        'rw',
        `init=${init}`,
        'con=null',
        'con0=fd:0,fd:1',
        'quiet',
      ]
      const output = execFileSync(LINUX, arguments_, { timeout: 90_000, stdio: ['ignore', 'pipe', 'pipe'] }).toString()
      const [, json] = /RESULT (\{.*\})/.exec(output) ?? []
      if (json === undefined) throw new Error(`the guest gave no result:\n${output}`)
      const result = JSON.parse(json) as { failures: string[]; route: string; device: string; ping: string }
      expect(result.failures).toEqual([])
      expect(result.route).toBe('10.65.2.0/26 via 10.0.0.2 dev tunl0 metric 1024 onlink')
      expect(result.device).toContain('mtu 1480')
      expect(result.device).toContain('inet 10.65.1.0/32')
      expect(result.ping).toContain(' 0% packet loss')
    } finally {
      rmSync(bundle, { force: true })
      rmSync(init, { force: true })
    }
  })
})
