/**
 * A running lab: network, datastores and daemons of one topology, in this process and its children. It starts them,
 * gives pods addresses once their node has claimed a block, looks at everything on demand, breaks and mends things, and
 * leaves nothing behind.
 */
import { rmSync } from 'node:fs'
import { foreign, notInstalled, unfit } from '../daemons/index.js'
import { controlSocket, starling } from '../daemons/starling.js'
import { Pinger } from '../fabric/ping.js'
import type { KernelRoute } from '../fabric/wiring.js'
import { familyOf, hostAddress, parseSubnet } from '../topology/addresses.js'
import { type DevicePlan, familiesOf, type LabPlan, planLab } from '../topology/plan.js'
import { clusterStore, nodeEntry, type StoreOptions, torStore } from '../topology/resources.js'
import type { Daemon, Topology } from '../topology/types.js'
import { bookAddress, claimFor, confirmedBlocks } from './blocks.js'
import type { DeviceView, LabView, PingView } from './converge.js'
import { Network } from './network.js'
import { memoryKernel, observe } from './observe.js'
import { Processes } from './processes.js'
import { createFolder, type LabState, LOG_VARIABLE, ownProcess, saveState } from './state.js'
import { embeddedStore, etcdStore, fill, type Store, startEtcd } from './store.js'

/** `netns`: namespaces, as root or in a user namespace. `loopback`: addresses in 127/8 and routes in memory. */
export type Mode = 'netns' | 'loopback'

export interface LabOptions {
  readonly topology: Topology
  readonly mode: Mode
  /** `embedded`, `etcd` (started here), or the URLs of one that runs. */
  readonly datastore: 'embedded' | 'etcd' | readonly string[]
  /** File of the `starling` command that the daemons are started with. */
  readonly program: string
  readonly progress: (what: string) => void
  /** Nodes that are wired but not there yet: no resource, no daemon, until `join`. */
  readonly late?: readonly string[]
  /** Ends the start, which rejects then, with everything taken down. */
  readonly stop?: AbortSignal
  /** Called when a foreign daemon's files are written and it has not started yet: the place to write others. */
  readonly configured?: (lab: Lab, device: DevicePlan, block: string | undefined) => Promise<void>
}

/** Where 179 may be taken or forbidden. */
const LOOPBACK_PORT = 1790
/** The first address of a block is its network address: left free, though a pod could have it. */
const FIRST_POD = 1
const PING_MS = 1000

export class Lab {
  readonly id: string
  readonly folder: string
  #plan: LabPlan
  readonly mode: Mode
  readonly processes: Processes
  readonly network: Network | undefined
  readonly #options: LabOptions
  readonly #stores = new Map<string, Store>()
  readonly #pingers = new Map<string, Pinger>()
  #blocks = new Map<string, string[]>()
  #connecting: Promise<void> | undefined

  /** Builds and starts everything; what was begun is taken down again when a step fails. */
  static async start(options: LabOptions): Promise<Lab> {
    for (const device of planLab(options.topology).devices) {
      const lacking = notInstalled(device.daemon) ?? unfit(device, device.daemon)
      if (lacking !== undefined) throw new Error(`${device.name}: ${lacking}`)
    }
    const lab = new Lab(options)
    try {
      await lab.#start()
      return lab
    } catch (error) {
      await lab.stop()
      throw error
    }
  }

