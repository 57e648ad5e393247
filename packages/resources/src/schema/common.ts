/**
 * Building blocks of every resource schema: metadata, and scalar types that turn Calico's texts into our values.
 *
 * Parsing is lenient where Go's readers are lenient (absent, null and empty mean the same, unknown members pass) and
 * strict where a wrong value would steer a session. Whatever fails is reported with the path of the bad field.
 */
import { z } from 'zod'
import { parseSelector, SelectorError } from '../selector/parse.js'
import { type Cidr, parseAddress, parseCidr } from '../values/address.js'
import { parseAsNumber } from '../values/asn.js'
import { parseCommunity } from '../values/community.js'
import { parseDuration } from '../values/duration.js'

/** Text that must satisfy `parse`; absent and empty text are absent. */
export function optionalText<T>(parse: (text: string) => T | undefined, expected: string) {
  return z
    .string()
    .optional()
    .transform((text, context): T | undefined => {
      if (text === undefined || text === '') return undefined
      const value = parse(text)
      if (value === undefined) context.addIssue({ code: 'custom', message: `'${text}' is not ${expected}` })
      return value
    })
}

export function requiredText<T>(parse: (text: string) => T | undefined, expected: string) {
  const error = ({ input }: { readonly input?: unknown }) =>
    input === undefined ? `is missing: ${expected}` : `must be a text: ${expected}`
  return z.string({ error }).transform((text, context): T => {
    const value = parse(text)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: `'${text}' is not ${expected}` })
    return z.NEVER
  })
}

/** Empty text counts as absent. */
export const optionalString = z
  .string()
  .optional()
  .transform((text) => (text === '' ? undefined : text))

/** Texts; an item left blank names nothing. */
export const texts = z
  .array(z.string().nullable())
  .transform((items) => items.flatMap((item) => (item === null || item === '' ? [] : [item])))

/** Only the masked network counts. */
export const optionalNetworkCidr = optionalText(
  (text): Cidr | undefined => (text.includes('/') ? parseCidr(text) : undefined),
  'a CIDR such as 10.0.0.0/8',
)
export const optionalAddress = optionalText((text) => parseAddress(text)?.address, 'an IP address')
export const optionalCidr = optionalText(parseCidr, 'an address with a prefix length')
export const cidr = requiredText(parseCidr, 'a CIDR')
/** Only the masked network counts. */
export const networkCidr = requiredText(
  (text): Cidr | undefined => (text.includes('/') ? parseCidr(text) : undefined),
  'a CIDR such as 10.0.0.0/8',
)

const AS_NUMBER = "an AS number (0..4294967295, or dotted '1.10')"
const asNumberOrText = z.union([z.number(), z.string()], {
  error: ({ input }) =>
    `${typeof input === 'bigint' ? input : `a value of type ${typeName(input)}`} is not ${AS_NUMBER}`,
})
const typeName = (value: unknown): string => (Array.isArray(value) ? 'list' : typeof value)

export const asNumber = asNumberOrText.transform((value, context): number => {
  const parsed = parseAsNumber(value)
  if (parsed !== undefined) return parsed
  // YAML reads an unquoted 1.10 as the number 1.1: what was meant is lost.
  const advice = typeof value === 'number' && !Number.isInteger(value) ? '; a dotted one needs quotes' : ''
  const message = `'${value}' is not ${AS_NUMBER}${advice}`
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

/** Milliseconds. */
export const duration = requiredText(parseDuration, "a duration such as '2m0s'")
export const optionalDuration = optionalText(parseDuration, "a duration such as '2m0s'")
export const community = requiredText((text) => parseCommunity(text)?.text, 'a community aa:nn or aa:nn:mm')

/** A selector is kept as text: one that does not parse selects nothing (calico.md 1.15), it does not void its owner. */
export const optionalSelector = optionalString

/** Why a selector's text is wrong, or undefined. */
export function selectorFault(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  try {
    parseSelector(text)
    return undefined
  } catch (error) {
    if (error instanceof SelectorError) return error.message
    throw error
  }
}

/** One of the words; absent and empty are absent, as Go's zero value is. */
export function optionalChoice<const T extends readonly [string, ...string[]]>(words: T) {
  return z
    .enum([...words, ''], { error: ({ input }) => `'${String(input)}' is not one of ${words.join(', ')}` })
    .optional()
    .transform((word): T[number] | undefined => (word === '' ? undefined : word))
}

/** A whole number; 0 is absent, because Go's writers cannot tell the two apart. */
export function optionalCount(minimum: number, maximum: number) {
  return z
    .union([z.literal(0), z.number().int().min(minimum).max(maximum)])
    .optional()
    .transform((value) => (value === 0 ? undefined : value))
}

export const port = z.number().int().min(1).max(65535)
export const optionalPort = optionalCount(1, 65535)
export const routePriority = z.number().int().min(1).max(2147483646)

export const metadata = z
  .object({
    name: z.string().min(1),
    namespace: optionalString,
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
    uid: optionalString,
    creationTimestamp: optionalString,
  })
  .readonly()
export type Metadata = z.output<typeof metadata>

/** A resource: kind, metadata and the given parts. Unknown members of the top level are ignored. */
export function resource<K extends string, T extends z.ZodRawShape>(kind: K, parts: T) {
  return z.object({ kind: z.literal(kind), metadata, ...parts })
}

/** An object without a reference, which Go's readers let pass, is no password. */
export const secretKeyRef = z
  .object({
    secretKeyRef: z
      .object({ name: z.string().min(1), key: z.string().min(1), optional: z.boolean().optional() })
      .optional(),
  })
  .transform(({ secretKeyRef: reference }) => (reference === undefined ? undefined : { secretKeyRef: reference }))
export type SecretSource = NonNullable<z.output<typeof secretKeyRef>>
