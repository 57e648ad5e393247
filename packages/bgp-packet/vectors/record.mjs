/**
 * Records what real daemons send, and whether they accept what we send: `node record.mjs` as root on a machine with the daemons.
 *
 * Each daemon runs alone in a fresh network namespace with addresses on its loopback. The recorder listens as its only neighbour,
 * answers its OPEN with one that offers every capability, announces a route with every attribute our encoder knows, and writes each
 * message it gets as a line of `NAME.jsonl`: the octets, the session parameters they mean something under, and their provenance.
 * A NOTIFICATION in answer to ours makes it fail.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { PEERS, RECORDER } from './peers.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function codec() {
  const outfile = join(mkdtempSync(join(tmpdir(), 'codec-')), 'codec.mjs')
  const entryPoints = [join(here, '../src/index.ts')]
  await build({ entryPoints, bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error' })
  const loaded = await import(pathToFileURL(outfile).href)
  rmSync(dirname(outfile), { recursive: true })
  return loaded
}

function versionOf([command, args]) {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return `${stdout}${stderr}`.trim().split('\n')[0]
}

/** One daemon in the namespace we are in. */
async function record(peer, B) {
  const dir = mkdtempSync(join(tmpdir(), `vector-${peer.name}-`))
  execFileSync('chmod', ['0777', dir])
  for (const [name, text] of Object.entries(peer.files)) writeFileSync(join(dir, name), text, { mode: 0o600 })
  for (const address of [peer.address, RECORDER.address])
    execFileSync('ip', ['addr', 'add', `${address}/32`, 'dev', 'lo'])
  for (const host of ['1', '2', '3', '4', '5'])
    execFileSync('ip', ['-6', 'addr', 'add', `2001:db8:9::${host}/128`, 'dev', 'lo'])
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  for (const folder of peer.folders ?? []) mkdirSync(folder, { recursive: true })
  const version = versionOf(peer.version)
  const rows = []
  let theirs
  let refused
  const as4 = () => theirs?.capabilities.some(({ kind }) => kind === 'fourOctetAs') ?? true
  const addPath = (afi) =>
    theirs?.capabilities.some(
      (c) => c.kind === 'addPath' && c.entries.some((e) => e.afi === afi && e.safi === 1 && e.mode & 2),
    ) ?? false
  const families = (open) => open.capabilities.filter(({ kind }) => kind === 'multiprotocol')

  const server = createServer((socket) => {
    const framer = new B.Framer()
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      framer.push(chunk)
      while (framer.next()) {
        const hex = B.hexOf(framer.buffer.subarray(framer.start, framer.end))
        const context = {
          as4: as4(),
          addpath: [1, 2].filter(addPath).map((afi) => `${afi}/1`),
          ibgp: peer.as === RECORDER.as,
        }
        const decoded = B.decodeMessage(B.parseHex(hex), {
          as4: context.as4,
          ibgp: context.ibgp,
          addPathIPv4: addPath(1),
          addPathIPv6: addPath(2),
        })
        const type = B.messageTypeName(framer.type)
        if (decoded.message === undefined) throw new Error(`cannot read ${hex}`)
        if (!rows.some((row) => row.hex === hex))
          rows.push({ type, hex, ...context, message: B.messageToJson(decoded.message) })
        if (decoded.message?.type === 'NOTIFICATION') refused = B.printNotification(decoded.message)
        if (decoded.message?.type === 'OPEN') {
          theirs = decoded.message
          socket.write(
            B.encodeMessage({
              type: 'OPEN',
              version: 4,
              myAs: RECORDER.as,
              holdTime: 90,
              bgpId: B.parseIPv4(RECORDER.address),
              capabilities: [
                ...families(theirs),
                { kind: 'routeRefresh' },
                { kind: 'extendedNextHop', entries: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
                { kind: 'extendedMessage' },
                { kind: 'role', role: 3 },
                {
                  kind: 'gracefulRestart',
                  restarting: false,
                  notification: true,
                  restartTime: 120,
                  families: [{ afi: 1, safi: 1, forwarding: false }],
                },
                { kind: 'fourOctetAs', asn: RECORDER.as },
                {
                  kind: 'addPath',
                  entries: [
                    { afi: 1, safi: 1, mode: 1 },
                    { afi: 2, safi: 1, mode: 1 },
                  ],
                },
                { kind: 'enhancedRouteRefresh' },
                { kind: 'longLivedGracefulRestart', families: [{ afi: 1, safi: 1, forwarding: false, staleTime: 60 }] },
                { kind: 'fqdn', hostname: 'recorder', domain: 'example.net' },
                { kind: 'softwareVersion', version: 'starling' },
              ],
            }),
          )
          socket.write(B.KEEPALIVE)
          for (const bytes of ours(B, as4(), peer.as === RECORDER.as)) socket.write(bytes)
        }
      }
    })
  })
  server.listen(179, RECORDER.address)
  const env = { ...process.env, ...peer.env }
  const children = peer.start(dir).map(([command, args]) => spawn(command, args, { env, stdio: 'ignore' }))
  await wait(6000)
  for (const [command, args] of peer.afterwards ?? []) {
    const { status, stderr, stdout } = spawnSync(command, args, { encoding: 'utf8' })
    if (status !== 0) console.log(`${peer.name}: ${args.join(' ')}: ${stdout}${stderr}`.trim())
    await wait(300)
  }
  await wait(2000)
  for (const child of children) child.kill('SIGTERM')
  await wait(1500)
  for (const child of children) child.kill('SIGKILL')
  server.close()
  const source = `${version}, recorded on loopback by vectors/record.mjs (${peer.name} in vectors/peers.mjs)`
  writeFileSync(
    join(here, `${peer.name}.jsonl`),
    rows.map((row, n) => `${JSON.stringify({ id: `${peer.name}-${n}`, source, ...row })}\n`).join(''),
  )
  rmSync(dir, { recursive: true, force: true })
  console.log(`${peer.name}: ${rows.length} messages, ${refused ?? 'no NOTIFICATION'}`)
  return theirs !== undefined && (refused === undefined || refused.startsWith('Cease'))
}

