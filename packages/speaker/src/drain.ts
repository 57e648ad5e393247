/**
 * Drain as configuration: nothing in the engine knows about it.
 *
 * First every exported route carries GRACEFUL_SHUTDOWN (RFC 8326; LOCAL_PREF 0 towards iBGP, where nobody else may act
 * on the community), then nothing is exported, then the sessions end. Everyone has moved away before a packet is lost.
 * `Drain` is the order and the waiting; what a stage means for the configuration stands in DRAIN_STAGES.
 */
import type { EngineConfig, PeerConfig, PolicyTerm, Why } from '@starling/engine'

/** Time for the others to choose and install another path. */
export const DRAIN_TIME = 5_000

const WHY: Why = { resource: 'command', rule: 'drain: this node is being taken out of service' }
const GRACEFUL_SHUTDOWN = '65535:0'

const MARK: readonly PolicyTerm[] = [
  { why: WHY, conditions: [], actions: [{ kind: 'add-community', value: GRACEFUL_SHUTDOWN }] },
  {
    why: WHY,
    conditions: [{ kind: 'peer-type', is: 'ibgp' }],
    actions: [{ kind: 'set-local-pref', value: 0 }],
  },
]

const NOTHING: readonly PolicyTerm[] = [{ why: WHY, conditions: [], actions: [], verdict: 'reject' }]

function withExport(config: EngineConfig, first: readonly PolicyTerm[]): EngineConfig {
  const change = <T extends Pick<PeerConfig, 'exportPolicy'>>(peer: T): T => ({
    ...peer,
    exportPolicy: [...first, ...peer.exportPolicy],
  })
  return {
    ...config,
    peers: new Map([...config.peers].map(([key, peer]) => [key, change(peer)])),
    dynamicNeighbors: config.dynamicNeighbors.map((range) => ({ ...range, template: change(range.template) })),
  }
}

export function drained(config: EngineConfig): EngineConfig {
  return withExport(config, MARK)
}

export function withdrawn(config: EngineConfig): EngineConfig {
  return withExport(config, NOTHING)
}

/** `leaving`: routes are marked; `drained`: nothing is exported, the sessions stay up. */
export type DrainStage = 'none' | 'leaving' | 'drained'

export const DRAIN_STAGES: Readonly<Record<DrainStage, (config: EngineConfig) => EngineConfig>> = {
  none: (config) => config,
  leaving: drained,
  drained: withdrawn,
}

export class Drain {
  #stage: DrainStage = 'none'
  #running: { readonly cancel: () => void; readonly done: Promise<void> } | undefined
  readonly #enter: (set: () => void) => Promise<unknown>

  /** `enter` calls `set` when it is this change's turn, and makes the configuration of the new stage true. */
  constructor(enter: (set: () => void) => Promise<unknown>) {
    this.#enter = enter
  }

  get stage(): DrainStage {
    return this.#stage
  }

  apply(config: EngineConfig): EngineConfig {
    return DRAIN_STAGES[this.#stage](config)
  }

  /** Resolves when nothing is exported any more, or it was called off; a second call joins the first. */
  begin(time: number): Promise<void> {
    if (this.#running === undefined) {
      const calledOff = new AbortController()
      this.#running = { cancel: () => calledOff.abort(), done: this.#run(time, calledOff.signal) }
    }
    return this.#running.done
  }

  /** A drain called off while it is still marking routes must not withdraw them later: it asks before each step. */
  async #run(time: number, calledOff: AbortSignal): Promise<void> {
    await this.#turnTo('leaving')
    if (!calledOff.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, time)
        calledOff.addEventListener('abort', () => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    if (!calledOff.aborted) await this.#turnTo('drained')
  }

  /** Ends the waiting only: the process stops, no timer may hold it. */
  callOff(): void {
    this.#running?.cancel()
    this.#running = undefined
  }

  /** Everything is announced again. */
  async cancel(): Promise<void> {
    this.callOff()
    await this.#turnTo('none')
  }

  async #turnTo(stage: DrainStage): Promise<void> {
    await this.#enter(() => {
      this.#stage = stage
    })
  }
}
