/**
 * Carries a migration out: plans, waits for what the next step demands, writes it, plans again, until nothing is left.
 * Everything it knows stands in the datastore, so it may be interrupted anywhere and started again.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Datastore } from '@starling/datastore'
import { readEntries } from '../commands/datastore-reader.js'
import { CliError, EXIT } from '../exit.js'
import { type Cluster, clusterOf, type Member } from './cluster.js'
import { listed } from './forward.js'
import { firstToAsk, judge, type Sight, type Verdict } from './judge.js'
import { type Demand, type Migration, type Step, storedValue, type Write } from './steps.js'

export interface Eyes {
  look(members: readonly Member[]): Promise<Map<string, Sight>>
  renew(): Promise<void>
}

export interface RunOptions {
  readonly datastore: Datastore
  readonly eyes: Eyes
  readonly plan: (cluster: Cluster) => Migration
  /** Taken to be well, whatever is known or not known of them. */
  readonly assumed: ReadonlySet<string>
  readonly acceptGap: boolean
  /** How long one step may wait for its demand, and how long a decisive one must hold; milliseconds. */
  readonly patience: number
  readonly settle: number
  readonly pause: number
  readonly signal: AbortSignal
  /** A line for the person; with `passing` it replaces the one before on a terminal. */
  say(line: string, passing?: boolean): void
}

/** Resolves when everything is as it should be; a CliError says why it stopped. */
export async function runMigration(options: RunOptions): Promise<void> {
  const run = new Run(options)
  let done = 0
  let before = ''
  for (;;) {
    const migration = await run.plan()
    refuse(migration)
    const [step] = migration.steps
    if (step === undefined) {
      if (done === 0) options.say('nothing is left to do')
      await run.demand(migration.after, false)
      options.say(
        `done: ${migration.direction === 'reflectors' ? 'every node has its reflectors, the mesh is off' : 'the mesh is back'}`,
      )
      return
    }
    if (step.id === before)
      throw new CliError(`${step.title}: written, and not to be seen in the datastore; is somebody else writing it?`)
    before = step.id
    done++
    options.say(`[${done}/${done - 1 + migration.steps.length}] ${step.title}`)
    if (step.before !== undefined) await run.demand(step.before, step.decisive)
    await run.mindTheGap(step, migration)
    for (const write of step.writes) await run.write(write)
  }
}

export function refuse({ refusals }: Migration): void {
  if (refusals.length > 0)
    throw new CliError(`nothing is changed:\n${refusals.map((each) => `  ${each}\n`).join('')}`, EXIT.unhealthy)
}

class Run {
  readonly #options: RunOptions
  #entries: Cluster['entries'] = new Map()

  constructor(options: RunOptions) {
    this.#options = options
  }

  async plan(): Promise<Migration> {
    this.#stopped()
    this.#entries = (await readEntries(this.#options.datastore)).entries
    return this.#options.plan(clusterOf(this.#entries))
  }

  /** Compare-and-swap on what the plan was made from: a resource that changed meanwhile stops the run. */
  async write(write: Write): Promise<void> {
    this.#stopped()
    const { datastore } = this.#options
    const current = this.#entries.get(write.key)
    const value = storedValue(write, current?.value, { uid: randomUUID(), now: Date.now() })
    const outcome =
      value === undefined
        ? await datastore.delete(write.key, current?.revision)
        : current === undefined
          ? await datastore.create(write.key, value)
          : await datastore.update(write.key, value, current.revision)
    if ('conflict' in outcome) {
      throw new CliError(`${write.resource} was changed by somebody else just now: look at it, then run this again`)
    }
    this.#options.say(`      ${write.resource}: ${write.change}`)
  }

  /** Waits until the demand is met; a decisive one with fresh answers, for as long as `settle`. */
  async demand(demand: Demand, decisive: boolean): Promise<void> {
    const { patience, settle, pause, eyes, say } = this.#options
    let spent = 0
    let held = 0
    if (decisive) await eyes.renew()
    for (;;) {
      this.#stopped()
      const verdict = await this.#judge(demand)
      if (verdict.met && (!decisive || held >= settle)) {
        say(`      ${verdict.of} of ${verdict.of} nodes have the sessions they need`)
        return
      }
      held = verdict.met ? held + pause : 0
      if (spent >= patience && !verdict.met) throw new CliError(doubt(verdict, patience), EXIT.unhealthy)
      say(
        `      ${verdict.met ? `${verdict.of} of ${verdict.of} nodes well for ${held / 1000} s` : progress(verdict)}`,
        true,
      )
      await delay(pause, undefined, { signal: this.#options.signal }).catch(() => undefined)
      spent += pause
    }
  }

  /** Reflectors know their clients: only who is still unknown is asked himself. */
  async #judge(demand: Demand): Promise<Verdict> {
    const { eyes, assumed } = this.#options
    const first = firstToAsk(demand)
    const sights = await eyes.look(first)
    const verdict = judge(demand, sights, assumed)
    if ('mesh' in demand || verdict.unknown.length === 0) return verdict
    const open = new Set(verdict.unknown)
    const more = await eyes.look(demand.clients.filter(({ name }) => open.has(name)))
    return judge(demand, new Map([...sights, ...more]), assumed)
  }

  /** Before a node with blocks changes its sessions while nobody else carries its routes. */
  async mindTheGap({ gap }: Step, { clients, reflectors }: Migration): Promise<void> {
    if (gap === undefined || this.#options.acceptGap) return
    const parties = [gap, ...clients, ...reflectors.filter(({ name }) => name !== gap.name)]
    const sights = await this.#options.eyes.look(parties)
    const others = parties.filter(({ name }) => sights.get(name)?.starling !== true).map(({ name }) => name)
    if (others.length === 0) return
    throw new CliError(
      `${gap.name} owns blocks, and it is the only one to carry the routes to them while its sessions change. ` +
        `BIRD resets a session that gets another name, and ${listed(others)} ${others.length === 1 ? 'is' : 'are'} not known to run Starling. ` +
        'Choose a reflector without blocks among the others, or accept a gap of some seconds for its pods with --accept-gap',
      EXIT.unhealthy,
    )
  }

  #stopped(): void {
    if (this.#options.signal.aborted) throw new CliError('stopped; the same command goes on, --back goes back')
  }
}

function progress({ well, of, lacking, unknown }: Verdict): string {
  const words = [...lacking.slice(0, 1), ...(unknown.length > 0 ? [`nothing known of ${listed(unknown, 3)}`] : [])]
  return `${well} of ${of} nodes have the sessions they need; ${words.join('; ')}`
}

function doubt({ lacking, unknown }: Verdict, patience: number): string {
  const lines = [
    ...lacking,
    ...(unknown.length === 0
      ? []
      : [
          `${listed(unknown)}: neither an API, nor a CalicoNodeStatus, nor a reflector tells the state of its sessions; ` +
            'where you know it, say --assume NODE',
        ]),
  ]
  return `not so after ${patience / 1000} s, and nothing more is done:\n${lines.map((line) => `  ${line}\n`).join('')}The same command goes on, --back goes back`
}