  private constructor(options: LabOptions) {
    this.#options = options
    this.mode = options.mode
    this.#plan = planLab(options.topology)
    const { id, folder } = createFolder(this.#state([]))
    this.id = id
    this.folder = folder
    this.processes = new Processes(folder, () => this.#save())
    try {
      this.network = options.mode === 'netns' ? new Network(this.plan) : undefined
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Where its words go when it runs in the background. */
  get log(): string | undefined {
    return process.env[LOG_VARIABLE]
  }

  get plan(): LabPlan {
    return this.#plan
  }

  get store(): Store {
    return this.#stores.get('store')!
  }

  async #start(): Promise<void> {
    const { topology, progress, stop } = this.#options
    const options: StoreOptions = this.mode === 'loopback' ? { listenPort: LOOPBACK_PORT, loopback: true } : {}
    progress('starting the datastore')
    const store = await this.#openStore()
    this.#stores.set('store', store)
    progress('writing the cluster’s resources')
    stop?.throwIfAborted()
    const present = { ...topology, nodes: topology.nodes.filter(({ name }) => !this.#isLate(name)) }
    await fill(store.datastore, clusterStore(present, options))
    for (const tor of topology.tors.filter(({ daemon }) => daemon === 'starling')) {
      const own = await embeddedStore(this.folder, `store-${tor.name}`)
      this.#stores.set(tor.name, own)
      await fill(own.datastore, torStore(topology, tor, options))
    }
    progress('starting the daemons')
    for (const device of this.plan.devices) {
      stop?.throwIfAborted()
      if (!this.#isLate(device.name)) await this.#startDaemon(device)
    }
  }

  /** A late node arrives: its resource is written and its daemon started. */
  async join(name: string): Promise<void> {
    const { topology } = this.#options
    const node = topology.nodes.find((each) => each.name === name)
    const device = this.plan.devices.find((each) => each.name === name)
    if (node === undefined || device === undefined) throw new Error(`no node is named "${name}"`)
    await fill(this.store.datastore, [nodeEntry(topology, node)])
    await this.#startDaemon(device)
  }

  #isLate(name: string): boolean {
    return this.#options.late?.includes(name) ?? false
  }

  #openStore(): Promise<Store> {
    const { datastore, stop } = this.#options
    if (datastore === 'embedded') return embeddedStore(this.folder, 'store')
    const stillWanted = () => stop?.throwIfAborted()
    return datastore === 'etcd'
      ? startEtcd(this.folder, this.processes, stillWanted)
      : etcdStore(datastore, stillWanted)
  }

  async #startDaemon(device: DevicePlan): Promise<void> {
    const ns = this.network?.namespace(device.name)
    const other = foreign(device.daemon)
    // A block that the node has already stays with whoever claimed it: Calico's CNI, or the daemon before.
    const own = device.role === 'node' ? ((await confirmedBlocks(this.store.datastore)).get(device.name) ?? []) : []
    const wanted = device.pods.length === 0 ? [] : familiesOf(this.plan.topology)
    const unclaimed = wanted.filter((family) => !own.some((block) => familyOf(block) === family))
    if (other !== undefined) {
      const blocks = [...own]
      for (const family of unclaimed) blocks.push(await claimFor(this.store.datastore, device.name, family))
      const place = { folder: this.folder, ns }
      const specs = other.start(this.plan, device, place, blocks)
      await this.#options.configured?.(this, device, blocks[0])
      for (const spec of specs) this.processes.start(spec)
      return
    }
    const store = this.#stores.get(device.name) ?? this.store
    const place = {
      folder: this.folder,
      program: this.#options.program,
      datastore: store.spec(ns),
      memoryFib: this.mode === 'loopback',
      claimBlock: unclaimed.length > 0,
    }
    this.processes.start({ ...starling(device, place), ns })
  }

  /** One look at everything, after connecting pods whose node has a block by now. */
  async look(): Promise<LabView> {
    await this.#readBlocks()
    const trouble = await this.#connectPods().then(() => '', wordsOf)
    // Pings by themselves: anything else in this event loop would show in their round trips.
    const pings = await this.#pingAll()
    const devices = await Promise.all(this.plan.devices.map((device) => this.#lookAt(device)))
    const pods = this.network?.pods() ?? []
    return { devices, pods, pings, trouble, hasPods: this.network !== undefined }
  }

  async #lookAt(plan: DevicePlan): Promise<DeviceView> {
    const status = this.processes.status(plan.name)
    const socket = controlSocket(this.folder, plan.name)
    const place = { folder: this.folder, ns: this.network?.namespace(plan.name) }
    const [daemon, kernel] = await Promise.all([
      observe(plan.daemon, plan.name, place),
      plan.role === 'reflector' ? undefined : (this.#kernel(plan.name)?.catch(unreadable) ?? memoryKernel(socket)),
    ])
    return {
      plan,
      ended: status?.ended ?? 'never started',
      log: status?.log ?? '',
      daemon,
      blocks: plan.role === 'node' ? (this.#blocks.get(plan.name) ?? []) : [],
      kernel,
      cut: this.network?.isCut(plan.name) ?? false,
    }
  }

  #kernel(device: string): Promise<KernelRoute[]> | undefined {
    const wiring = this.network?.wiring(device)
    if (wiring === undefined) return undefined
    return Promise.all(familiesOf(this.plan.topology).map((family) => wiring.routes(family))).then((all) => all.flat())
  }

  /** The last answer stands while the store is away. */
  async #readBlocks(): Promise<void> {
    try {
      this.#blocks = await confirmedBlocks(this.store.datastore)
    } catch {
      // The view shows what depends on it.
    }
  }

  /** Looks overlap (the display's own, `lab status`, a test): a pod is connected once. */
  #connectPods(): Promise<void> {
    this.#connecting ??= this.#connectNewPods().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #connectNewPods(): Promise<void> {
    if (this.network === undefined) return
    const known = new Set(this.network.pods().map(({ name }) => name))
    for (const { name, pods } of this.plan.devices) {
      const own = this.#blocks.get(name) ?? []
      const blocks = familiesOf(this.plan.topology).map((family) => own.find((block) => familyOf(block) === family))
      if (blocks.includes(undefined)) continue
      for (const [at, pod] of pods.entries()) {
        if (known.has(pod)) continue
        const [address, address6] = blocks.map((block) => hostAddress(parseSubnet(block ?? '')!, FIRST_POD + at))
        if (address === undefined) continue
        for (const each of [address, address6]) {
          if (each !== undefined) await bookAddress(this.store.datastore, name, pod, each)
        }
        this.network.addPod(pod, name, address, address6)
      }
    }
  }

  async #pingAll(): Promise<PingView[]> {
    const pods = this.network?.pods() ?? []
    const roads = pods.flatMap((from) =>
      pods
        .filter((to) => to !== from)
        .flatMap((to) => [
          { from: from.name, to: to.name, address: to.address },
          ...(from.address6 === undefined || to.address6 === undefined
            ? []
            : [{ from: from.name, to: to.name, address: to.address6 }]),
        ]),
    )
    return Promise.all(
      roads.map(async ({ from, to, address }) => ({
        from,
        to,
        family: familyOf(address),
        milliseconds: await this.ping(from, address),
      })),
    )
  }

  /** One echo from a pod or a device; undefined when nothing came back. */
  ping(from: string, address: string, timeout = PING_MS): Promise<number | undefined> {
    const family = familyOf(address)
    const key = `${from} ${family}`
    let pinger = this.#pingers.get(key)
    if (pinger === undefined) {
      if (this.network === undefined) throw new Error('there are no pods without namespaces')
      pinger = new Pinger(this.network.namespace(from), family)
      this.#pingers.set(key, pinger)
    }
    return pinger.ping(address, timeout)
  }

  /** Ends a daemon, or with the name `store` the datastore. Kernel routes stay: that is the point. */
  async kill(name: string, signal: NodeJS.Signals): Promise<void> {
    if (name === 'store') return this.store.kill()
    // What belongs to a daemon goes with it, after it.
    for (const each of this.#processesOf(name)) await this.processes.kill(each, signal)
  }

  async restart(name: string): Promise<void> {
    if (name === 'store') return this.store.restart()
    for (const each of this.#processesOf(name)) this.processes.restart(each)
  }

  /** Another daemon takes a device's place, as in a migration: the old one ends by `signal`, the new one starts at once. */
  async replace(name: string, daemon: Daemon, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const device = this.plan.devices.find((each) => each.name === name)
    if (device === undefined) throw new Error(`no device is named "${name}"`)
    const lacking = unfit(device, daemon)
    if (lacking !== undefined) throw new Error(lacking)
    await this.kill(name, signal)
    for (const each of this.#processesOf(name)) this.processes.forget(each)
    const next = { ...device, daemon }
    this.#plan = { ...this.plan, devices: this.plan.devices.map((each) => (each === device ? next : each)) }
    await this.#startDaemon(next)
  }

  #processesOf(name: string): string[] {
    const own = this.processes.names().filter((each) => each === name || each.startsWith(`${name}.`))
    if (own.length === 0) throw new Error(`no process is named "${name}"`)
    return own
  }

  /** Daemons first, then the stores they write to, then the network under them. */
  async stop(): Promise<void> {
    for (const pinger of this.#pingers.values()) pinger.close()
    this.#pingers.clear()
    await this.processes.stopAll()
    for (const store of this.#stores.values()) await store.close()
    this.network?.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #save(): void {
    saveState({ id: this.id, ...this.#state(this.processes.alive()) })
  }

  #state(children: LabState['children']): Omit<LabState, 'id'> {
    return {
      topology: this.plan.topology.name,
      mode: this.mode,
      ...(this.log === undefined ? {} : { log: this.log }),
      lab: ownProcess(),
      children,
    }
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A table that changed under the dump, or a namespace on its way out: the next look reads it. */
const unreadable = (): undefined => undefined
