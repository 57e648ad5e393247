/**
 * Passwords of sessions: from mounted secrets, or from Secret documents in the snapshot (calico.md 2.11).
 *
 * Other than in the reference a session whose secret is missing is held down: running it open would at best not come up
 * and at worst come up with the wrong neighbour.
 */
import { decodeBase64Text } from '@starling/resources'
import type { ClusterState } from '../state.js'
import type { Circumstances } from '../types.js'

export interface SecretSource {
  readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional?: boolean | undefined }
}

export type SecretResult = { readonly password?: string; readonly missing?: string }

export function resolveSecret(
  source: SecretSource | undefined,
  state: ClusterState,
  options: Circumstances,
): SecretResult {
  if (source === undefined) return {}
  const { name, key, optional } = source.secretKeyRef
  const value = options.secrets?.get(`${name}/${key}`) ?? fromDocument(state, options.namespace, name, key)
  if (value !== undefined && value !== '') return { password: value }
  return optional === true ? {} : { missing: `secret ${name}, key ${key}, is missing: the session waits for it` }
}

function fromDocument(state: ClusterState, namespace = 'kube-system', name: string, key: string): string | undefined {
  for (const { metadata, data, stringData } of state.all('Secret')) {
    if (metadata.name !== name || (metadata.namespace ?? 'default') !== namespace) continue
    const plain = stringData[key]
    if (plain !== undefined) return plain
    const encoded = data[key]
    return encoded === undefined ? undefined : decodeBase64Text(encoded)
  }
  return undefined
}
