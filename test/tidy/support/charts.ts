/**
 * What kustomize and Helm make of our files, as far as our files go: resources, namespace, components and strategic merge patches of the
 * one; values, conditions and toYaml of the other. Whatever else a file used would throw here, so that a template cannot
 * outgrow its test. (Neither tool can be had on every machine that runs the tests.)
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments, stringify } from 'yaml'

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value }
export type Manifest = { [key: string]: Value }

export function documents(text: string, name: string): Manifest[] {
  const parsed = parseAllDocuments(text)
  if (!Array.isArray(parsed)) return []
  return parsed.flatMap((document) => {
    const fault = document.errors[0] ?? document.warnings[0]
    if (fault !== undefined) throw new Error(`${name}: ${fault.message}`)
    const value = document.toJS() as Manifest | null
    return value === null ? [] : [value]
  })
}

const isMap = (value: Value | undefined): value is Manifest =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface Kustomization {
  readonly namespace?: string
  readonly resources: readonly string[]
  readonly patches?: readonly { path: string }[]
}

const KUSTOMIZATION = new Set(['apiVersion', 'kind', 'namespace', 'resources', 'patches'])

function understood(file: string): Partial<Kustomization> {
  const raw = parse(readFileSync(file, 'utf8')) as Partial<Kustomization>
  for (const key of Object.keys(raw)) if (!KUSTOMIZATION.has(key)) throw new Error(`${file}: ${key} is not understood`)
  return raw
}

/** `kubectl kustomize FOLDER`. */
export function kustomize(folder: string): Manifest[] {
  const raw = understood(join(folder, 'kustomization.yaml'))
  const resources = (raw.resources ?? []).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? kustomize(path) : documents(readFileSync(path, 'utf8'), path)
  })
  const all = patched(resources, folder, raw)
  const { namespace } = raw
  if (namespace === undefined) return all
  return all.map((each) => ({ ...each, metadata: { ...(each['metadata'] as Manifest), namespace } }))
}

/** What `components: [FOLDER]` makes of resources: its patches applied, its own ones in the namespace of the others. */
export function withComponent(resources: readonly Manifest[], folder: string): Manifest[] {
  const raw = understood(join(folder, 'kustomization.yaml'))
  const { namespace } = resources[0]!['metadata'] as Manifest
  const own = (raw.resources ?? []).flatMap((name) => documents(readFileSync(join(folder, name), 'utf8'), name))
  const placed = own.map((each) => ({
    ...each,
    metadata: { ...(each['metadata'] as Manifest), namespace: namespace! },
  }))
  return [...patched(resources, folder, raw), ...placed]
}

function patched(resources: readonly Manifest[], folder: string, { patches = [] }: Partial<Kustomization>): Manifest[] {
  let all = [...resources]
  for (const { path } of patches) {
    for (const patch of documents(readFileSync(join(folder, path), 'utf8'), path)) {
      const target = all.findIndex((each) => each['kind'] === patch['kind'] && nameOf(each) === nameOf(patch))
      if (target < 0) throw new Error(`${path}: there is no ${String(patch['kind'])} ${nameOf(patch)} to patch`)
      all = all.with(target, merge(all[target]!, patch) as Manifest)
    }
  }
  return all
}

export const nameOf = (manifest: Manifest): string => String((manifest['metadata'] as Manifest)['name'])

/** Lists that Kubernetes merges by a key; all others are replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
}

export function merge(base: Value, patch: Value, field = ''): Value {
  if (isMap(base) && isMap(patch)) {
    const result: Manifest = { ...base }
    for (const [key, value] of Object.entries(patch)) {
      // What is null in a patch is removed.
      if (value === null) delete result[key]
      else result[key] = merge(result[key] ?? (isMap(value) ? {} : value), value, key)
    }
    return result
  }
  const key = MERGE_KEYS[field]
  if (key === undefined || !Array.isArray(base) || !Array.isArray(patch)) return patch
  const items = [...base] as Manifest[]
  for (const item of patch as Manifest[]) {
    const at = items.findIndex((each) => each[key] === item[key])
    if (at < 0) items.push(item)
    else items[at] = merge(items[at]!, item) as Manifest
  }
  return items
}

/** `helm template -n NAMESPACE --set ... CHART`: every template with the chart's values, `set` merged over them. */
export function helm(chart: string, set: Manifest, namespace = 'kube-system'): Manifest[] {
  const values = merge(parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as Manifest, set)
  const root = { Values: values, Release: { Namespace: namespace } } as Manifest
  const file = (name: string): string => readFileSync(join(chart, name), 'utf8')
  return readdirSync(join(chart, 'templates')).flatMap((name) => {
    return documents(render(file(join('templates', name)), root, file), name)
  })
}

