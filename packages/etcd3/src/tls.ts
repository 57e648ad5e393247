/**
 * TLS material: a CA, and a certificate with its key, inline or as files that someone else renews (cert-manager, a
 * mounted Secret). Files are read again every few seconds; a change counts only once certificate and key fit each other,
 * because the two are never replaced at the same instant.
 */
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { after } from './clock.js'
import { EtcdError } from './errors.js'

export interface TlsOptions {
  /** Paths to PEM files. */
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  /** PEM text, instead of the path of the same name. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** How often files are read again; 10 s. */
  readonly reloadMs?: number
}

export interface TlsMaterial {
  readonly ca: Buffer | undefined
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
}

export function loadTls(options: TlsOptions): TlsMaterial {
  const material = {
    ca: load('CA', options.caFile, options.ca),
    cert: load('certificate', options.certFile, options.cert),
    key: load('key', options.keyFile, options.key),
  }
  if ((material.cert === undefined) !== (material.key === undefined)) {
    throw new EtcdError('invalid', 'etcd TLS: a client certificate needs its key, and a key its certificate')
  }
  try {
    createSecureContext(material)
  } catch (cause) {
    throw new EtcdError('invalid', `etcd TLS: ${(cause as Error).message}`, { cause })
  }
  return material
}

function load(what: string, file: string | undefined, inline: string | undefined): Buffer | undefined {
  if (file !== undefined && inline !== undefined) {
    throw new EtcdError('invalid', `etcd TLS: ${what} given both inline and as a file`)
  }
  if (inline !== undefined) return Buffer.from(inline)
  if (file === undefined) return undefined
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new EtcdError('invalid', `etcd TLS: ${what}: ${(cause as Error).message}`, { cause })
  }
}

/** Calls back with new material whenever the files hold some. The answer stops. */
export function watchTls(
  options: TlsOptions,
  first: TlsMaterial,
  changed: (material: TlsMaterial) => void,
): () => void {
  if (options.caFile === undefined && options.certFile === undefined && options.keyFile === undefined) return () => {}
  let known = first
  let cancel = () => {}
  const look = () => {
    try {
      const material = loadTls(options)
      if (!same(material, known)) {
        known = material
        changed(material)
      }
    } catch {
      // Half-written or gone: what we have stays in use, the next look may find it whole.
    }
    cancel = after(options.reloadMs ?? 10_000, look, true)
  }
  cancel = after(options.reloadMs ?? 10_000, look, true)
  return () => cancel()
}

function same(a: TlsMaterial, b: TlsMaterial): boolean {
  return (['ca', 'cert', 'key'] as const).every((part) => a[part]?.toString() === b[part]?.toString())
}
