/**
 * Replies of the BIRD control protocol: numeric code, `-` or space, text; a row with the code of the row before begins
 * with one blank instead of the code (calico.md 6.1). Codes below 1000 end a reply well, 8xxx and 9xxx badly.
 */

import type { FamilyName } from '@starling/engine'
import type { DaemonPorts } from '../ports.js'
import { escapeText } from '../text.js'

/** What readers of the fork expect to see; health checks look for the word at its beginning. */
export const BIRD_VERSION = 'v0.3.3+birdv1.6.8'

/** One client, and the family of the socket it came to. */
export interface Session {
  readonly ports: DaemonPorts
  readonly family: FamilyName
  restricted: boolean
}

/** BIRD's reply codes that we use. */
export const CODE = {
  ok: '0000',
  welcome: '0001',
  readingConfiguration: '0002',
  reconfigured: '0003',
  alreadyDisabled: '0008',
  disabled: '0009',
  alreadyEnabled: '0010',
  enabled: '0011',
  restarted: '0012',
  daemonUp: '0013',
  routeCount: '0014',
  reloading: '0015',
  restricted: '0016',
  confirmed: '0018',
  configurationOk: '0020',
  undoNothing: '0023',
  gracefulRestart: '0024',
  version: '1000',
  interfaceRow: '1001',
  protocolRow: '1002',
  interfaceAddress: '1003',
  interfaceFlags: '1004',
  interfaceSummary: '1005',
  protocolDetail: '1006',
  routeRow: '1007',
  routeDetail: '1008',
  staticRoute: '1009',
  symbol: '1010',
  routerId: '1011',
  routeAttribute: '1012',
  memory: '1018',
  protocolHeader: '2002',
  interfaceHeader: '2005',
  networkMissing: '8001',
  protocolsMissing: '8003',
  accessDenied: '8007',
  error: '9001',
} as const

export type Code = (typeof CODE)[keyof typeof CODE]

/** `last` rows end the reply. */
export interface Row {
  readonly code: Code
  readonly text: string
  readonly last: boolean
}

export type Reply = AsyncIterable<Row> | Iterable<Row>

export const row = (code: Code, text: string): Row => ({ code, text, last: false })
export const end = (code: Code = CODE.ok, text = ''): Row => ({ code, text, last: true })

/** At this word, or at the end of the line. */
export function syntaxError(word: string | undefined): Row[] {
  const at = word === undefined || word === '' ? 'unexpected END' : `unexpected ${escapeText(word, 60)}`
  return [end(CODE.error, `syntax error, ${at}`)]
}

/** Rows to lines; keeps the code of the row before. */
export class ReplyWriter {
  #code: Code | undefined

  line({ code, text, last }: Row): string {
    // A line feed inside a text would be read as a new reply line.
    const safe = text.replace(/[\r\n]/g, ' ')
    if (last) {
      this.#code = undefined
      return `${code} ${safe}\n`
    }
    const repeated = this.#code === code
    this.#code = code
    return repeated ? ` ${safe}\n` : `${code}-${safe}\n`
  }
}

const two = (value: number): string => String(value).padStart(2, '0')

/** Local time, as BIRD writes it. */
export function dateTime(epoch: number): string {
  const at = new Date(epoch)
  return `${date(at)} ${clock(at)}`
}

const date = (at: Date): string => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
const clock = (at: Date): string => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`

/** BIRD 1.6: the clock for the last twenty hours, the date before that. */
export function shortTime(epoch: number, now: number): string {
  const at = new Date(epoch)
  return Math.abs(now - epoch) < 20 * 3600_000 ? clock(at) : date(at)
}
