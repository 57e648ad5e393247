/**
 * Annotations `starling.io/...` on a BGPPeer: the options of one peer without a resource of their own.
 *
 * Each is the kebab-case name of a StarlingPeerOptions field (`starling.io/hold-time: 9s`) with the value as text, or as
 * JSON where the field is an object or a list. They are validated by the same schema.
 */
import { type PeerOptions, peerOptionFields } from './schema/peer-options.js'
import { unknownHint } from './unknown.js'

export const ANNOTATION_PREFIX = 'starling.io/'

const FIELD_OF_ANNOTATION = new Map(
  Object.keys(peerOptionFields.shape).map((field) => [
    ANNOTATION_PREFIX + field.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`),
    field,
  ]),
)
/** Fields whose text must not be read as a number or a boolean. */
const TEXT_FIELDS: ReadonlySet<string> = new Set(['description', 'shutdownMessage', 'interface', 'localAddress'])

const LIST_FIELDS: ReadonlySet<string> = new Set(['families', 'discardAttributes', 'withdrawOnAttributes'])

export interface AnnotationFault {
  readonly annotation: string
  readonly message: string
}

export interface AnnotationOptions {
  readonly options: Partial<PeerOptions>
  readonly faults: readonly AnnotationFault[]
}

/** A bad annotation is reported and left out; the others count. */
export function readAnnotations(annotations: Readonly<Record<string, string>>): AnnotationOptions {
  const options: Record<string, unknown> = {}
  const faults: AnnotationFault[] = []
  for (const annotation of Object.keys(annotations).sort()) {
    if (!annotation.startsWith(ANNOTATION_PREFIX)) continue
    const field = FIELD_OF_ANNOTATION.get(annotation)
    if (field === undefined) {
      faults.push({ annotation, message: `unknown annotation${unknownHint(annotation)}` })
      continue
    }
    const parsed = peerOptionFields.safeParse({ [field]: fieldValue(field, annotations[annotation] as string) })
    if (parsed.success) options[field] = parsed.data[field as keyof PeerOptions]
    else faults.push({ annotation, message: parsed.error.issues.map((issue) => issue.message).join('; ') })
  }
  return { options: options as Partial<PeerOptions>, faults }
}

/** Lists may be written as `ipv4, ipv6`, too. */
function fieldValue(field: string, text: string): unknown {
  if (TEXT_FIELDS.has(field)) return text
  if (!LIST_FIELDS.has(field) || text.trimStart().startsWith('[')) return scalar(text)
  return text.split(',').map((part) => scalar(part.trim()))
}

/** JSON where the text is JSON, otherwise the text. */
function scalar(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
