/**
 * A tap on an engine: whoever listens hears every input with its time, and every event and close that leaves.
 *
 * The methods of this one engine are wrapped while somebody listens and are its own again afterwards, so that a speaker
 * nobody records pays nothing. An input that the engine hands on to another of its own inputs is heard once.
 */
import type { Engine, Sink } from '@starling/engine'

type Inputs = Pick<
  Engine,
  'incoming' | 'opened' | 'received' | 'closed' | 'failed' | 'writable' | 'tick' | 'bfdChanged' | 'admin'
>
type Outputs = Pick<Sink, 'event' | 'close'>

/** Called before the engine sees an input, and before the world sees an output; `this` is of no use. */
export type TapListener = {
  readonly [K in keyof (Inputs & Outputs)]?: (...args: Parameters<(Inputs & Outputs)[K]>) => void
}

const INPUTS = [
  'incoming',
  'opened',
  'received',
  'closed',
  'failed',
  'writable',
  'tick',
  'bfdChanged',
  'admin',
] as const
const OUTPUTS = ['event', 'close'] as const

type AnyMethod = (...args: unknown[]) => unknown
type Methods = Record<string, AnyMethod>

export class EngineTap {
  readonly #engine: Engine
  readonly #listeners = new Set<TapListener>()
  #depth = 0
  #remove: (() => void)[] = []

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** The result ends it. */
  listen(listener: TapListener): () => void {
    if (this.#listeners.size === 0) this.#install()
    this.#listeners.add(listener)
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return
      for (const remove of this.#remove) remove()
      this.#remove = []
    }
  }

  #install(): void {
    const engine = this.#engine as unknown as Methods
    const sink = this.#engine.sink as unknown as Methods
    for (const name of INPUTS) this.#wrap(engine, name, true)
    for (const name of OUTPUTS) this.#wrap(sink, name, false)
  }

  #wrap(target: Methods, name: string, input: boolean): void {
    const own = Object.getOwnPropertyDescriptor(target, name)
    const method = target[name]
    if (method === undefined) return
    target[name] = (...args) => {
      if (!input || this.#depth === 0) this.#tell(name, args)
      if (!input) return method.apply(target, args)
      this.#depth++
      try {
        return method.apply(target, args)
      } finally {
        this.#depth--
      }
    }
    this.#remove.push(() => {
      if (own === undefined) delete target[name]
      else Object.defineProperty(target, name, own)
    })
  }

  #tell(name: string, args: readonly unknown[]): void {
    for (const listener of this.#listeners) (listener as Methods)[name]?.(...args)
  }
}
