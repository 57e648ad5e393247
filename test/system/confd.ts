/**
 * What confd and the status reporter of calico-node do for a BIRD, for labs in which some nodes still run one: the
 * configuration is written from the cluster's resources as Calico's templates write it (calico.md 2.3 to 2.8), a change
 * of them is a reload of the running BIRD, and CalicoNodeStatus objects are filled in from its control socket.
 *
 * Sessions have Calico's names on purpose: a neighbour that moves from the mesh to a reflector gets another name, and
 * BIRD resets what gets another name. That is the trap a migration has to step around. Its waits between attempts are
 * shorter than Calico's 2, 5 and 5 to 30 seconds, which are nothing but time here.
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { SortedSnapshot } from '@starling/datastore'
import { ClusterState, plan } from '@starling/intent'
import { birdFile, controlSocket, type Lab } from '@starling/lab'
import {
  decodeEntry,
  IPAM_PREFIX,
  type JsonObject,
  kindPrefix,
  patchValue,
  RESOURCE_PREFIX,
  rfc3339Seconds,
} from '@starling/resources'
import { parseBirdProtocols } from '../../packages/lab/src/daemons/bird.js'

const run = promisify(execFile)
const TURN_MS = 200

async function stateIn(lab: Lab): Promise<ClusterState> {
  const { datastore } = lab.store
  const [resources, affinities] = await Promise.all([
    datastore.list(RESOURCE_PREFIX),
    datastore.list(`${IPAM_PREFIX}host/`),
  ])
  return ClusterState.from(SortedSnapshot.from([...resources.entries, ...affinities.entries], resources.revision))
}

const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.')

/** bird.cfg of one node. */
export async function calicoBird(lab: Lab, node: string): Promise<string> {
  const { identity, peers, localRoutes } = plan(await stateIn(lab), node)
  const blocks = localRoutes.filter(({ family }) => family === 'ipv4').map(({ prefix }) => prefix)
  const sessions = [...peers.values()].map(({ config }) => config)
  return [
    'log stderr all;',
    `router id ${dotted(identity.routerId)};`,
    'filter calico_export_to_bgp_peers {',
    ...blocks.flatMap((block) => [
      `  if ( net = ${block} ) then { accept; }`,
      `  if ( net ~ [ ${block}+ ] ) then { reject; }`,
    ]),
    '  if ( net ~ [ 10.244.0.0/16+ ] ) then { accept; }',
    '  reject;',
    '}',
    'protocol device { scan time 2; }',
    'protocol direct { ipv4; interface -"cali*", -"kube-ipvs*", "*"; }',
    'protocol kernel { learn; persist; scan time 2; graceful restart; ipv4 { import all; export where source ~ [ RTS_BGP, RTS_STATIC ]; }; }',
    ...(blocks.length === 0
      ? []
      : [`protocol static { ipv4; ${blocks.map((block) => `route ${block} blackhole;`).join(' ')} }`]),
    ...sessions.flatMap((session) => [
      `protocol bgp ${session.name} {`,
      `  local ${identity.ipv4?.address} as ${identity.asNumber};`,
      `  neighbor ${session.remoteAddress} as ${session.remoteAs};`,
      '  multihop; graceful restart; connect delay time 1; connect retry time 1; error wait time 1, 2;',
      ...(session.passive ? ['  passive on;'] : []),
      ...(session.routeReflectorClient ? [`  rr client; rr cluster id ${dotted(session.clusterId)};`] : []),
      '  ipv4 { import all; export filter calico_export_to_bgp_peers; add paths on; gateway recursive; };',
      '}',
    ]),
    '',
  ].join('\n')
}

/** Follows the datastore for every node of the lab that runs BIRD, until it is stopped. */
export class Confd {
  readonly #lab: Lab
  /** Fill in CalicoNodeStatus objects too. */
  readonly #reports: boolean
  #running = true
  readonly #done: Promise<void>
  reloads = 0

  constructor(lab: Lab, reports: boolean) {
    this.#lab = lab
    this.#reports = reports
    this.#done = this.#follow()
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }

  async #follow(): Promise<void> {
    while (this.#running) {
      for (const { name, daemon } of this.#lab.plan.devices) {
        if (daemon !== 'bird' || this.#lab.processes.status(name)?.running !== true) continue
        // A daemon that is being replaced does not answer; the next turn finds out.
        await this.#turn(name).catch(() => undefined)
      }
      await new Promise((resolve) => setTimeout(resolve, TURN_MS))
    }
  }

  async #turn(name: string): Promise<void> {
    const { folder } = this.#lab
    const file = birdFile(folder, name)
    const text = await calicoBird(this.#lab, name)
    if (text !== readFileSync(file, 'utf8')) {
      writeFileSync(file, text)
      await run('birdc', ['-s', controlSocket(folder, name), 'configure'])
      this.reloads++
    }
    if (this.#reports) await this.#report(name)
  }

  async #report(name: string): Promise<void> {
    const { datastore } = this.#lab.store
    for (const { key, value, revision } of (await datastore.list(kindPrefix('CalicoNodeStatus'))).entries) {
      const decoded = decodeEntry(key, value)
      if (decoded?.ok !== true || decoded.value.kind !== 'CalicoNodeStatus' || decoded.value.spec.node !== name)
        continue
      const socket = controlSocket(this.#lab.folder, name)
      const { stdout } = await run('birdc', ['-s', socket, 'show', 'protocols', 'all'])
      const peers = parseBirdProtocols(stdout).map(({ address, state }): JsonObject => ({ peerIP: address, state }))
      const bgp = { peersV4: peers }
      const status = { bgp, lastUpdated: rfc3339Seconds(Date.now()) }
      if (!value.includes(JSON.stringify(bgp).slice(1, -1)))
        await datastore.update(key, patchValue(value, { status }), revision)
    }
  }
}
