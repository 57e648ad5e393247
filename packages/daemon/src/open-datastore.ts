/**
 * From what an operator writes to an open datastore: `--datastore SPEC`, or the environment of calico.md 1.1.
 *
 *   memory                     this process only
 *   file:PATH                  a YAML or JSON file, or a folder of them
 *   embedded:unix:PATH         the store of a lab, shared over a socket
 *   etcd                       ETCD_ENDPOINTS or ETCD_DISCOVERY_SRV
 *   etcd:URL[,URL...]          these members; TLS and credentials still from the environment
 *
 * Each driver is loaded only when asked for: a node on etcd never loads YAML, one on a file never loads gRPC.
 */
import { existsSync } from 'node:fs'
import { type Datastore, DatastoreError, MemoryStore } from '@starling/datastore'
import type { Mapped } from '@starling/datastore/file'
import { fieldSteps, mapDocument } from '@starling/resources'

export type Environment = Readonly<Record<string, string | undefined>>

const SPECS = 'memory, file:PATH, embedded:unix:PATH, etcd, etcd:URL[,URL...]'

/** What is wrong with files, all of it, whenever that changes; their last good content stays in force. */
export type FileProblems = (problems: readonly { readonly key: string; readonly problem: string }[]) => void

export async function openDatastore(
  spec: string | undefined,
  environment: Environment,
  fileProblems?: FileProblems,
): Promise<Datastore> {
  const given = spec ?? defaultSpec(environment)
  const [scheme, rest] = split(given)
  switch (scheme) {
    case 'memory':
      return new MemoryStore().connect()
    case 'file': {
      if (rest === '') throw new DatastoreError('file: needs a path, e.g. file:cluster.yaml', false)
      if (!existsSync(rest)) throw new DatastoreError(`file datastore: ${rest} does not exist`, false)
      const { fileDatastore } = await import('@starling/datastore/file')
      return fileDatastore({
        path: rest,
        mapper: mapForFile,
        problems: (list) =>
          fileProblems?.(list.map(({ file, line, reason }) => ({ key: `${file}:${line}`, problem: reason }))),
      })
    }
    case 'embedded': {
      if (!rest.startsWith('unix:')) throw new DatastoreError(`embedded: needs unix:PATH, not "${rest}"`, false)
      const { embeddedDatastore } = await import('@starling/datastore/embedded')
      return embeddedDatastore({ path: rest.slice('unix:'.length) })
    }
    case 'etcd':
      return openEtcd(rest, environment)
    default:
      throw new DatastoreError(`unknown datastore "${given}": one of ${SPECS}`, false)
  }
}

/** `resources` speaks of problems, the file driver of mistakes at places. */
function mapForFile(document: unknown): Mapped {
  const mapped = mapDocument(document)
  if (mapped.ok) return { key: mapped.key, value: mapped.value }
  if (mapped.foreign === true) return undefined
  return {
    problems: mapped.problems.map(({ resource, field, message }) => {
      const about = { resource, message, ...(field === undefined ? {} : { field }) }
      const mistake = { problem: `${resource}${field === undefined ? '' : ` ${field}`}: ${message}`, about }
      return field === undefined ? mistake : { ...mistake, path: fieldSteps(field) }
    }),
  }
}

/** Calico's own rule: endpoints given mean etcd (calico.md 1.1). */
function defaultSpec(environment: Environment): string {
  const type = variable(environment, 'DATASTORE_TYPE')
  if (type === 'kubernetes') {
    throw new DatastoreError('DATASTORE_TYPE=kubernetes is not supported yet: use etcd, or file:PATH', false)
  }
  const etcd = variable(environment, 'ETCD_ENDPOINTS') ?? variable(environment, 'ETCD_DISCOVERY_SRV')
  if (type === 'etcdv3' || etcd !== undefined) return 'etcd'
  throw new DatastoreError(`no datastore: give --datastore (${SPECS}) or set ETCD_ENDPOINTS`, false)
}

async function openEtcd(urls: string, environment: Environment): Promise<Datastore> {
  const get = (name: string): string | undefined => variable(environment, name)
  const endpoints = list(urls === '' ? get('ETCD_ENDPOINTS') : urls)
  const discoverySrv = urls === '' ? get('ETCD_DISCOVERY_SRV') : undefined
  if (endpoints !== undefined && discoverySrv !== undefined) {
    throw new DatastoreError('ETCD_ENDPOINTS and ETCD_DISCOVERY_SRV are both set: give one', false)
  }
  if (endpoints === undefined && discoverySrv === undefined) {
    throw new DatastoreError('etcd needs endpoints: --datastore etcd:URL or ETCD_ENDPOINTS', false)
  }
  const tls = {
    ...present('caFile', get('ETCD_CA_CERT_FILE')),
    ...present('certFile', get('ETCD_CERT_FILE')),
    ...present('keyFile', get('ETCD_KEY_FILE')),
  }
  const { etcdDatastore } = await import('@starling/datastore/etcd')
  return etcdDatastore({
    ...(endpoints === undefined ? {} : { endpoints }),
    ...present('discoverySrv', discoverySrv),
    ...present('username', get('ETCD_USERNAME')),
    ...present('password', get('ETCD_PASSWORD')),
    ...present('namespace', get('STARLING_ETCD_NAMESPACE')),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  })
}

/** Every variable is also accepted with a `CALICO_` prefix (calico.md 1.1). */
function variable(environment: Environment, name: string): string | undefined {
  const value = environment[name] ?? environment[`CALICO_${name}`]
  return value === undefined || value.trim() === '' ? undefined : value.trim()
}

function list(text: string | undefined): readonly string[] | undefined {
  const parts = text
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  return parts === undefined || parts.length === 0 ? undefined : parts
}

function split(spec: string): [scheme: string, rest: string] {
  const at = spec.indexOf(':')
  return at < 0 ? [spec, ''] : [spec.slice(0, at), spec.slice(at + 1)]
}

function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V })
}
