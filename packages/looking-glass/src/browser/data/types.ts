/**
 * What the API answers, derived from the views it presents: a field renamed there fails to compile here.
 *
 * `present()` of the API makes RFC 3339 text of the fields below, hexadecimal text of bytes, and puts `age` (seconds,
 * by the daemon's clock) beside every `since`.
 */
import type {
  BlockView,
  DaemonEvent,
  DatastoreStatus,
  HealthVerdict,
  Identity,
  KernelRouteView,
  KernelView,
  Level,
  LoopDelay,
  NodeView,
  Survey as SurveyView,
  TableView,
} from '@starling/api'
import type { Explanation, FamilyName, GroupView, PeerView, RouteView, SessionState } from '@starling/engine'

type TimeField = 'since' | 'at' | 'until' | 'nextRetry' | 'staleUntil' | 'startedAt' | 'configuredAt' | 'lastSync'

type Time<V> = V extends number ? string : V

export type Presented<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends Uint8Array
    ? string
    : T extends readonly (infer Item)[]
      ? readonly Presented<Item>[]
      : { readonly [K in keyof T]: K extends TimeField ? Time<T[K]> : Presented<T[K]> } & (T extends {
          since: number
        }
          ? { readonly age: number }
          : unknown)

/** `node`: where the datastore knows whose address it is. */
export type Peer = Presented<PeerView> & { readonly node?: string }
export type Route = Presented<RouteView>
export type KernelRoute = Presented<KernelRouteView>
export type Kernel = Presented<KernelView>
export type Node = Presented<NodeView>
export type Block = Presented<BlockView>
export type Group = Presented<GroupView>
export type Road = Presented<Explanation> & { readonly kernel: KernelRoute | null }
export type Survey = Presented<SurveyView>
export type Verdict = Presented<HealthVerdict>
export type { FamilyName as Family, Level, SessionState }

/** The distributive form, so that a type test narrows the event. */
type PresentedEvent = DaemonEvent extends infer E ? (E extends DaemonEvent ? Presented<E> : never) : never

export interface Event {
  readonly id: number
  readonly at: string
  readonly code: string
  readonly level: Level
  readonly message: string
  readonly event: PresentedEvent
}

export interface Summary {
  readonly identity: Presented<Identity>
  readonly ready: Verdict
  readonly live: Verdict
  readonly gracefulRestart: {
    readonly recovering: boolean
    readonly until?: string
    readonly waitingFor: readonly string[]
  }
  readonly sessions: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly tables: readonly Presented<TableView>[]
  readonly kernel: Kernel | null
  readonly datastore: Presented<DatastoreStatus>
  readonly memory: {
    readonly structures: readonly { readonly name: string; readonly entries: number; readonly bytes: number }[]
    readonly process: { readonly rss: number; readonly heapUsed: number; readonly external: number }
  }
  readonly loopDelay: LoopDelay
  readonly lastEvent: number
}

export interface PeersPage {
  readonly peers: readonly Peer[]
  readonly next?: string
  readonly total: number
}

export interface NodesPage {
  readonly nodes: readonly Node[]
  readonly next?: string
  readonly total: number
}

export interface BlocksPage {
  readonly blocks: readonly Block[]
  readonly next?: string
  readonly total: number
}

export interface RoutesPage {
  readonly routes: readonly Route[]
  readonly next?: string
  /** How many there are, when all were looked at. */
  readonly total?: number
  readonly partial?: true
}

export interface KernelPage {
  readonly kernel: Kernel
  readonly routes: readonly KernelRoute[]
  readonly next?: string
  /** How many there are, when all were looked at. */
  readonly total?: number
  readonly partial?: true
}

export interface EventsPage {
  readonly events: readonly Event[]
  readonly after: number
  readonly last: number
}
