/**
 * Endpoints from DNS SRV records, as etcd's own clients find them: `_etcd-client-ssl._tcp.DOMAIN` for TLS and
 * `_etcd-client._tcp.DOMAIN` without. Either may be absent, not both. (calico.md 1.1, ETCD_DISCOVERY_SRV)
 */
import { resolveSrv } from 'node:dns/promises'
import { EtcdError } from './errors.js'

export interface SrvRecord {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

export type SrvResolver = (name: string) => Promise<readonly SrvRecord[]>

export async function discoverEndpoints(domain: string, resolve: SrvResolver = resolveSrv): Promise<string[]> {
  const found = await Promise.allSettled([
    endpointsOf(resolve, `_etcd-client-ssl._tcp.${domain}`, 'https'),
    endpointsOf(resolve, `_etcd-client._tcp.${domain}`, 'http'),
  ])
  const urls = found.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
  if (urls.length > 0) return urls
  const reasons = found.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason.message)] : []))
  throw new EtcdError(
    'unavailable',
    `no etcd-client SRV records for ${domain}: ${reasons.join('; ') || 'empty answer'}`,
  )
}

async function endpointsOf(resolve: SrvResolver, name: string, scheme: string): Promise<string[]> {
  const records = [...(await resolve(name))]
  records.sort((a, b) => a.priority - b.priority || b.weight - a.weight)
  return records.map(({ name: host, port }) => `${scheme}://${host.replace(/\.$/, '')}:${port}`)
}
