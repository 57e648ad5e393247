/**
 * The client of a daemon's API: HTTP over its Unix socket, or over TCP with a token.
 *
 * Failures become `CliError`s with the exit code of their kind and a hint, because "ECONNREFUSED" helps nobody.
 */
import { type ClientRequest, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { CliError, EXIT } from '../exit.js'

export const DEFAULT_CONTROL = '/run/starling/starling.sock'
const TIMEOUT = 15_000
/** The largest page is about half a megabyte; an answer beyond this is not from a Starling. */
const LONGEST_ANSWER = 64 * 1024 * 1024

export interface Target {
  /** Unix socket; ignored when `url` is given. */
  readonly control: string
  readonly url?: string
  readonly token?: string
  /** Authority whose certificates are trusted, in place of the usual ones (PEM). */
  readonly ca?: Buffer
  /** Milliseconds until an answer must be there; 15 seconds. */
  readonly timeout?: number
}

export interface Answer {
  readonly status: number
  readonly text: string
}

interface ErrorBody {
  readonly error?: { readonly code?: string; readonly message?: string }
}

export class ApiClient {
  readonly #target: Target

  constructor(target: Target) {
    this.#target = target
  }

  /** Where we ask, for messages. */
  get description(): string {
    return this.#target.url ?? this.#target.control
  }

  async get<T>(path: string, query: Readonly<Record<string, string | number | undefined>> = {}): Promise<T> {
    return this.#judge<T>(await this.fetch('GET', withQuery(path, query)))
  }

  /** `patience`: milliseconds that the change itself takes before it is answered. */
  async post<T>(path: string, body: unknown, patience = 0): Promise<T> {
    return this.#judge<T>(await this.fetch('POST', path, JSON.stringify(body), patience))
  }

  /** The bare answer, whatever its status (health). */
  async fetch(method: 'GET' | 'POST', path: string, body?: string, patience = 0): Promise<Answer> {
    return this.#read(await this.#send(method, path, body, {}, undefined, (this.#target.timeout ?? TIMEOUT) + patience))
  }

  async #read(response: IncomingMessage): Promise<Answer> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of response) {
      size += (chunk as Buffer).length
      if (size > LONGEST_ANSWER) {
        response.destroy()
        throw new CliError(`the answer of ${this.description} is longer than any of ours`, EXIT.unreachable)
      }
      chunks.push(chunk as Buffer)
    }
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }
  }

  /** Data of an event stream, one JSON value at a time, until `signal`. */
  async *events<T>(
    path: string,
    query: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal,
  ): AsyncGenerator<T> {
    const response = await this.#send('GET', withQuery(path, query), undefined, { accept: 'text/event-stream' }, signal)
    if (response.statusCode !== 200) {
      this.#judge(await this.#read(response))
      throw new CliError(`${this.description} offers no event stream (status ${response.statusCode})`)
    }
    response.setEncoding('utf8')
    let pending = ''
    try {
      for await (const chunk of response) {
        pending += chunk as string
        for (let cut = pending.indexOf('\n\n'); cut >= 0; cut = pending.indexOf('\n\n')) {
          const data = dataOf(pending.slice(0, cut))
          pending = pending.slice(cut + 2)
          if (data !== undefined) yield JSON.parse(data) as T
        }
      }
    } catch (error) {
      if (!signal.aborted) throw new CliError(`the event stream broke: ${messageOf(error)}`, EXIT.unreachable)
    }
  }

  #judge<T>({ status, text }: Answer): T {
    if (status >= 200 && status < 300) return JSON.parse(text) as T
    let body: ErrorBody = {}
    try {
      body = JSON.parse(text) as ErrorBody
    } catch {
      // Not ours: the status alone must do.
    }
    const message = body.error?.message ?? `status ${status}`
    const code = body.error?.code === undefined ? '' : ` (${body.error.code})`
    if (status === 401 || status === 403) throw new CliError(`${message}${code}`, EXIT.denied)
    throw new CliError(`${message}${code}`, status === 400 ? EXIT.usage : EXIT.failed)
  }

  #send(
    method: string,
    path: string,
    body: string | undefined,
    headers: Record<string, string>,
    signal?: AbortSignal,
    timeout = TIMEOUT,
  ): Promise<IncomingMessage> {
    const { url, control, token, ca } = this.#target
    const all: Record<string, string> = { ...headers }
    if (body !== undefined) all['content-type'] = 'application/json'
    if (token !== undefined) all['authorization'] = `Bearer ${token}`
    const options: RequestOptions = {
      method,
      headers: all,
      // A stream may be silent for long; left unsaid, the agent ends it after five seconds.
      ...(signal === undefined ? { timeout } : { signal, timeout: 0 }),
    }
    return new Promise((resolve, reject) => {
      let sent: ClientRequest
      if (url === undefined) {
        sent = requestHttp({ ...options, socketPath: control, path, host: 'localhost' }, resolve)
      } else {
        const whole = new URL(path, url)
        sent =
          whole.protocol === 'https:'
            ? requestHttps(whole, { ...options, ...(ca === undefined ? {} : { ca }) }, resolve)
            : requestHttp(whole, options, resolve)
      }
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeout / 1000} s`)))
      sent.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(this.#target, error)))
      sent.end(body)
    })
  }
}

function withQuery(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value))
  const text = parameters.toString()
  return text === '' ? path : `${path}?${text}`
}

function dataOf(frame: string): string | undefined {
  const lines = frame.split('\n').filter((line) => line.startsWith('data: '))
  return lines.length === 0 ? undefined : lines.map((line) => line.slice(6)).join('\n')
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function unreachable(target: Target, error: NodeJS.ErrnoException): CliError {
  const where = target.url ?? target.control
  const hints: Readonly<Record<string, string>> = {
    ENOENT: `no daemon has its socket at ${where}; start one with "starling node" or "systemctl start starling-node", or say where it is: --control PATH, --url URL`,
    ECONNREFUSED: `nobody listens at ${where}; start the daemon with "starling node" or "systemctl start starling-node"`,
    EPROTO: `${where} does not speak TLS, or not as we do; is it http://?`,
    ECONNRESET: `${where} closed the connection without an answer${where.startsWith('http://') ? '; is it https://?' : ''}`,
    ENOTFOUND: `nobody knows the name in ${where}`,
    EAI_AGAIN: `nobody knows the name in ${where}, or no name server answers`,
    EHOSTUNREACH: `no route to ${where}: the machine does not answer`,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: `the certificate of ${where} is signed by an authority that is not trusted here: --cacert FILE`,
    SELF_SIGNED_CERT_IN_CHAIN: `the certificate of ${where} is signed by an authority that is not trusted here: --cacert FILE`,
    DEPTH_ZERO_SELF_SIGNED_CERT: `the certificate of ${where} is signed by itself; to trust it: --cacert FILE`,
    ERR_TLS_CERT_ALTNAME_INVALID: `the certificate of ${where} is for another name: ${error.message}`,
    CERT_HAS_EXPIRED: `the certificate of ${where} has expired`,
    EACCES: `no permission for ${where}; run as root or as a member of the socket's group`,
  }
  if (error.code?.startsWith('HPE_') === true) {
    return new CliError(`what answers at ${where} does not speak HTTP: not our API`, EXIT.unreachable)
  }
  const hint = (error.code === undefined ? undefined : hints[error.code]) ?? `cannot reach ${where}: ${error.message}`
  return new CliError(hint, error.code === 'EACCES' ? EXIT.denied : EXIT.unreachable)
}
