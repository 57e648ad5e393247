/**
 * deploy/ as far as a machine without a cluster can judge it: what kustomize and Helm render is the same, every field is one
 * that Kubernetes has, names refer to what exists, pods have no right they do not need, every option is one of ours, and
 * systemd finds nothing wrong with the units.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { mapDocument } from '@starling/resources'
import { describe, expect, test } from 'vitest'
import { exists } from './files.js'
import {
  documents,
  helm,
  kustomize,
  type Manifest,
  merge,
  nameOf,
  render,
  type Value,
  violations,
  withComponent,
} from './support/charts.js'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const text = (path: string): string => readFileSync(at(path), 'utf8')
const MODES = ['beside-calico', 'reflectors', 'alone'] as const
const rendered = new Map(MODES.map((mode) => [mode, kustomize(at(`deploy/kubernetes/${mode}`))]))

/** Fields of the Kubernetes API that we use, by the kind of object; `*` takes any name. A typo is in none of them. */
const SCHEMA: Readonly<Record<string, readonly string[]>> = {
  object: ['apiVersion', 'kind', 'metadata', 'spec', 'automountServiceAccountToken'],
  metadata: ['name', 'namespace', 'labels'],
  workload: [
    'selector',
    'template',
    'updateStrategy',
    'minReadySeconds',
    'serviceName',
    'replicas',
    'podManagementPolicy',
  ],
  pod: [
    ...['hostNetwork', 'dnsPolicy', 'priorityClassName', 'serviceAccountName', 'automountServiceAccountToken'],
    ...['enableServiceLinks', 'terminationGracePeriodSeconds', 'nodeSelector', 'affinity', 'tolerations', 'volumes'],
    ...['topologySpreadConstraints', 'securityContext', 'containers', 'initContainers', 'imagePullSecrets'],
  ],
  container: [
    ...['name', 'image', 'args', 'env', 'ports', 'resources', 'securityContext', 'volumeMounts'],
    ...['startupProbe', 'livenessProbe', 'readinessProbe', 'lifecycle'],
  ],
  lifecycle: ['preStop'],
  hook: ['exec'],
  probe: ['httpGet', 'periodSeconds', 'timeoutSeconds', 'failureThreshold'],
  port: ['name', 'containerPort', 'hostPort', 'protocol'],
  mount: ['name', 'mountPath', 'readOnly'],
  volume: ['name', 'hostPath', 'secret', 'emptyDir'],
  containerSecurity: [
    'runAsUser',
    'allowPrivilegeEscalation',
    'readOnlyRootFilesystem',
    'capabilities',
    'seccompProfile',
  ],
  podSecurity: ['runAsNonRoot', 'runAsUser', 'runAsGroup', 'fsGroup', 'seccompProfile'],
}

const KINDS: Readonly<Record<string, string>> = {
  DaemonSet: 'apps/v1',
  StatefulSet: 'apps/v1',
  Service: 'v1',
  ServiceAccount: 'v1',
  PodDisruptionBudget: 'policy/v1',
  NetworkPolicy: 'networking.k8s.io/v1',
  ServiceMonitor: 'monitoring.coreos.com/v1',
  PrometheusRule: 'monitoring.coreos.com/v1',
}

/** Each is a choice that the chart has as a value. */
const OF_NODES = [
  ['drain-on-stop', { node: { drainOnStop: true } }],
  ['net-raw', { node: { netRaw: true } }],
  ['monitor-node', { serviceMonitor: { enabled: true } }],
] as const
const ALERTS = ['alerts', { prometheusRule: { enabled: true } }] as const
const OF_REFLECTORS = [['monitor-reflector', { serviceMonitor: { enabled: true } }], ALERTS] as const

const NODE_POWERS = ['NET_ADMIN', 'NET_BIND_SERVICE']

const map = (value: Value | undefined): Manifest => (value ?? {}) as Manifest
const list = (value: Value | undefined): Manifest[] => (value ?? []) as Manifest[]
const strangers = (value: Value | undefined, kind: string): string[] =>
  Object.keys(map(value)).filter((key) => !SCHEMA[kind]!.includes(key))

/** docs/cli.md is generated from the commands. */
function expectOptions([command, ...rest]: readonly string[]): void {
  const page = text('docs/cli.md').split(`\n## starling ${command}\n`)[1]?.split('\n## ')[0] ?? ''
  for (const option of rest.filter((each) => each.startsWith('--'))) expect(page).toContain(`\`${option} `.trimEnd())
}

