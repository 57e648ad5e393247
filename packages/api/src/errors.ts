/**
 * The error catalogue: every code the API answers with, what it means and what to do. `docs/errors.md` is rendered from
 * it and from the event catalogue (`events/catalogue.ts`), and a test keeps the page true.
 *
 * Codes are stable: scripts compare them. Texts may get better.
 */

export interface ErrorEntry {
  readonly status: number
  readonly meaning: string
  readonly remedy: string
}

export const ERRORS = {
  API_BAD_REQUEST: {
    status: 400,
    meaning: 'A parameter or the body does not have the form the operation asks for.',
    remedy: 'The message names the field. The form of every operation is in /v1/openapi.json.',
  },
  API_BAD_PREFIX: {
    status: 400,
    meaning: 'The text is not an IPv4 or IPv6 prefix or address.',
    remedy: 'Write 10.244.1.0/26 or fd00:10:244::/122; an address alone means its host route.',
  },
  API_BAD_CURSOR: {
    status: 400,
    meaning: 'The page cursor does not come from an earlier answer, or the table it pointed into is gone.',
    remedy: 'Start again without a cursor.',
  },
  API_UNAUTHORIZED: {
    status: 401,
    meaning: 'A change over TCP needs a bearer token, and it is missing or wrong.',
    remedy: 'Send `Authorization: Bearer TOKEN`, or use the Unix socket on the machine itself.',
  },
  API_FORBIDDEN: {
    status: 403,
    meaning: 'This listener takes no changes: it was started without a token.',
    remedy: 'Use the Unix socket, or start the daemon with a token for its HTTP listener.',
  },
  API_NOT_FOUND: {
    status: 404,
    meaning: 'No such page.',
    remedy: 'The list of pages is in /v1/openapi.json.',
  },
  API_PEER_NOT_FOUND: {
    status: 404,
    meaning: 'No peer has this name or address, is on this interface or node, or comes from a resource of this name.',
    remedy: '`starling show peers -o wide` lists them.',
  },
  API_PREFIX_NOT_FOUND: {
    status: 404,
    meaning: 'Nobody announced this prefix and nothing originates it.',
    remedy: '`starling show routes for ADDRESS` finds the longest match instead.',
  },
  API_NO_KERNEL: {
    status: 404,
    meaning: 'A reflector programs no kernel routes.',
    remedy: 'Ask a node.',
  },
  API_METHOD_NOT_ALLOWED: {
    status: 405,
    meaning: 'The page exists, but not for this method.',
    remedy: 'Reads are GET, changes are POST.',
  },
  API_REFUSED: {
    status: 409,
    meaning: 'The daemon refused the change in its present state.',
    remedy: 'The message says why.',
  },
  API_BODY_TOO_LARGE: {
    status: 413,
    meaning: 'The request body is larger than any operation needs.',
    remedy: 'No operation needs more than 16 KiB.',
  },
  API_UNSUPPORTED_MEDIA: {
    status: 415,
    meaning: 'The body is not JSON.',
    remedy: 'Send `Content-Type: application/json`.',
  },
  API_INTERNAL: {
    status: 500,
    meaning: 'A defect of the daemon. The log has the details, the answer has none.',
    remedy: 'Report it with the log lines of that second.',
  },
  API_UNSUPPORTED: {
    status: 501,
    meaning: 'This daemon does not have the operation (a reflector has no kernel to resynchronise).',
    remedy: 'The message says what lacks.',
  },
  API_BUSY: {
    status: 503,
    meaning: 'As many searches through the tables run as the daemon allows at a time.',
    remedy: 'Ask again in a second, or narrow the question (`in`, `peer`) until it needs no search.',
  },
  API_TOO_MANY_STREAMS: {
    status: 503,
    meaning: 'As many event streams are open as the daemon allows.',
    remedy: 'Close one, or read /v1/events page by page.',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

export class ApiError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  constructor(code: ErrorCode, message: string = ERRORS[code].meaning) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.statusCode = ERRORS[code].status
  }
}
