/**
 * Stores for IPAM's tests: a small cluster, a store whose operations wait for a scheduler, one that breaks at a given
 * write, and the invariants that must hold after anything.
 */
import { type Datastore, DatastoreError, MemoryStore } from '@starling/datastore'
import { Prefix } from '@starling/inet'
import { decodeEntry, IPAM_PREFIX, resourceKey, stringifyJson } from '@starling/resources'
import { Block } from '../block.js'

export const NOW = 1_785_575_560_123

export interface PoolSpec {
  readonly cidr: string
  readonly [member: string]: string | number | boolean | readonly string[]
}

export async function cluster(
  pools: readonly PoolSpec[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ store: MemoryStore; datastore: Datastore }> {
  const store = new MemoryStore()
  const datastore = store.connect()
  for (const [i, spec] of pools.entries()) {
    await put(datastore, resourceKey('IPPool', `pool-${i}`), { kind: 'IPPool', metadata: { name: `pool-${i}` }, spec })
  }
  for (const [key, value] of Object.entries(more)) await put(datastore, key, value)
  return { store, datastore }
}

export async function put(datastore: Datastore, key: string, value: unknown): Promise<void> {
  await datastore.create(key, stringifyJson(value))
}

type Wrap = <A extends unknown[], R>(
  name: string,
  write: boolean,
  run: (...args: A) => Promise<R>,
) => (...args: A) => Promise<R>

export function wrapped(inner: Datastore, wrap: Wrap): Datastore {
  return {
    description: inner.description,
    list: wrap('list', false, (prefix: string) => inner.list(prefix)),
    get: wrap('get', false, (key: string) => inner.get(key)),
    create: wrap('create', true, (key: string, value: string) => inner.create(key, value)),
    update: wrap('update', true, (key: string, value: string, revision: number) => inner.update(key, value, revision)),
    delete: wrap('delete', true, (key: string, revision?: number) => inner.delete(key, revision)),
    watch: (prefix, from, sink) => inner.watch(prefix, from, sink),
    close: () => inner.close(),
  }
}

/** Breaks at write number `at` (from 0): before it happens, or after it happened and nobody learned of it. */
export function crashing(
  inner: Datastore,
  at: number,
  when: 'before' | 'after',
): { datastore: Datastore; crashed: () => boolean } {
  let writes = 0
  let crashed = false
  const datastore = wrapped(inner, (_name, write, run) => async (...args) => {
    if (crashed) throw new DatastoreError('the process is dead', false)
    const here = write && writes++ === at
    if (here && when === 'before') {
      crashed = true
      throw new DatastoreError('the process died', false)
    }
    const result = await run(...args)
    if (here) {
      crashed = true
      throw new DatastoreError('the process died', false)
    }
    return result
  })
  return { datastore, crashed: () => crashed }
}

export interface Picture {
  readonly blocks: readonly Block[]
  /** Node and CIDR of every confirmed affinity. */
  readonly confirmed: readonly { node: string; cidr: string }[]
  readonly unconfirmed: readonly { node: string; cidr: string; state: string }[]
  readonly handles: ReadonlyMap<string, Readonly<Record<string, number>>>
}

export async function picture(datastore: Datastore): Promise<Picture> {
  const blocks: Block[] = []
  const confirmed: { node: string; cidr: string }[] = []
  const unconfirmed: { node: string; cidr: string; state: string }[] = []
  const handles = new Map<string, Readonly<Record<string, number>>>()
  for (const entry of (await datastore.list(IPAM_PREFIX)).entries) {
    const decoded = decodeEntry(entry.key, entry.value)
    if (decoded?.ok !== true) throw new Error(`unreadable: ${entry.key} = ${entry.value}`)
    const value = decoded.value
    if (value.kind === 'IPAMBlock') blocks.push(Block.parse(entry.value))
    if (value.kind === 'IPAMHandle') handles.set(value.id, value.value.block)
    if (value.kind !== 'IPAMAffinity') continue
    const { owner: node, state } = value
    const cidr = value.cidr.network
    if (state === 'confirmed') confirmed.push({ node, cidr })
    else unconfirmed.push({ node, cidr, state })
  }
  return { blocks, confirmed, unconfirmed, handles }
}

/** What must be true whatever happened; returns what is not. */
export function faults({ blocks, confirmed, handles }: Picture): string[] {
  const found: string[] = []
  for (const { node, cidr } of confirmed) {
    const owner = blocks.find((block) => block.cidr === cidr)?.affinity
    if (owner !== `host:${node}`) found.push(`${node} is confirmed for ${cidr}, which belongs to ${owner ?? 'nobody'}`)
  }
  for (const [i, a] of blocks.entries()) {
    for (const b of blocks.slice(i + 1)) if (a.prefix.overlaps(b.prefix)) found.push(`${a.cidr} overlaps ${b.cidr}`)
    const held = new Set(a.allocations().map(({ ordinal }) => ordinal))
    const free = new Set(a.free)
    if (free.size !== a.free.length) found.push(`${a.cidr}: an ordinal is free twice`)
    if (held.size + free.size !== a.size) found.push(`${a.cidr}: ${held.size} held and ${free.size} free of ${a.size}`)
    if ([...free].some((ordinal) => held.has(ordinal))) found.push(`${a.cidr}: an ordinal is both free and held`)
    for (const { handle } of a.allocations()) {
      if (handle !== undefined && handles.get(handle)?.[a.cidr] === undefined)
        found.push(`${handle} is not counted for ${a.cidr}`)
    }
  }
  return found
}

export const prefix = (text: string): Prefix => {
  const parsed = Prefix.parse(text)
  if (parsed === undefined) throw new Error(`not a prefix: ${text}`)
  return parsed
}