/** What runs before the pod gets its SIGTERM, and how long both may take (the daemon's own stop has 15 seconds). */
function expectDrain(pod: Manifest, { lifecycle }: Manifest): void {
  const [program, ...args] = map(map(map(lifecycle)['preStop'])['exec'])['command'] as string[]
  expect(program).toBe('starling')
  expect(args[0]).toBe('drain')
  expectOptions(args)
  const timeout = Number(args[args.indexOf('--timeout') + 1])
  expect(pod['terminationGracePeriodSeconds']).toBeGreaterThanOrEqual(timeout + 15)
}

function expectFields(all: readonly Manifest[]): void {
  for (const manifest of all) {
    expect(KINDS[String(manifest['kind'])], nameOf(manifest)).toBe(manifest['apiVersion'])
    expect([...strangers(manifest, 'object'), ...strangers(manifest['metadata'], 'metadata')]).toEqual([])
    expect(map(manifest['metadata'])['namespace']).toBe('kube-system')
  }
  for (const { manifest, pod, containers } of all.flatMap(workload)) {
    const unknown = [
      ...strangers(manifest['spec'], 'workload'),
      ...strangers(pod, 'pod'),
      ...strangers(pod['securityContext'], 'podSecurity'),
      ...list(pod['volumes']).flatMap((volume) => strangers(volume, 'volume')),
      ...containers.flatMap((container) => [
        ...strangers(container, 'container'),
        ...strangers(container['securityContext'], 'containerSecurity'),
        ...strangers(container['lifecycle'], 'lifecycle'),
        ...strangers(map(container['lifecycle'])['preStop'], 'hook'),
        ...list(container['ports']).flatMap((port) => strangers(port, 'port')),
        ...list(container['volumeMounts']).flatMap((mount) => strangers(mount, 'mount')),
        ...['startupProbe', 'livenessProbe', 'readinessProbe'].flatMap((probe) => strangers(container[probe], 'probe')),
      ]),
    ]
    expect(unknown, nameOf(manifest)).toEqual([])
  }
}

/** What a ServiceMonitor selects is there, with the port that it names. */
function expectMonitored(monitor: Manifest, all: readonly Manifest[]): void {
  const { selector, endpoints } = map(monitor['spec'])
  const service = all.find(({ kind }) => kind === 'Service')!
  expect(map(map(service['metadata'])['labels'])).toEqual(map(selector)['matchLabels'])
  expect(list(map(service['spec'])['ports']).map(({ name }) => name)).toContain(list(endpoints)[0]!['port'])
}

interface Workload {
  readonly manifest: Manifest
  readonly pod: Manifest
  readonly containers: readonly Manifest[]
}

const workloads = (mode: (typeof MODES)[number]): Workload[] => rendered.get(mode)!.flatMap(workload)

function workload(manifest: Manifest): Workload[] {
  const pod = map(map(map(manifest['spec'])['template'])['spec'])
  const containers = [...list(pod['initContainers']), ...list(pod['containers'])]
  return containers.length === 0 ? [] : [{ manifest, pod, containers }]
}

