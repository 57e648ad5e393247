/**
 * A bare route reflector for measurements: the speaker alone, every client from a range, no datastore, no API.
 *
 *   esbuild bench/rr/main.ts --bundle --platform=node --format=esm --external:koffi --outfile=main.mjs
 *   node main.mjs --as 65000 --router-id 100.64.0.1 --cluster-id 100.64.0.1 --listen 100.64.0.1:179 --accept 100.64.0.0/16
 */
import { parseArgs } from 'node:util'
import { parseIPv4 } from '@starling/bgp-packet'
import type { DynamicNeighbors, EngineConfig, FamilyName } from '@starling/engine'
import { Speaker } from '@starling/speaker'

const { values } = parseArgs({
  options: {
    as: { type: 'string', default: '65000' },
    'router-id': { type: 'string', default: '100.64.0.1' },
    'cluster-id': { type: 'string', default: '100.64.0.1' },
    listen: { type: 'string', default: '100.64.0.1:179' },
    accept: { type: 'string', default: '100.64.0.0/16' },
    verbose: { type: 'boolean', default: false },
    'no-warm-up': { type: 'boolean', default: false },
  },
})

const asNumber = Number(values.as)
const why = { resource: 'command line', rule: '--accept' }
const family = (name: FamilyName) => ({ family: name, addPath: { receive: false, send: 0 }, extendedNextHop: false })

const range: DynamicNeighbors = {
  range: values.accept,
  maximum: 10_000,
  template: {
    description: '',
    why,
    remoteAs: asNumber,
    localAs: asNumber,
    enabled: true,
    ttlSecurity: 0,
    families: [family('ipv4'), family('ipv6')],
    timers: {
      holdTime: 180,
      connectRetryTime: 5_000,
      delayOpenTime: 0,
      idleHoldTime: [1_000, 30_000],
      sendHoldTime: 0,
      advertisementInterval: 0,
    },
    gracefulRestart: { enabled: true, restartTime: 120, notification: true, longLivedStaleTime: 0 },
    routeRefresh: true,
    extendedMessages: true,
    fourOctetAs: true,
    routeReflectorClient: true,
    clusterId: 0,
    nextHop: 'auto',
    allowOwnAs: 0,
    asOverride: false,
    removePrivateAs: false,
    importPolicy: [],
    exportPolicy: [],
    importDefault: 'accept',
    exportDefault: 'accept',
    discardAttributes: [],
    withdrawOnAttributes: [],
    bfdStrict: false,
  },
}

const config: EngineConfig = {
  asNumber,
  routerId: parseIPv4(values['router-id']) ?? 1,
  clusterId: parseIPv4(values['cluster-id']) ?? 1,
  clientToClient: true,
  peers: new Map(),
  dynamicNeighbors: [range],
  nextHopResolution: 'assumed',
  decision: { alwaysCompareMed: false, deterministicMed: true, maximumPaths: 1, multipathRelax: false },
  defaultLocalPref: 100,
  gracefulRestartDeferral: 120_000,
}

const at = values.listen.lastIndexOf(':')
const log = (text: unknown) => process.stderr.write(`${JSON.stringify(text)}\n`)
const ignore = () => undefined
const speaker = new Speaker({
  config,
  listen: [{ address: values.listen.slice(0, at), port: Number(values.listen.slice(at + 1)) }],
  warmUp: !values['no-warm-up'],
  notice: values.verbose ? log : ignore,
  extras: {
    installRoute: ignore,
    removeRoute: ignore,
    trackNextHop: ignore,
    untrackNextHop: ignore,
    event: values.verbose ? log : ignore,
  },
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (speaker.engine.internalErrors > 0) {
      log({ internalErrors: speaker.engine.internalErrors, last: speaker.engine.lastInternalError })
    }
    speaker.stop({ mode: 'shutdown' }).then(() => process.exit(0), ignore)
  })
}
await speaker.start()
