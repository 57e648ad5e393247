/**
 * One question to another node's API: plain HTTP, or HTTPS when an authority for it is given. Bounded in time and bytes.
 */
import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'

const PATIENCE = 2_000
/** 64 sessions are about 150 kB. */
const LONGEST = 2 * 1024 * 1024

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  EPROTO: 'it does not speak TLS',
}

export interface NodesApi {
  readonly port: number
  /** PEM; given, nodes are asked over TLS. */
  readonly ca?: Buffer
}

export function askNode({ port, ca }: NodesApi): (address: string, path: string) => Promise<unknown> {
  return (address, path) =>
    new Promise((resolve, reject) => {
      const options = { host: address, port, path, headers: { accept: 'application/json' }, agent: false as const }
      const answered = (response: IncomingMessage): void => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > LONGEST) response.destroy(new Error('its answer is too long'))
          chunks.push(chunk)
        })
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode !== 200) reject(new Error(`it answers with status ${response.statusCode}`))
          else
            try {
              resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')))
            } catch {
              reject(new Error('its answer is no JSON'))
            }
        })
      }
      const sent = ca === undefined ? getHttp(options, answered) : getHttps({ ...options, ca }, answered)
      // A whole answer, not only signs of life.
      const late = setTimeout(() => sent.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)), PATIENCE)
      sent.on('error', (error: NodeJS.ErrnoException) => reject(new Error(WORDS[error.code ?? ''] ?? error.message)))
      sent.on('close', () => clearTimeout(late))
    })
}
