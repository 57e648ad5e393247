/**
 * One request to the API: an answer or a failure of a known kind, which the views turn into a designed state.
 */

export type FailureKind = 'forbidden' | 'not-found' | 'refused' | 'failed' | 'unreachable'

export class Failure extends Error {
  readonly kind: FailureKind
  readonly code: string

  constructor(kind: FailureKind, code: string, message: string) {
    super(message)
    this.kind = kind
    this.code = code
  }
}

const KINDS: Readonly<Record<number, FailureKind>> = {
  400: 'refused',
  401: 'forbidden',
  403: 'forbidden',
  404: 'not-found',
}

/** Longer than this and the daemon counts as unreachable. */
const PATIENCE = 10_000

/** `path` is relative (`v1/peers`), so that the page also works behind a proxy that puts a prefix before it. */
export async function getText(path: string): Promise<string> {
  const response = await fetch(path, {
    headers: { accept: 'application/json, text/plain' },
    signal: AbortSignal.timeout(PATIENCE),
  }).catch(() => undefined)
  if (response === undefined) throw new Failure('unreachable', 'UNREACHABLE', 'The daemon does not answer.')
  const text = await response.text().catch(() => {
    throw new Failure('unreachable', 'UNREACHABLE', 'The connection broke during the answer.')
  })
  if (response.ok) return text
  const kind = KINDS[response.status] ?? 'failed'
  throw errorOf(text, kind) ?? new Failure(kind, `HTTP ${response.status}`, response.statusText)
}

function errorOf(text: string, kind: FailureKind): Failure | undefined {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } }
    return new Failure(kind, error.code, error.message)
  } catch {
    return undefined
  }
}

export async function getJson<T>(path: string): Promise<T> {
  return JSON.parse(await getText(path)) as T
}

/** `v1/peers?state=down`: members without a value are left out. */
export function pathOf(base: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(key, String(value))
  }
  const text = search.toString()
  return text === '' ? base : `${base}?${text}`
}
