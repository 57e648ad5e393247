/** The store and the live state as hooks. */
import { useEffect, useReducer, useRef } from 'preact/hooks'
import { type Answer, type Freshness, read, watch } from './store.js'

/** The newest answer of an API path; an undefined path asks nothing. */
export function useApi<T>(path: string | undefined, freshness: Freshness = {}, load?: () => Promise<T>): Answer<T> {
  const [, again] = useReducer((count: number) => count + 1, 0)
  const on = freshness.on?.join() ?? ''
  useEffect(() => {
    if (path === undefined) return undefined
    return watch(path, freshness, () => again(0), load)
  }, [path, freshness.every, on])
  return path === undefined ? { at: 0, loading: false } : read<T>(path)
}

/** The same, with the answer to the question before until the new one comes: a list that is narrowed does not blink. */
export function useList<T>(path: string, freshness: Freshness = {}): Answer<T> & { readonly waiting: boolean } {
  const answer = useApi<T>(path, freshness)
  const last = useRef<Answer<T>>(undefined)
  const asked = answer.data === undefined && answer.failure === undefined
  if (!asked) last.current = answer
  return { ...(asked ? (last.current ?? answer) : answer), waiting: asked }
}

export interface Signal<T> {
  readonly value: T
  set(value: T): void
  subscribe(listener: () => void): () => void
}

export function signal<T>(initial: T): Signal<T> {
  const listeners = new Set<() => void>()
  let value = initial
  return {
    get value() {
      return value
    },
    set(next) {
      value = next
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

export function useSignal<T>(source: Signal<T>): T {
  const [, again] = useReducer((count: number) => count + 1, 0)
  useEffect(() => source.subscribe(() => again(0)), [source])
  return source.value
}

/** A clock for ages: renders again every `every` milliseconds. */
export function useNow(every = 1000): number {
  const [, again] = useReducer((count: number) => count + 1, 0)
  useEffect(() => {
    const timer = setInterval(() => again(0), every)
    return () => clearInterval(timer)
  }, [every])
  return Date.now()
}
