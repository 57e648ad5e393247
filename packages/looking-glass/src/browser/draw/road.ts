/**
 * The road of a prefix as five stations, and the one where it stops: pure, from what `explain` answers.
 *
 * Received, policy, decision, kernel, exported. A station is `ok`, `wait`, `bad` or `off` (does not apply). The first
 * bad one is where the road stops; those behind it are not reached.
 */
import type { Identity } from '@starling/api'
import type { KernelRoute, Road, Route } from '../data/types.js'

export interface Line {
  readonly text: string
  readonly tone: 'ok' | 'wait' | 'bad' | 'off'
  /** Peer page to lead to. */
  readonly peer?: string
}

export interface Station {
  readonly title: 'Received' | 'Policy' | 'Decision' | 'Kernel' | 'Exported'
  readonly tone: 'ok' | 'wait' | 'bad' | 'off'
  readonly headline: string
  readonly lines: readonly Line[]
  /** The road ends here and this says why. */
  readonly stops?: string
}

/** Lines shown in one station before the rest is counted. */
const SHOWN = 8

function bounded(lines: readonly Line[]): readonly Line[] {
  return lines.length <= SHOWN
    ? lines
    : [...lines.slice(0, SHOWN), { text: `and ${lines.length - SHOWN} more`, tone: 'off' }]
}

const origin = (route: Route): Pick<Line, 'peer'> => (route.peer === undefined ? {} : { peer: route.from })
const named = (route: Route): string => (route.source === 'bgp' ? route.from : `${route.from} (${route.source})`)

function received(paths: readonly Route[]): Station {
  if (paths.length === 0) {
    return {
      title: 'Received',
      tone: 'bad',
      headline: 'from nobody',
      lines: [],
      stops: 'Nobody announces this prefix to us and we do not originate it.',
    }
  }
  const lines = paths.map(
    (route): Line => ({
      text: `${named(route)}${route.nextHop === undefined ? '' : ` via ${route.nextHop}`}${route.stale ? ', stale' : ''}`,
      tone: route.stale ? 'wait' : 'ok',
      ...origin(route),
    }),
  )
  return {
    title: 'Received',
    tone: paths.every(({ stale }) => stale) ? 'wait' : 'ok',
    headline: paths.length === 1 ? 'one path' : `${paths.length} paths`,
    lines: bounded(lines),
  }
}

function policy(paths: readonly Route[]): Station {
  const refused = paths.filter(({ eligible }) => !eligible)
  const all = refused.length === paths.length
  // What the stop says already is not said again.
  const said = all ? refused[0]?.reason : undefined
  const lines = refused.map(
    (route): Line => ({
      text: route.reason === said ? route.from : `${route.from}: ${route.reason}`,
      tone: 'bad',
      ...origin(route),
    }),
  )
  return {
    title: 'Policy',
    tone: all ? 'bad' : refused.length > 0 ? 'wait' : 'ok',
    headline: all
      ? 'no path is usable'
      : refused.length === 0
        ? 'all paths accepted'
        : `${paths.length - refused.length} of ${paths.length} paths usable`,
    lines: bounded(lines),
    ...(all ? { stops: refused[0]?.reason || 'No path is eligible.' } : {}),
  }
}

function decision(road: Road): Station {
  const best = road.paths.find((route) => route.best)
  if (best === undefined) {
    return {
      title: 'Decision',
      tone: 'bad',
      headline: 'no best path',
      lines: [],
      stops: 'Paths are usable but none is chosen: the decision has not run yet.',
    }
  }
  const lost = road.decision.map(
    ({ detail, loser, step }): Line => ({
      text: loser === '' ? `${step}: ${detail}` : `beats ${loser} at ${step}${detail === '' ? '' : ` (${detail})`}`,
      tone: 'off',
    }),
  )
  const shared = road.paths.filter((route) => route.multipath && !route.best).length
  return {
    title: 'Decision',
    tone: best.stale ? 'wait' : 'ok',
    headline: `${named(best)}${shared > 0 ? ` and ${shared} more (multipath)` : ''}`,
    lines: bounded(lost),
  }
}

const KERNEL_WORDS: Readonly<Record<KernelRoute['state'], readonly [Station['tone'], string]>> = {
  installed: ['ok', 'installed'],
  adopted: ['ok', 'kept from an earlier life'],
  pending: ['wait', 'about to be written'],
  removing: ['wait', 'about to be removed'],
  waiting: ['wait', 'waiting for its next hop'],
  failed: ['bad', 'refused by the kernel'],
  drifted: ['bad', 'changed by somebody else'],
  foreign: ['bad', 'the place is taken by another owner'],
}

