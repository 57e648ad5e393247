/**
 * What a node last wrote into a CalicoNodeStatus that asks for its sessions (calico.md 1.12). Whoever wrote it, the text
 * is read with care: a field of another type is as good as absent.
 */
import type { Snapshot } from '@starling/datastore'
import { isJsonObject, type JsonValue, kindPrefix, parseJson } from '@starling/resources'
import type { StoredStatus } from '../survey.js'

const PREFIX = kindPrefix('CalicoNodeStatus')
const MOST_OBJECTS = 1000

/** The newest of several; `toEpoch(0)` tells what our clock calls the beginning. */
export function storedStatus(
  snapshot: Snapshot,
  node: string,
  toEpoch: (at: number) => number,
): StoredStatus | undefined {
  let newest: StoredStatus | undefined
  let seen = 0
  for (const { value } of snapshot.under(PREFIX)) {
    if (++seen > MOST_OBJECTS) break
    const status = statusOf(value, node)
    if (status === undefined) continue
    const at = status.updated - toEpoch(0)
    if (newest === undefined || at > newest.at) newest = { at, sessions: status.sessions }
  }
  return newest
}

function member(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return value !== undefined && isJsonObject(value) ? value[name] : undefined
}

function statusOf(text: string, node: string) {
  const object = safely(text)
  if (member(member(object, 'spec'), 'node') !== node) return undefined
  const status = member(object, 'status')
  const bgp = member(status, 'bgp')
  const updated = Date.parse(String(member(status, 'lastUpdated') ?? ''))
  if (bgp === undefined || Number.isNaN(updated)) return undefined
  const sessions = ['peersV4', 'peersV6'].flatMap((list) => {
    const peers = member(bgp, list)
    return (Array.isArray(peers) ? peers : []).flatMap((peer: JsonValue) => {
      const [address, state] = [member(peer, 'peerIP'), member(peer, 'state')]
      return typeof address === 'string' && typeof state === 'string' ? [{ remoteAddress: address, state }] : []
    })
  })
  return { updated, sessions }
}

function safely(text: string): JsonValue | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
