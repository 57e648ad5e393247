/**
 * docker-compose.yml as far as a machine without a container engine can judge it: it parses, every name it refers to
 * exists, addresses are unique and inside their network, and the cluster it seeds consists of valid resources whose
 * addresses are those of the containers.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { Prefix } from '@starling/inet'
import { loadTopology } from '@starling/lab'
import { mapDocument } from '@starling/resources'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>
  readonly networks: readonly string[] | Readonly<Record<string, { ipv4_address: string }>>
  readonly volumes?: readonly string[]
  readonly configs?: readonly { source: string; target: string }[]
  readonly cap_add?: readonly string[]
  readonly user?: string
  readonly read_only?: boolean
  readonly tmpfs?: readonly string[]
  readonly build?: { readonly target: string }
  readonly profiles?: readonly string[]
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: {
    readonly fabric: { readonly ipam: { readonly config: readonly [{ subnet: string; ip_range: string }] } }
  }
  readonly volumes: Readonly<Record<string, unknown>>
  readonly configs: Readonly<Record<string, { content: string; file?: string }>>
}

const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8')
const compose = parse(text, { merge: true }) as Compose
const services = Object.entries(compose.services)
const started = services.filter(([, { image }]) => /^starling-(node|reflector):dev$/.test(image))
const names = (list: readonly string[] | Readonly<Record<string, unknown>> = []): string[] =>
  Array.isArray(list) ? [...(list as readonly string[])] : Object.keys(list)

const addresses = new Map(
  services.flatMap(([name, { networks }]) =>
    Array.isArray(networks)
      ? []
      : [[name, (networks as { fabric: { ipv4_address: string } }).fabric.ipv4_address] as const],
  ),
)

test('every service has an image and refers to services, networks, volumes and configs that exist', () => {
  const unknown = services.flatMap(([name, service]) => [
    ...(service.image === undefined ? [`${name}: no image`] : []),
    ...names(service.depends_on).filter((each) => !(each in compose.services)),
    ...names(service.networks).filter((each) => !(each in compose.networks)),
    ...(service.volumes ?? []).map((each) => each.split(':')[0] as string).filter((each) => !(each in compose.volumes)),
    ...(service.configs ?? []).map(({ source }) => source).filter((each) => !(each in compose.configs)),
  ])
  expect(unknown).toEqual([])
  const used = new Set(services.flatMap(([, { configs = [] }]) => configs.map(({ source }) => source)))
  expect(Object.keys(compose.configs).sort()).toEqual([...used].sort())
})

test('files that are mounted are in the repository, every dashboard among them', () => {
  const files = Object.values(compose.configs).flatMap(({ file }) => file?.replace('./', '') ?? [])
  for (const file of files) expect(existsSync(new URL(`../../${file}`, import.meta.url)), file).toBe(true)
  const dashboards = readdirSync(new URL('../../deploy/grafana', import.meta.url)).filter((name) =>
    name.endsWith('.json'),
  )
  expect(files).toEqual(expect.arrayContaining(dashboards.map((name) => `deploy/grafana/${name}`)))
})

test('addresses are unique and inside the fabric', () => {
  const fabric = Prefix.parseStrict(compose.networks.fabric.ipam.config[0].subnet)
  expect(new Set(addresses.values()).size).toBe(addresses.size)
  const free = Prefix.parseStrict(compose.networks.fabric.ipam.config[0].ip_range)
  expect(fabric?.contains(free!)).toBe(true)
  for (const address of addresses.values()) {
    expect(fabric?.contains(Prefix.parseOrHost(address)!)).toBe(true)
    // Docker hands out addresses of the range to those without one, in the order they start.
    expect(free?.contains(Prefix.parseOrHost(address)!), address).toBe(false)
  }
})

test('a reflector is no root and has no capability, a node has NET_ADMIN; both write to /run/starling alone', () => {
  expect(started).toHaveLength(5)
  for (const [name, { command, cap_add = [], user, read_only, tmpfs = [] }] of started) {
    expect(read_only, name).toBe(true)
    expect(tmpfs.map((each) => each.split(':')[0])).toEqual(['/run/starling'])
    if (command?.[0] === 'reflector') expect({ cap_add, user }, name).toEqual({ cap_add: [], user: '65532:65532' })
    else expect(cap_add, name).toContain('NET_ADMIN')
  }
})

test('every container runs a command that its image has: the targets of the Dockerfile', () => {
  const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')
  for (const [name, { command, image, build }] of started) {
    expect(build?.target, name).toBe(command?.[0])
    expect(image, name).toBe(`starling-${build?.target}:dev`)
    expect(dockerfile).toContain(`\nFROM base AS ${build?.target}\n`)
    expect(dockerfile).toContain(`COPY --from=build /src/dist/bundle/${build?.target} /opt/starling\n`)
  }
})

test('the seeded cluster is valid and names the containers with their addresses', () => {
  const documents = JSON.parse(compose.configs['cluster']!.content) as {
    kind: string
    metadata: { name: string }
    spec: { bgp?: { ipv4Address: string }; peerIP?: string }
  }[]
  for (const document of documents) expect(mapDocument(document)).toMatchObject({ ok: true })
  const nodes = documents.filter(({ kind }) => kind === 'Node')
  expect(nodes.map(({ metadata }) => metadata.name).sort()).toEqual(started.map(([name]) => name).sort())
  for (const { metadata, spec } of nodes) expect(spec.bgp?.ipv4Address).toBe(`${addresses.get(metadata.name)}/24`)
  expect(documents.find(({ metadata }) => metadata.name === 'tor')?.spec.peerIP).toBe(addresses.get('tor'))
})

test('each profile starts a neighbour and the BGPPeer that names it, and nothing else waits for it', () => {
  for (const [name, { profiles }] of services.filter(([, service]) => service.profiles !== undefined)) {
    const [neighbour = ''] = profiles ?? []
    expect([neighbour, `${neighbour}-peering`]).toContain(name)
  }
  for (const [name, asNumber] of [
    ['bird', 64602],
    ['gobgp', 64603],
    ['openbgpd', 64604],
  ] as const) {
    const [document] = JSON.parse(compose.configs[`${name}-peering`]!.content) as [{ spec: object }]
    expect(mapDocument(document)).toMatchObject({ ok: true })
    expect(document.spec).toMatchObject({ peerIP: addresses.get(name), asNumber })
    expect(compose.configs[name]!.content).toContain(String(asNumber))
    expect(compose.configs[name]!.content).toContain(addresses.get(name))
  }
})

test('topology/compose.yaml is the same cluster', () => {
  const { tors, reflectors, nodes, segments, asNumber, pools, datastore } = loadTopology(
    new URL('../../topology/compose.yaml', import.meta.url).pathname,
  )
  const placed = [
    ...reflectors.map(({ name, leg }) => [name, leg.address] as const),
    ...nodes.map(({ name, leg }) => [name, leg.address] as const),
    ...tors.map(({ name, legs }) => [name, legs[0]?.address ?? ''] as const),
  ]
  for (const [name, address] of placed) expect(addresses.get(name), name).toBe(address)
  expect(placed.length).toBe(started.length + 1)
  expect(segments).toEqual([{ name: 'fabric', subnet: compose.networks.fabric.ipam.config[0].subnet }])
  const seed = compose.configs['cluster']!.content
  for (const text of [`"asNumber": ${asNumber}`, `"asNumber": ${tors[0]?.asNumber}`, `"cidr": "${pools[0]?.cidr}"`])
    expect(seed).toContain(text)
  for (const { clusterId } of reflectors) expect(seed).toContain(`"routeReflectorClusterID": "${clusterId}"`)
  expect(compose.services['tor']?.image).toContain(tors[0]?.daemon)
  expect(datastore).toBe('etcd')
})

test('Prometheus asks every daemon', () => {
  const { scrape_configs } = parse(compose.configs['prometheus']!.content) as {
    scrape_configs: { static_configs: { targets: string[] }[] }[]
  }
  const asked = scrape_configs.flatMap(({ static_configs }) => static_configs.flatMap(({ targets }) => targets))
  expect(asked.sort()).toEqual(started.map(([name]) => `${name}:9179`).sort())
})
