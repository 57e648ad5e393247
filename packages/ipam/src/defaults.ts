/**
 * What a node's start writes beside its own Node and the pools (calico.md 1.13, 5.1): the cluster's ClusterInformation,
 * FelixConfiguration and BGPConfiguration, where there are none.
 *
 * Only ever made, never overwritten: what stands there is somebody's wish. The one exception is Calico's own, words of
 * CLUSTER_TYPE that `clusterType` does not name yet, which are added to it.
 */
import {
  isJsonObject,
  type JsonObject,
  newResourceValue,
  parseJson,
  patchValue,
  type ResourceKind,
  resourceKey,
} from '@starling/resources'
import { isConflict, retrying } from './context.js'
import type { NodeEnvironment } from './environment.js'
import type { StartupContext } from './startup.js'

/** Makes what is missing; answers what was made, as `BGPConfiguration/default`. */
export async function createDefaultResources(
  context: StartupContext,
  options: NodeEnvironment,
): Promise<readonly string[]> {
  const { name, clusterType, backend } = options
  const wanted: readonly (readonly [kind: ResourceKind, name: string, spec: JsonObject])[] = [
    [
      'ClusterInformation',
      'default',
      {
        clusterGUID: context.uuid().replaceAll('-', ''),
        ...(clusterType === undefined ? {} : { clusterType }),
        datastoreReady: true,
      },
    ],
    ['FelixConfiguration', 'default', { logSeverityScreen: 'Info', reportingInterval: '0s' }],
    ['FelixConfiguration', `node.${name}`, { defaultEndpointToHostAction: 'Return' }],
    ...(backend === 'bird' ? ([['BGPConfiguration', 'default', {}]] as const) : []),
  ]
  const made: string[] = []
  for (const [kind, of, spec] of wanted) {
    const key = resourceKey(kind, of)
    if ((await context.datastore.get(key)) !== undefined) continue
    const value = newResourceValue({ kind, name: of, uid: context.uuid(), now: context.now(), spec })
    // Another node may be making it at this very moment: then it is made.
    if (!isConflict(await context.datastore.create(key, value))) made.push(`${kind}/${of}`)
  }
  if (clusterType !== undefined) await nameClusterType(context, clusterType)
  return made
}

async function nameClusterType({ datastore }: StartupContext, clusterType: string): Promise<void> {
  await retrying('write ClusterInformation', async () => {
    const entry = await datastore.get(resourceKey('ClusterInformation', 'default'))
    if (entry === undefined) return true
    const document = parseJson(entry.value)
    const spec = isJsonObject(document) ? document['spec'] : undefined
    const before = isJsonObject(spec) && typeof spec['clusterType'] === 'string' ? spec['clusterType'] : ''
    const words = new Set([...before.split(','), ...clusterType.split(',')].map((word) => word.trim()))
    words.delete('')
    const after = [...words].join(',')
    if (words.size === before.split(',').filter((word) => word.trim() !== '').length) return true
    const value = patchValue(entry.value, { spec: { clusterType: after } })
    return isConflict(await datastore.update(entry.key, value, entry.revision)) ? undefined : true
  })
}