function shapeWords(shape: KernelRoute['desired']): string {
  if (shape === undefined) return 'nothing'
  const hops = shape.nextHops.map(({ gateway, interface: device }) =>
    [gateway === undefined ? '' : `via ${gateway}`, device === undefined ? '' : `dev ${device}`].join(' ').trim(),
  )
  return [shape.kind === 'unicast' ? '' : shape.kind, ...hops, `table ${shape.table}`]
    .filter((word) => word !== '')
    .join(', ')
}

/** The kernel's words with its errno; without one the route waits for something. */
export function refusalWords(error: KernelRoute['lastError']): string {
  if (error === undefined) return ''
  return error.errno === 0 ? error.text : `${error.text} (errno ${error.errno})`
}

function kernel(road: Road, role: Identity['role']): Station {
  if (role === 'reflector')
    return {
      title: 'Kernel',
      tone: 'off',
      headline: 'not used',
      lines: [{ text: 'A reflector writes no routes.', tone: 'off' }],
    }
  const route = road.kernel
  if (route === null) {
    const best = road.paths.find((path) => path.best)
    const own = best !== undefined && best.source !== 'bgp'
    return own
      ? {
          title: 'Kernel',
          tone: 'off',
          headline: 'not asked for',
          lines: [{ text: `Known from ${best.from}; the kernel has it by other means.`, tone: 'off' }],
        }
      : {
          title: 'Kernel',
          tone: 'bad',
          headline: 'not asked for',
          lines: [],
          stops: 'There is a best path, but no kernel route is asked for it.',
        }
  }
  const [tone, headline] = KERNEL_WORDS[route.state]
  const { lastError } = route
  const refusal = refusalWords(lastError)
  const lines: Line[] = [
    { text: `asked: ${shapeWords(route.desired)}`, tone: 'off' },
    ...(route.state === 'installed' ? [] : [{ text: `there: ${shapeWords(route.actual)}`, tone } as const]),
    ...(refusal === '' || route.state === 'failed' ? [] : [{ text: refusal, tone: 'wait' } as const]),
    ...(route.repairs === 0 ? [] : [{ text: `repaired ${route.repairs} times`, tone: 'wait' } as const]),
  ]
  const why = refusal === '' || route.state !== 'failed' ? `${headline}.` : refusal
  return {
    title: 'Kernel',
    tone,
    headline,
    lines,
    ...(tone === 'bad' ? { stops: `${why[0]?.toUpperCase()}${why.slice(1)}` } : {}),
  }
}

function exported(road: Road): Station {
  const sent = road.exports.filter((each) => each.sent)
  const kept = road.exports.filter((each) => !each.sent)
  const reasons = new Map<string, string[]>()
  for (const { name, reason } of kept) reasons.set(reason, [...(reasons.get(reason) ?? []), name])
  const lines: Line[] = [
    ...sent.map(
      ({ name, nextHop }): Line => ({
        text: `${name}${nextHop === undefined ? '' : ` with next hop ${nextHop}`}`,
        tone: 'ok',
        peer: name,
      }),
    ),
    ...[...reasons].map(
      ([reason, names]): Line => ({
        text: `not to ${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}: ${reason}`,
        tone: 'off',
      }),
    ),
  ]
  return {
    title: 'Exported',
    tone: sent.length > 0 ? 'ok' : 'off',
    headline: road.exports.length === 0 ? 'no peer to send to' : `to ${sent.length} of ${road.exports.length} peers`,
    lines: bounded(lines),
  }
}

/** The five stations; behind the first stop nothing is reached, except that the kernel does not stop the export. */
export function stations(road: Road, role: Identity['role']): readonly Station[] {
  const start = received(road.paths)
  const unreached = (title: Station['title']): Station => ({ title, tone: 'off', headline: 'not reached', lines: [] })
  if (start.stops !== undefined)
    return [start, unreached('Policy'), unreached('Decision'), unreached('Kernel'), unreached('Exported')]
  const judged = policy(road.paths)
  if (judged.stops !== undefined)
    return [start, judged, unreached('Decision'), unreached('Kernel'), unreached('Exported')]
  const chosen = decision(road)
  if (chosen.stops !== undefined) return [start, judged, chosen, unreached('Kernel'), unreached('Exported')]
  return [start, judged, chosen, kernel(road, role), exported(road)]
}