/** What the daemon has to accept: a route with every attribute, an IPv6 route, a withdrawal, the End-of-RIB marks. */
function ours(B, as4, ibgp) {
  const context = B.updateContext({ as4, ibgp })
  const attributes = {
    origin: 'IGP',
    asPath: ibgp
      ? []
      : [
          { type: 'sequence', asns: [RECORDER.as, 4200000009] },
          { type: 'set', asns: [64510, 64511] },
        ],
    nextHop: B.parseIPv4(RECORDER.address),
    med: 5,
    ...(ibgp ? { localPref: 200, originatorId: 7, clusterList: [8, 9] } : {}),
    atomicAggregate: true,
    aggregator: { asn: 4200000009, address: 1 },
    communities: [0xffffff01, 0xfbf40001],
    extendedCommunities: [{ high: 0x0002fbf4, low: 1 }],
    largeCommunities: [{ global: 4200000009, local1: 1, local2: 2 }],
    unknown: [{ code: 99, flags: 0xe0, value: B.parseHex('deadbeef') }],
  }
  const { nextHop: _, ...rest } = attributes
  const prefixes = Array.from({ length: 300 }, (__, n) => ({ prefix: `100.64.${n >> 8}.${n & 255}/32` }))
  return [
    ...B.packUpdates(prefixes, attributes, { context }),
    ...B.packUpdates([{ prefix: '2001:db8:64::/48' }], rest, { context, nextHop: '2001:db8:9::100' }),
    ...B.packWithdrawals(prefixes.slice(0, 5), { context }),
    B.encodeMessage({ type: 'UPDATE', withdrawn: [], attributes: {}, nlri: [] }),
    B.encodeMessage({
      type: 'UPDATE',
      withdrawn: [],
      attributes: { mpUnreach: { afi: 2, safi: 1, withdrawn: [] } },
      nlri: [],
    }),
  ]
}

const wanted = process.argv[2]
if (wanted === undefined) {
  let failed = false
  for (const { name } of PEERS) {
    const { status } = spawnSync('unshare', ['-n', process.execPath, fileURLToPath(import.meta.url), name], {
      stdio: 'inherit',
    })
    failed ||= status !== 0
  }
  process.exit(failed ? 1 : 0)
}
const good = await record(
  PEERS.find(({ name }) => name === wanted),
  await codec(),
)
process.exit(good ? 0 : 1)