const noFiles = (name: string): never => {
  throw new Error(`there is no file ${name}`)
}

/**
 * Go templates of `{{ PATH }}`, `{{ toYaml PATH | nindent N }}`, `{{ .Files.Get "FILE" | indent N }}`, `{{ if }}`, `{{ else }}`,
 * `{{ end }}`; `{{-` trims.
 */
export function render(template: string, root: Manifest, file: (name: string) => string = noFiles): string {
  const stack: { shown: boolean; taken: boolean }[] = []
  let out = ''
  let at = 0
  for (const match of template.matchAll(/\{\{(-?)\s*(.*?)\s*(-?)\}\}/g)) {
    const shown = stack.every((block) => block.shown)
    let before = template.slice(at, match.index)
    if (match[1] === '-') before = before.trimEnd()
    if (match[3] === '-') throw new Error('-}} is not understood')
    if (shown) out += before
    at = match.index + match[0].length
    const action = match[2] as string
    const top = stack.at(-1)
    if (action.startsWith('if ')) {
      const truth = condition(action.slice(3), root)
      stack.push({ shown: truth, taken: truth })
    } else if (action === 'else' && top !== undefined) top.shown = !top.taken
    else if (action === 'end' && top !== undefined) stack.pop()
    else if (shown) out += evaluate(action, root, file)
  }
  if (stack.length > 0) throw new Error('{{ if }} without {{ end }}')
  return out + template.slice(at)
}

function evaluate(action: string, root: Manifest, file: (name: string) => string): string {
  const included = /^\.Files\.Get "([^"]+)" \| indent (\d+)$/.exec(action)
  if (included !== null) return file(included[1]!).replaceAll(/^/gm, ' '.repeat(Number(included[2])))
  const yaml = /^toYaml (\S+) \| nindent (\d+)$/.exec(action)
  if (yaml === null) {
    const value = lookup(action, root)
    if (typeof value === 'object') throw new Error(`${action} is not a scalar`)
    return String(value)
  }
  const lines = stringify(lookup(yaml[1]!, root)).trimEnd().split('\n')
  return lines.map((line) => `\n${' '.repeat(Number(yaml[2]))}${line}`).join('')
}

function lookup(path: string, root: Manifest): Value {
  if (!/^(\.\w+)+$/.test(path)) throw new Error(`{{ ${path} }} is not understood`)
  let value: Value | undefined = root
  for (const key of path.slice(1).split('.')) value = isMap(value) ? value[key] : undefined
  if (value === undefined) throw new Error(`${path} has no value`)
  return value
}

/** `eq PATH "text"`, `ne PATH "text"`, PATH, and `and (...) PATH`. */
function condition(text: string, root: Manifest): boolean {
  const both = /^and \((.+)\) (\S+)$/.exec(text)
  if (both !== null) return condition(both[1]!, root) && condition(both[2]!, root)
  const compared = /^(eq|ne) (\S+) "([^"]*)"$/.exec(text)
  if (compared === null) {
    const value = lookup(text, root)
    // Go's templates: what is empty is false.
    return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value)
  }
  return (lookup(compared[2]!, root) === compared[3]) === (compared[1] === 'eq')
}

interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly Value[]
  readonly minimum?: number
  readonly minLength?: number
  readonly minItems?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean
  readonly items?: Schema
}

const typeOf = (value: Value): string =>
  Array.isArray(value) ? 'array' : value === null ? 'null' : Number.isInteger(value) ? 'integer' : typeof value

/** What Helm refuses values for, as far as values.schema.json goes: the paths that are wrong. */
export function violations(value: Value, schema: Schema, path = ''): string[] {
  const types = [schema.type ?? []].flat()
  const wrong =
    (types.length > 0 && !types.includes(typeOf(value))) ||
    schema.enum?.includes(value) === false ||
    (typeof value === 'number' && value < (schema.minimum ?? value)) ||
    (typeof value === 'string' && value.length < (schema.minLength ?? 0)) ||
    (Array.isArray(value) && value.length < (schema.minItems ?? 0))
  if (wrong) return [path]
  if (Array.isArray(value))
    return schema.items === undefined
      ? []
      : value.flatMap((item, at) => violations(item, schema.items!, `${path}.${at}`))
  if (!isMap(value)) return []
  const absent = (schema.required ?? []).filter((key) => !(key in value)).map((key) => `${path}.${key}`)
  const inside = Object.entries(value).flatMap(([key, each]) => {
    const known = schema.properties?.[key]
    if (known !== undefined) return violations(each, known, `${path}.${key}`)
    return schema.additionalProperties === false ? [`${path}.${key}`] : []
  })
  return [...absent, ...inside]
}
