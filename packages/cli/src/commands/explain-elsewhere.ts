/**
 * `starling explain` across the cluster: the same prefix asked of other speakers whose APIs we can reach, one line each.
 * Bounded: so many speakers, so many at a time, and one that does not answer is a line, not a failure.
 */
import type { ApiClient } from '../client/client.js'
import { CliError } from '../exit.js'
import type { Style } from '../output/print.js'
import { table } from '../output/table.js'
import { way } from './show/routes.js'
import type { KernelRouteJson, RouteJson } from './show/views.js'

export const MOST_SPEAKERS = 256
const AT_A_TIME = 16

interface Answer {
  readonly paths: readonly RouteJson[]
  readonly kernel?: KernelRouteJson | null
}

export interface Elsewhere {
  readonly url: string
  readonly speaker?: string
  /** From whom its best path is; absent when it has none. */
  readonly best?: string
  readonly nextHop?: string
  readonly paths: number
  readonly kernel?: string
  readonly problem?: string
}

export async function askElsewhere(clients: readonly ApiClient[], prefix: string): Promise<readonly Elsewhere[]> {
  const answers: Elsewhere[] = []
  const waiting = clients.entries()
  const worker = async (): Promise<void> => {
    for (const [i, client] of waiting) answers[i] = await one(client, prefix)
  }
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, clients.length) }, worker))
  return answers
}

async function one(client: ApiClient, prefix: string): Promise<Elsewhere> {
  const url = client.description
  try {
    const { identity } = await client.get<{ identity: { name: string } }>('/v1/summary')
    const asked = client.get<Answer>('/v1/explain', { prefix })
    const { paths, kernel } = await asked.catch((error: unknown): Answer => {
      if (error instanceof CliError && error.message.includes('API_PREFIX_NOT_FOUND')) return { paths: [] }
      throw error
    })
    const best = paths.find((path) => path.best)
    return {
      url,
      speaker: identity.name,
      ...(best === undefined ? {} : { best: best.from }),
      ...(best?.nextHop === undefined ? {} : { nextHop: best.nextHop }),
      paths: paths.length,
      ...(kernel == null ? {} : { kernel: `${kernel.state} ${way(kernel.desired ?? kernel.actual)}` }),
    }
  } catch (error) {
    if (error instanceof CliError) return { url, paths: 0, problem: error.message }
    throw error
  }
}

export function elsewhereText(answers: readonly Elsewhere[], style: Style): string {
  return table(
    answers,
    [
      { heading: 'SPEAKER', value: (item) => item.speaker ?? item.url },
      { heading: 'PATHS', value: (item) => (item.problem === undefined ? item.paths : undefined) },
      { heading: 'BEST FROM', value: (item) => item.best },
      { heading: 'NEXT HOP', value: (item) => item.nextHop },
      { heading: 'KERNEL', value: (item) => item.kernel },
      { heading: 'PROBLEM', value: (item) => item.problem, colour: () => 'red' },
    ],
    style,
  )
}
