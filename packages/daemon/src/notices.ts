/**
 * Notices of the speaker as log lines. Most are news; those that keep sessions from coming up are warnings. A refused
 * stranger is not: anybody could fill the log with them.
 */
import type { SpeakerNotice } from '@starling/speaker'

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export function logNotice(log: Log, notice: SpeakerNotice): void {
  const fields = { code: 'SPEAKER_NOTICE', ...notice }
  switch (notice.type) {
    case 'listening':
      log.info(fields, `accepts BGP at ${notice.address} port ${notice.port}`)
      break
    case 'connection-refused':
      log.info(fields, `no connection for ${notice.remoteAddress}: ${notice.reason}`)
      break
    case 'listen-waiting':
      log.warn(fields, `cannot accept BGP at ${notice.address} port ${notice.port} yet: ${notice.reason}`)
      break
    default:
      log.warn(fields, `${notice.type}: ${notice.reason}`)
  }
}
