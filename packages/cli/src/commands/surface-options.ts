/**
 * Options of a daemon's surface: where the API listens and with which certificate, when the daemon calls itself ready,
 * which peers get metrics of their own.
 */
import { readFile } from 'node:fs/promises'
import { CALICO_SETTLE_TIME, type HttpListener, type ReadinessPolicy } from '@starling/api'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CliError, usage } from '../exit.js'
import type { Io } from '../io.js'
import { port } from '../options.js'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface SurfaceCommandOptions {
  readonly http?: Address
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly birdCtlDir?: string
  readonly readiness?: ReadinessPolicy
  readonly metricsCompat?: 'bird_exporter'
  readonly peerMetrics?: 'non-mesh' | 'all' | 'none'
  readonly nodesPort?: number
  readonly nodesCacert?: string
}

/** `127.0.0.1:9180`, `[::1]:9180`, `:9180` (loopback), `9180`. */
export function hostPort(text: string): Address {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65535) throw new InvalidArgumentError('Write HOST:PORT, [IPV6]:PORT or PORT.')
  const host = match[1] ?? match[2] ?? ''
  return { host: host === '' ? '127.0.0.1' : host, port }
}

/** `any`, `calico`, `quorum:0.5` or `quorum:50%`, `required:NAME[,NAME...]`. */
export function readinessPolicy(text: string): ReadinessPolicy {
  if (text === 'any') return { kind: 'any' }
  if (text === 'calico') return { kind: 'calico', settleTime: CALICO_SETTLE_TIME }
  const quorum = /^quorum:(\d+(?:\.\d+)?)(%?)$/.exec(text)
  if (quorum !== null) {
    const fraction = Number(quorum[1]) / (quorum[2] === '%' ? 100 : 1)
    if (fraction > 0 && fraction <= 1) return { kind: 'quorum', fraction }
  }
  const peers = /^required:(.+)$/.exec(text)?.[1]?.split(',')
  if (peers?.every((peer) => /^[\w.:%-]+$/.test(peer)) === true) return { kind: 'required', peers }
  throw new InvalidArgumentError('Write any, calico, quorum:FRACTION (0.5 or 50%) or required:PEER[,PEER...].')
}

export function addSurfaceOptions(command: Command): Command {
  return command
    .option('--http <host:port>', 'API over TCP as well; changes need the token of STARLING_TOKEN', hostPort)
    .option('--tls-cert <file>', 'with --http: serve TLS with this certificate (PEM), and --tls-key')
    .option('--tls-key <file>', 'with --http: the key of the certificate (PEM)')
    .option('--bird-ctl-dir <dir>', 'serve bird.ctl and bird6.ctl here (/var/run/calico)')
    .option(
      '--readiness <policy>',
      'ready when: any (default), calico, quorum:FRACTION or required:PEER[,PEER...] is Established',
      readinessPolicy,
    )
    .addOption(new Option('--metrics-compat <names>', 'also these metric names').choices(['bird_exporter']))
    .addOption(
      new Option('--peer-metrics <which>', 'peers with metrics of their own (default: non-mesh)').choices([
        'non-mesh',
        'all',
        'none',
      ]),
    )
    .option(
      '--nodes-port <port>',
      "draw the whole cluster: other nodes' APIs answer at this port of their address",
      port,
    )
    .option('--nodes-cacert <file>', 'with --nodes-port: over TLS, trusting what this authority signed (PEM)')
}

/** In the words of the daemons; reads the certificate. */
export async function surfaceOf(options: SurfaceCommandOptions, io: Io) {
  const { birdCtlDir, readiness, metricsCompat, peerMetrics, nodesPort, nodesCacert } = options
  if (nodesCacert !== undefined && nodesPort === undefined) throw usage('--nodes-cacert needs --nodes-port')
  const ca = nodesCacert === undefined ? {} : { ca: await pem(nodesCacert) }
  const http = await listener(options, io)
  return {
    ...(http === undefined ? {} : { http }),
    ...(birdCtlDir === undefined ? {} : { birdControl: birdCtlDir }),
    ...(readiness === undefined ? {} : { readiness }),
    ...(metricsCompat === undefined ? {} : { metricsCompat }),
    ...(peerMetrics === undefined ? {} : { peerMetrics }),
    ...(nodesPort === undefined ? {} : { nodesApi: { port: nodesPort, ...ca } }),
  }
}

async function listener({ http, tlsCert, tlsKey }: SurfaceCommandOptions, io: Io): Promise<HttpListener | undefined> {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw usage('--tls-cert and --tls-key go together')
  if (http === undefined) {
    if (tlsCert !== undefined) throw usage('--tls-cert needs --http: the Unix socket speaks no TLS')
    return undefined
  }
  const token = io.env['STARLING_TOKEN']?.trim() ?? ''
  return {
    ...http,
    ...(token === '' ? {} : { token }),
    ...(tlsCert === undefined || tlsKey === undefined
      ? {}
      : { tls: { cert: await pem(tlsCert), key: await pem(tlsKey) } }),
  }
}

async function pem(file: string): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    throw new CliError(error instanceof Error ? error.message : String(error))
  })
}
