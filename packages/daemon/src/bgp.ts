/**
 * The BGP of a daemon through its life: nothing before the first configuration, then one speaker, configured in place.
 *
 * Each configuration is the whole one; the speaker works out the difference. What fails is logged and leaves the
 * configuration before it in force, unless the caller waits for it (a reflector without a datastore has no next one).
 */
import type { EventLog, HealthFacts, Logger } from '@starling/api'
import type { EngineConfig } from '@starling/engine'
import type { Plan, PlanProblem } from '@starling/intent'
import { type BfdPeers, type BfdRanges, Speaker, type SpeakerOptions } from '@starling/speaker'
import { bfdPeers, bfdRanges } from './bfd.js'
import { now } from './clock.js'
import type { SpeakerViews } from './daemon-ports.js'
import { logNotice } from './notices.js'
import { speakerViews } from './views/speaker.js'

export type BgpSettings = Pick<SpeakerOptions, 'config' | 'listen' | 'bfd' | 'bfdRanges'>

/** Where a plan wants to be reached, at `port` where the operator overrides it. */
export const listenAddresses = ({ listen }: Plan, port: number = listen.port): SpeakerOptions['listen'] =>
  [listen.ipv4, listen.ipv6].filter((address) => address !== undefined).map((address) => ({ address, port }))

export interface BgpOptions {
  readonly log: Logger
  readonly events: EventLog
  /** Asked once, by the first configuration. */
  begin(): Pick<SpeakerOptions, 'extras' | 'links' | 'restarting' | 'warmUp'>
  /** The speaker listens; its warm-up, which blocks the loop on purpose, is over. */
  started?(): void
}

const NO_BFD: BfdPeers = new Map()
const NO_BFD_RANGES: BfdRanges = new Map()

export class Bgp {
  readonly #options: BgpOptions
  #speaker: Speaker | undefined
  #views: SpeakerViews | undefined
  #config: EngineConfig | undefined
  #listen: SpeakerOptions['listen'] = []
  #generation = 0
  #configuredAt = 0
  #problems = ''

  constructor(options: BgpOptions) {
    this.#options = options
  }

  get speaker(): Speaker | undefined {
    return this.#speaker
  }

  get views(): SpeakerViews | undefined {
    return this.#views
  }

  /** The configuration in force, for `identityOf`. */
  get settings(): {
    readonly config: EngineConfig | undefined
    readonly listen: SpeakerOptions['listen']
    readonly configGeneration: number
    readonly configuredAt: number
  } {
    return {
      config: this.#config,
      listen: this.#listen,
      configGeneration: this.#generation,
      configuredAt: this.#configuredAt,
    }
  }

  recovery(): HealthFacts['graceful'] {
    return this.#views?.recovery() ?? { recovering: false, waitingFor: [] }
  }

  /** The speaker exists when this returns; the promise rejects when it cannot start or be configured. */
  async apply({ config, listen, bfd = NO_BFD, bfdRanges = NO_BFD_RANGES }: BgpSettings): Promise<void> {
    const generation = ++this.#generation
    this.#config = config
    this.#listen = listen
    this.#configuredAt = now()
    if (this.#speaker === undefined) {
      const notice: SpeakerOptions['notice'] = (of) => logNotice(this.#options.log, of)
      this.#speaker = new Speaker({ config, listen, bfd, bfdRanges, notice, ...this.#options.begin() })
      this.#views = speakerViews(this.#speaker)
      await this.#speaker.start()
      this.#options.started?.()
      return
    }
    const { added, changed, removed } = await this.#speaker.configure(config, listen, bfd, bfdRanges)
    const counts = { added: added.length, changed: changed.length, removed: removed.length }
    this.#options.events.push(now(), { type: 'config-applied', generation, ...counts })
  }

  /** Listens where the plan says, at `port` where the operator overrides it. */
  applyPlan(plan: Plan, port?: number): void {
    const listen = listenAddresses(plan, port)
    const code = this.#speaker === undefined ? 'SPEAKER_FAILED' : 'CONFIGURE_FAILED'
    this.apply({ config: plan.engine, listen, bfd: bfdPeers(plan), bfdRanges: bfdRanges(plan) }).catch(
      (error: unknown) => this.#options.log.error({ code, err: error }, String(error)),
    )
  }

  /** Once per different set, not once per plan. */
  reportProblems(problems: readonly PlanProblem[]): void {
    const text = problems.map(({ resource, field, message }) => `${resource} ${field ?? ''} ${message}`).join('\n')
    if (text === this.#problems) return
    this.#problems = text
    for (const { severity, resource, field, message } of problems) {
      const words = `${resource}${field === undefined ? '' : ` ${field}`}: ${message}`
      this.#options.log[severity === 'error' ? 'error' : 'warn']({ code: 'RESOURCE_PROBLEM' }, words)
    }
  }

  /**
   * No NOTIFICATION: peers keep our routes for the restart time, as they do when BIRD is killed (calico.md 3.3). Unless
   * a drain has taken all of them away: then nobody should wait for us.
   */
  async stop(reason: string): Promise<void> {
    await this.#speaker?.stop({ mode: this.#speaker.drainStage === 'none' ? 'restart' : 'shutdown', reason })
  }
}