describe.each(MODES)('%s', (mode) => {
  const all = rendered.get(mode)!

  test('the Helm chart and kustomize give the same', () => {
    const byName = (a: Manifest, b: Manifest): number => `${String(a['kind'])}`.localeCompare(String(b['kind']))
    const sorted = (items: Manifest[]) => items.map((item) => JSON.parse(JSON.stringify(item))).sort(byName)
    expect(sorted(helm(at('deploy/helm/starling'), { mode }))).toEqual(sorted(all))
  })

  test('kinds and fields are those of Kubernetes', () => expectFields(all))

  test('selectors, volumes, ports and accounts refer to what is there', () => {
    for (const { manifest, pod, containers } of workloads(mode)) {
      const spec = map(manifest['spec'])
      const labels = map(map(map(spec['template'])['metadata'])['labels'])
      expect(labels).toEqual(map(spec['selector'])['matchLabels'])
      const selecting = all.filter(({ kind }) =>
        ['Service', 'PodDisruptionBudget', 'NetworkPolicy'].includes(String(kind)),
      )
      for (const other of selecting) {
        const { selector, podSelector } = map(other['spec'])
        expect(map(selector)['matchLabels'] ?? map(podSelector)['matchLabels'] ?? selector, nameOf(other)).toEqual(
          labels,
        )
      }
      const volumes = list(pod['volumes']).map(({ name }) => name)
      const mounted = containers.flatMap((container) => list(container['volumeMounts']).map(({ name }) => name))
      expect(new Set(mounted)).toEqual(new Set(volumes))
      expect(all.some((each) => each['kind'] === 'ServiceAccount' && nameOf(each) === pod['serviceAccountName'])).toBe(
        true,
      )
      for (const container of list(pod['containers'])) {
        const ports = list(container['ports']).map(({ name }) => name)
        for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
          expect(ports, probe).toContain(map(map(container[probe])['httpGet'])['port'])
        }
      }
    }
  })

  test('a reflector is drained before it stops, a node restarts gracefully', () => {
    for (const { manifest, pod, containers } of workloads(mode)) {
      const [container] = containers.filter(({ name }) => name === 'reflector' || name === 'node')
      if (manifest['kind'] === 'StatefulSet') expectDrain(pod, container!)
      else expect(container).not.toHaveProperty('lifecycle')
    }
  })

  test.each<readonly [string, Manifest]>(mode === 'reflectors' ? OF_REFLECTORS : [...OF_NODES, ALERTS])(
    'the component %s is a value of the chart',
    (name, set) => {
      const byKind = (a: Manifest, b: Manifest): number => `${String(a['kind'])}`.localeCompare(String(b['kind']))
      const ours = withComponent(all, at(`deploy/kubernetes/components/${name}`)).sort(byKind)
      const theirs = helm(at('deploy/helm/starling'), { mode, ...set }).sort(byKind)
      expect(JSON.parse(JSON.stringify(theirs))).toEqual(JSON.parse(JSON.stringify(ours)))
      const added = ours.filter(({ kind }) => !all.some((each) => each['kind'] === kind))
      for (const each of added) expect(KINDS[String(each['kind'])], nameOf(each)).toBe(each['apiVersion'])
      if (name === 'drain-on-stop') {
        const [{ pod, containers }] = ours.flatMap(workload) as [Workload]
        expectDrain(pod, containers.find((each) => each['name'] === 'node')!)
      }
      if (name.startsWith('monitor-')) expectMonitored(added[0]!, ours)
    },
  )

  test('a pod has no right it does not need', () => {
    expect(all.filter(({ kind }) => /Role/.test(String(kind)))).toEqual([])
    for (const { manifest, pod, containers } of workloads(mode)) {
      expect(pod['automountServiceAccountToken']).toBe(false)
      for (const container of containers) {
        const security = map(container['securityContext'])
        expect(security).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true })
        const { drop, add = [] } = map(security['capabilities'])
        expect(drop).toEqual(['ALL'])
        expect(add).toEqual(container['name'] === 'node' ? NODE_POWERS : [])
        expect(map(container['resources'])).toMatchObject({ requests: expect.anything(), limits: expect.anything() })
      }
      if (manifest['kind'] === 'StatefulSet') expect(map(pod['securityContext'])['runAsNonRoot']).toBe(true)
    }
  })

  test('every option is one that the command has', () => {
    for (const { containers } of workloads(mode)) for (const { args } of containers) expectOptions(args as string[])
  })
})

test('the patch for calico-node turns BIRD off and keeps Felix', () => {
  const [patch] = documents(text('deploy/kubernetes/beside-calico/calico-node.patch.yaml'), 'patch')
  const original: Manifest = {
    spec: {
      template: {
        spec: {
          containers: [
            {
              name: 'calico-node',
              env: [
                { name: 'CALICO_NETWORKING_BACKEND', valueFrom: { configMapKeyRef: { name: 'calico-config' } } },
                { name: 'FELIX_HEALTHENABLED', value: 'true' },
              ],
              livenessProbe: {
                exec: { command: ['/bin/calico-node', '-felix-live', '-bird-live'] },
                periodSeconds: 10,
              },
            },
          ],
        },
      },
    },
  }
  expect(JSON.stringify(merge(original, patch!))).toContain('FELIX_HEALTHENABLED')
  expect(JSON.stringify(merge(original, patch!))).not.toContain('bird')
  // The API server refuses a variable with two sources, and a probe with two handlers.
  expect(JSON.stringify(merge(original, patch!))).not.toMatch(/calico-config|exec/)
  expect(JSON.stringify(merge(original, patch!))).toContain('"path":"/liveness"')
})

