/** The netlink driver against the compliance suite, each check in its own fresh namespace. */

import { complianceChecks, type World } from '@starling/route-programmer/compliance'
import { NetlinkDriver } from '@starling/route-programmer/netlink'
import { describe, it } from 'vitest'
import { needs } from '../support/needs.js'
import { inside, Namespace } from './netns.js'

needs('root', 'netns', 'ip', 'procps')

const dotted = (bytes: Uint8Array) => bytes.join('.')

function world(): World & { namespace: Namespace } {
  const namespace = new Namespace('host')
  namespace.ip('link add eth0 type veth peer name peer0')
  namespace.sysctl('net.ipv6.conf.eth0.accept_dad', 0)
  namespace.ip('addr add 192.0.2.1/24 dev eth0')
  namespace.ip('addr add 2001:db8::1/64 dev eth0 nodad')
  namespace.ip('link set peer0 up')
  namespace.ip('link set eth0 up')
  return {
    namespace,
    device: 'eth0',
    open: async () => new NetlinkDriver(),
    foreignAdd: async (prefix, length, gateway, metric) => {
      namespace.ip(`route add ${dotted(prefix)}/${length} via ${dotted(gateway)} metric ${metric} proto static`)
    },
    foreignDelete: async (prefix, length, metric) => {
      namespace.ip(`route del ${dotted(prefix)}/${length} metric ${metric} proto static`)
    },
    deleteOurs: async (prefix, length, metric) => {
      namespace.ip(`route del ${dotted(prefix)}/${length} metric ${metric} proto 12`)
    },
    setDeviceUp: async (up) => {
      namespace.ip(`link set eth0 ${up ? 'up' : 'down'}`)
    },
    close: async () => namespace.destroy(),
  }
}

describe('netlink driver', () => {
  it.each(complianceChecks.map((check) => [check.name, check] as const))(
    '%s',
    async (_name, check) => {
      const host = world()
      try {
        // A dump opens its own socket when it runs, so the whole check runs inside.
        await inside(host.namespace, () => check.run(host))
      } finally {
        await host.close()
      }
    },
    20_000,
  )
})
