/**
 * The sessions of the whole cluster, for its drawing: every node's own word, asked of its API, or out of the newest
 * CalicoNodeStatus it wrote (calico.md 1.12) where the API does not answer.
 *
 * Only while somebody looks, and only where the operator said at which port nodes answer. Addresses come from the
 * datastore alone; so many nodes, so many at a time, so many bytes and seconds each. What a node answers is a stranger's
 * word: fields are taken one by one, and texts are cut.
 */
import type { SpeakerReport, Survey, SurveyedSession } from '@starling/api'
import type { PeerView } from '@starling/engine'

export const MOST_NODES = 300
const AT_A_TIME = 16
/** Sessions of one node that are drawn; a mesh of hundreds is told in counts. */
const MOST_SESSIONS = 64
/** Milliseconds for which an answer is new enough. */
const FRESH = 5_000

export interface SurveyedNode {
  readonly name: string
  readonly local: boolean
  readonly address: string | undefined
}

/** A node's status object as the datastore holds it. */
export interface StoredStatus {
  readonly at: number
  readonly sessions: readonly { readonly remoteAddress: string; readonly state: string }[]
}

export interface SurveyOptions {
  /** By name. */
  nodes(): readonly SurveyedNode[]
  here(): readonly PeerView[]
  nodeAt(address: string): string | undefined
  statusOf(node: string): StoredStatus | undefined
  now(): number
  /** Answers with the parsed JSON of `path` at the node's API; absent: nobody is asked. */
  readonly ask?: (address: string, path: string) => Promise<unknown>
}

export class ClusterSurvey {
  readonly #options: SurveyOptions
  #answers = new Map<string, SpeakerReport>()
  #askedAt = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined

  constructor(options: SurveyOptions) {
    this.#options = options
  }

  async read(): Promise<Survey> {
    const { ask, nodes, now } = this.#options
    const all = nodes()
    const shown = all.slice(0, MOST_NODES)
    if (ask !== undefined && now() - this.#askedAt > FRESH) {
      this.#running ??= this.#askAll(shown, ask).finally(() => {
        this.#running = undefined
      })
      // The first to look waits; the next ones see what is known and the newer picture after it.
      if (this.#answers.size === 0) await this.#running
    }
    return {
      asks: ask !== undefined,
      speakers: shown.map((node) => this.#report(node)),
      complete: shown.length === all.length,
    }
  }

  async #askAll(nodes: readonly SurveyedNode[], ask: NonNullable<SurveyOptions['ask']>): Promise<void> {
    const answers = new Map<string, SpeakerReport>()
    const waiting = nodes.filter(({ local }) => !local).values()
    const worker = async (): Promise<void> => {
      for (const node of waiting) answers.set(node.name, await this.#askOne(node, ask))
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, worker))
    this.#answers = answers
    this.#askedAt = this.#options.now()
  }

  async #askOne({ name, address }: SurveyedNode, ask: NonNullable<SurveyOptions['ask']>): Promise<SpeakerReport> {
    if (address === undefined) return nothing(name, 'the node has no address')
    try {
      const answer = await ask(address, `/v1/peers?limit=${MOST_SESSIONS}`)
      const { sessions, total } = sessionsOf(answer)
      let down = sessions.filter(({ state }) => state !== 'Established').length
      if (total > sessions.length) down = sessionsOf(await ask(address, '/v1/peers?state=down&limit=1')).total
      const found = sessions.map((session) => this.#placed(session))
      const complete = total <= sessions.length
      return { name, source: 'api', at: this.#options.now(), up: total - down, down, sessions: found, complete }
    } catch (error) {
      return nothing(name, error instanceof Error ? error.message : String(error))
    }
  }

  #placed(session: SurveyedSession): SurveyedSession {
    const node = this.#options.nodeAt(session.remoteAddress)
    return node === undefined ? session : { ...session, node }
  }

  #report({ name, local }: SurveyedNode): SpeakerReport {
    const { here, now, statusOf } = this.#options
    if (local) {
      const peers = here()
      const up = peers.filter(({ state }) => state === 'Established').length
      const sessions = peers.slice(0, MOST_SESSIONS).map((peer) => this.#placed(own(peer)))
      const complete = sessions.length === peers.length
      return { name, source: 'here', at: now(), up, down: peers.length - up, sessions, complete }
    }
    const answer = this.#answers.get(name) ?? nothing(name, 'nodes are not asked')
    const stored = answer.source === 'none' ? statusOf(name) : undefined
    if (stored === undefined) return answer
    const sessions = stored.sessions.slice(0, MOST_SESSIONS).map((session) => this.#placed(session))
    const up = stored.sessions.filter(({ state }) => state === 'Established').length
    return {
      ...{ name, source: 'node-status', at: stored.at, up, down: stored.sessions.length - up, sessions },
      complete: sessions.length === stored.sessions.length,
      ...(answer.problem === undefined ? {} : { problem: answer.problem }),
    }
  }
}

const nothing = (name: string, problem: string): SpeakerReport => ({
  ...{ name, source: 'none', problem: problem.slice(0, 200), up: 0, down: 0, sessions: [], complete: false },
})

function own({ remoteAddress, state, remoteAs, remoteRouterId, description }: PeerView): SurveyedSession {
  return {
    remoteAddress,
    state,
    ...(remoteAs === undefined ? {} : { remoteAs }),
    ...(remoteRouterId === undefined ? {} : { remoteRouterId }),
    ...(description === '' ? {} : { description }),
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value.slice(0, 200) : undefined)

/** Of another daemon's `/v1/peers`, what we understand. */
function sessionsOf(answer: unknown): { readonly sessions: SurveyedSession[]; readonly total: number } {
  const { peers, total } = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>
  if (!Array.isArray(peers)) throw new Error('what answers there is no Starling')
  const sessions = peers.slice(0, MOST_SESSIONS).flatMap((peer: Record<string, unknown> | null): SurveyedSession[] => {
    const remoteAddress = text(peer?.['remoteAddress'])
    const state = text(peer?.['state'])
    if (remoteAddress === undefined || state === undefined) return []
    const remoteAs = peer?.['remoteAs']
    const remoteRouterId = text(peer?.['remoteRouterId'])
    const description = text(peer?.['description'])
    return [
      {
        remoteAddress,
        state,
        ...(typeof remoteAs === 'number' ? { remoteAs } : {}),
        ...(remoteRouterId === undefined ? {} : { remoteRouterId }),
        ...(description === undefined || description === '' ? {} : { description }),
      },
    ]
  })
  return { sessions, total: typeof total === 'number' && total >= sessions.length ? total : sessions.length }
}