test('the resources for etcd are valid', () => {
  for (const each of documents(text('deploy/kubernetes/reflectors/cluster.yaml'), 'cluster.yaml')) {
    expect(mapDocument(each)).toMatchObject({ ok: true })
  }
})

test('NET_RAW is added to the powers of the node and replaces none', () => {
  const made = helm(at('deploy/helm/starling'), { mode: 'alone', node: { netRaw: true } }).flatMap(workload)
  const node = made[0]!.containers.find(({ name }) => name === 'node')!
  const powers = { drop: ['ALL'], add: [...NODE_POWERS, 'NET_RAW'] }
  expect(map(map(node['securityContext'])['capabilities'])).toEqual(powers)
})

/** Helm reads nothing outside of the chart and kustomize nothing outside of its folder: each has a copy, written by `UPDATE=1`. */
test('the alert rules are those of deploy/prometheus everywhere', () => {
  const rules = text('deploy/prometheus/starling.rules.yaml')
  const labels = 'labels: { app.kubernetes.io/name: starling }'
  const head = `apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: starling\n  ${labels}\nspec:\n`
  const copies = {
    'deploy/helm/starling/files/starling.rules.yaml': rules,
    'deploy/kubernetes/components/alerts/prometheusrule.yaml': `${head}${rules.replaceAll(/^(?=.)/gm, '  ')}`,
  }
  for (const [path, copy] of Object.entries(copies)) {
    if (process.env['UPDATE'] !== undefined) writeFileSync(at(path), copy)
    expect(text(path), path).toBe(copy)
  }
  const [made] = helm(at('deploy/helm/starling'), { mode: 'alone', prometheusRule: { enabled: true } }).slice(-1)
  // What Prometheus shall fill in has passed Helm unread.
  expect(made).toMatchObject({ kind: 'PrometheusRule', spec: documents(rules, 'rules')[0] })
  expect(JSON.stringify(made)).toContain('{{ $labels.instance }}')
})

test('values change what they say they change', () => {
  const off = { mode: 'reflectors', networkPolicy: { enabled: false } }
  expect(helm(at('deploy/helm/starling'), off).map(({ kind }) => kind)).toEqual([
    ...['ServiceAccount', 'StatefulSet', 'Service', 'PodDisruptionBudget'],
  ])
  const [, set] = helm(at('deploy/helm/starling'), { ...off, reflector: { replicas: 4, image: 'r.example/s:2' } })
  expect(JSON.stringify(set)).toMatch(/"replicas":4.*"image":"r.example\/s:2"/)
})

test('options, variables, labels and secrets of the operator reach the pods', () => {
  const extra = { extraArgs: ['--log-level', 'debug'], extraEnv: [{ name: 'TZ', value: 'UTC' }] }
  const set = {
    imagePullSecrets: [{ name: 'mine' }],
    node: { ...extra, nodeSelector: { 'starling.io/node': 'true' } },
    reflector: extra,
    serviceMonitor: { enabled: true, release: 'prom' },
    prometheusRule: { enabled: true, release: 'prom' },
  }
  for (const mode of MODES) {
    const made = helm(at('deploy/helm/starling'), { mode, ...set })
    const [{ pod, containers }] = made.flatMap(workload) as [Workload]
    const container = containers.find(({ name }) => name === 'node' || name === 'reflector')!
    expect((container['args'] as string[]).slice(-2)).toEqual(extra.extraArgs)
    expect(list(container['env']).at(-1)).toEqual(extra.extraEnv[0])
    expect(pod['imagePullSecrets']).toEqual(set.imagePullSecrets)
    const selector = { 'kubernetes.io/os': 'linux', 'starling.io/node': 'true' }
    if (mode !== 'reflectors') expect(pod['nodeSelector']).toEqual(selector)
    const monitors = made.filter(({ kind }) => kind === 'ServiceMonitor' || kind === 'PrometheusRule')
    const releases = monitors.map((each) => map(map(each['metadata'])['labels'])['release'])
    expect(releases).toEqual(['prom', 'prom'])
  }
})

