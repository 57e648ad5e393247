/**
 * `show routes` and `show kernel` as tables.
 */
import { type Column, details, table } from '../../output/table.js'
import { age, type Colour } from '../../output/text.js'
import type { KernelJson, KernelRouteJson, RouteJson } from './views.js'

/** `*` best, `=` in the multipath set, `s` stale, `!` not eligible: one column, as `birdc` readers expect. */
export function marks(route: RouteJson): string {
  const first = route.best ? '*' : route.multipath ? '=' : route.eligible ? '' : '!'
  return first + (route.stale ? 's' : '')
}

const ORIGINS = { IGP: 'i', EGP: 'e', INCOMPLETE: '?' } as const

function routeColour(route: RouteJson): Colour | undefined {
  if (!route.eligible) return 'grey'
  return route.stale ? 'yellow' : undefined
}

const ROUTE_COLUMNS: readonly Column<RouteJson>[] = [
  { heading: '', value: (route) => marks(route) || ' ' },
  { heading: 'PREFIX', value: (route) => route.prefix, colour: routeColour },
  { heading: 'NEXT HOP', value: (route) => route.nextHop ?? (route.source === 'bgp' ? '-' : route.source) },
  { heading: 'FROM', value: (route) => route.from, spare: 2 },
  { heading: 'LOCAL PREF', value: (route) => route.localPref, spare: 5 },
  { heading: 'MED', value: (route) => route.med, wide: true },
  { heading: 'AS PATH', value: (route) => `${route.asPath} ${ORIGINS[route.origin]}`.trim(), spare: 3 },
  { heading: 'COMMUNITIES', value: (route) => route.communities.join(' '), wide: true },
  { heading: 'ORIGINATOR', value: (route) => route.originatorId, wide: true },
  { heading: 'CLUSTER LIST', value: (route) => route.clusterList.join(' '), wide: true },
  { heading: 'SINCE', value: (route) => age(route.age), spare: 4 },
  { heading: 'REASON', value: (route) => route.reason, words: true },
]

export function routesTable(routes: readonly RouteJson[], style: Parameters<typeof table>[2]): string {
  return table(routes, ROUTE_COLUMNS, style)
}

const KERNEL_COLOURS: Readonly<Record<KernelRouteJson['state'], Colour | undefined>> = {
  installed: 'green',
  pending: 'yellow',
  removing: 'yellow',
  waiting: 'yellow',
  failed: 'red',
  drifted: 'red',
  foreign: 'grey',
  adopted: 'yellow',
}

type Shape = NonNullable<KernelRouteJson['desired']>

export function way(shape: Shape | undefined): string {
  if (shape === undefined) return '-'
  if (shape.kind !== 'unicast') return shape.kind
  return shape.nextHops
    .map((hop) => {
      const via = hop.gateway === undefined ? '' : `via ${hop.gateway} `
      const device = hop.interface === undefined ? '' : `dev ${hop.interface}`
      return `${via}${device}${hop.onlink ? ' onlink' : ''}`.trim()
    })
    .join(', ')
}

function kernelInfo(route: KernelRouteJson): string {
  const notes: string[] = []
  if (route.state === 'drifted' || route.state === 'foreign') notes.push(`is ${way(route.actual)}`)
  if (route.lastError !== undefined) notes.push(route.lastError.text)
  return notes.join('; ')
}

const KERNEL_COLUMNS: readonly Column<KernelRouteJson>[] = [
  { heading: 'PREFIX', value: (route) => route.prefix },
  { heading: 'STATE', value: (route) => route.state, colour: (route) => KERNEL_COLOURS[route.state] },
  { heading: 'ROUTE', value: (route) => way(route.desired ?? route.actual) },
  { heading: 'METRIC', value: (route) => (route.desired ?? route.actual)?.metric, spare: 4 },
  { heading: 'TABLE', value: (route) => (route.desired ?? route.actual)?.table, wide: true },
  { heading: 'PROTO', value: (route) => route.actual?.protocol, wide: true },
  { heading: 'REPAIRS', value: (route) => route.repairs, spare: 5 },
  { heading: 'WHY', value: (route) => route.why, spare: 3 },
  { heading: 'INFO', value: kernelInfo, words: true },
]

export function kernelTable(
  kernel: KernelJson,
  routes: readonly KernelRouteJson[],
  style: Parameters<typeof table>[2],
): string {
  const head = details([
    ['Driver', kernel.driver],
    ['Synchronized', kernel.synchronized ? `yes, read at ${kernel.lastSync}` : 'no'],
    [
      'Routes',
      `${kernel.desired} desired, ${kernel.installed} installed, ${kernel.pending} pending, ${kernel.failed} failed, ${kernel.drifted} drifted`,
    ],
    ['So far', `${kernel.repairs} repairs, ${kernel.errors} errors, ${kernel.resyncs} reads after lost events`],
  ])
  const body = routes.length === 0 ? 'No routes.\n' : table(routes, KERNEL_COLUMNS, style)
  return style?.headings === false ? body : `${head}\n${body}`
}