test('every combination of choices is one that Helm takes and Kubernetes knows', () => {
  const extra = { extraArgs: ['--log-level', 'debug'], extraEnv: [{ name: 'TZ', value: 'UTC' }] }
  const choices: readonly Manifest[] = [
    { node: { drainOnStop: true } },
    { node: { netRaw: true } },
    { node: extra, reflector: extra, imagePullSecrets: [{ name: 'mine' }] },
    { serviceMonitor: { enabled: true, release: 'prom' }, prometheusRule: { enabled: true } },
    { networkPolicy: { enabled: false } },
  ]
  const schema = JSON.parse(text('deploy/helm/starling/values.schema.json')) as object
  const values = documents(text('deploy/helm/starling/values.yaml'), 'values.yaml')[0]!
  for (const mode of MODES) {
    for (let bits = 0; bits < 2 ** choices.length; bits++) {
      const chosen = choices.filter((_choice, at) => (bits >> at) % 2 === 1)
      const set = chosen.reduce<Value>((sum, each) => merge(sum, each), { mode }) as Manifest
      expect(violations(merge(values, set), schema), JSON.stringify(set)).toEqual([])
      const made = helm(at('deploy/helm/starling'), set)
      expectFields(made)
      const names = made.map((each) => `${String(each['kind'])}/${nameOf(each)}`)
      expect(new Set(names).size, JSON.stringify(set)).toBe(names.length)
    }
  }
})

test('Helm refuses values that the chart does not have, or that would render as something else', () => {
  const schema = JSON.parse(text('deploy/helm/starling/values.schema.json')) as object
  const values = documents(text('deploy/helm/starling/values.yaml'), 'values.yaml')[0]!
  const judge = (set: Manifest) => violations(merge(values, set), schema)
  expect(judge({})).toEqual([])
  expect(judge({ mode: 'beside-cilium' })).toEqual(['.mode'])
  expect(judge({ node: { imgae: 'x' } })).toEqual(['.node.imgae'])
  expect(judge({ reflector: { replicas: 0 } })).toEqual(['.reflector.replicas'])
  expect(judge({ node: { extraArgs: '--log-level debug' } })).toEqual(['.node.extraArgs'])
  expect(judge({ node: { drainOnStop: 'false' } })).toEqual(['.node.drainOnStop'])
  // To Kubernetes "from nobody in particular" is "from everybody".
  expect(judge({ networkPolicy: { nodes: [] } })).toEqual(['.networkPolicy.nodes'])
  // Every value is described: none can be mistyped unseen.
  const described = (value: Value, at: Manifest, path: string): string[] =>
    Object.entries(map(value)).flatMap(([key, each]) => {
      const known = map(map(at['properties'])[key])
      if (Object.keys(known).length === 0) return [`${path}.${key}`]
      return known['properties'] === undefined ? [] : described(each, known, `${path}.${key}`)
    })
  expect(described(values, schema as Manifest, '')).toEqual([])
})

test('a template that uses more than is understood fails', () => {
  expect(() => render('{{ .Values.x | quote }}', { Values: { x: 1 } })).toThrow('not understood')
  expect(() => render('{{ .Values.y }}', { Values: { x: 1 } })).toThrow('no value')
  expect(() => render('{{ if .Values.x }}', { Values: { x: 1 } })).toThrow('without')
})

describe('systemd', () => {
  const units = readdirSync(at('deploy/systemd')).filter((name) => name.endsWith('.service'))

  test.each(units)('%s runs one of our commands as an ordinary user with few powers', (name) => {
    const unit = text(`deploy/systemd/${name}`)
    const product = name.replace(/^starling-|\.service$/g, '')
    expect(unit).toContain(`starling.js ${product} $STARLING_OPTIONS\n`)
    expect(unit).toMatch(/^User=starling$/m)
    expect(unit).toMatch(/^NoNewPrivileges=yes$/m)
    const powers = /^CapabilityBoundingSet=(.*)$/m.exec(unit)?.[1]?.split(' ')
    expect(powers).toEqual(product === 'node' ? ['CAP_NET_ADMIN', 'CAP_NET_BIND_SERVICE'] : ['CAP_NET_BIND_SERVICE'])
    expect(exists(`deploy/systemd/starling.sysusers.conf`)).toBe(true)
  })

  test('the drop-in adds one power to the unit of the node and nothing else', () => {
    const settings = text('deploy/systemd/starling-node.net-raw.conf').match(/^[^#\n].*$/gm)
    expect(settings).toEqual(['[Service]', 'AmbientCapabilities=CAP_NET_RAW', 'CapabilityBoundingSet=CAP_NET_RAW'])
  })
})
