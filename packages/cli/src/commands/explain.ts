/**
 * `starling explain PREFIX [--to PEER]`: the road of one prefix through the speaker, station by station, and where it
 * stops and why.
 */

import type { Explanation } from '@starling/engine'
import { Prefix } from '@starling/inet'
import type { Command } from 'commander'
import type { ApiClient } from '../client/client.js'
import { CliError, usage } from '../exit.js'
import type { Io } from '../io.js'
import { addOutput, addTarget, addWatch, clientFor, httpUrl, port, repeated, type ShowOptions } from '../options.js'
import { render, type Style } from '../output/print.js'
import { table } from '../output/table.js'
import { age, harmless } from '../output/text.js'
import { repeat } from '../watch.js'
import { askElsewhere, elsewhereText, MOST_SPEAKERS } from './explain-elsewhere.js'
import { way } from './show/routes.js'
import type { KernelRouteJson, RouteJson } from './show/views.js'

type ExplainJson = Omit<Explanation, 'paths'> & {
  /** The address that was asked for, where the answer is its longest match. */
  readonly asked?: string
  readonly paths: readonly RouteJson[]
  /** Null: not asked for. Absent: this speaker programs no kernel. */
  readonly kernel?: KernelRouteJson | null
}

export function register(program: Command, io: Io): void {
  addWatch(
    addOutput(
      addTarget(program.command('explain <prefix>').description('why a route is, or is not, where it should be')),
    ),
  )
    .option('--to <peer>', 'only this peer among those it goes to')
    .option('--also <url>', 'ask this speaker too (repeatable)', repeated(httpUrl))
    .option('--nodes-port <port>', 'ask every node of the cluster, its API at this port of its address', port)
    .action(async (text: string, options: ExplainOptions) => {
      const prefix = Prefix.parseOrHost(text)?.toString()
      if (prefix === undefined) throw usage(`${text} is not a prefix or an address`)
      const client = clientFor(options, io)
      await repeat(options.watch, io, async () => {
        const others = await elsewhere(client, options, io)
        // An address as it was typed: the daemon then answers for the prefix its packets follow.
        const asked = text.includes('/') ? prefix : text.trim()
        const answer = await client
          .get<ExplainJson>('/v1/explain', { prefix: asked, to: options.to })
          .catch((error: unknown) => unknownHere(error, prefix, others))
        if (others.length === 0) return render(answer, options, io, (style) => explainText(answer, style))
        const answers = await askElsewhere(others, answer.prefix)
        return render({ ...answer, elsewhere: answers }, options, io, (style) => {
          const title = style.paint('\nElsewhere', 'bold')
          return `${explainText(answer, style)}${title}\n${elsewhereText(answers, style).replace(/^(?=.)/gm, '  ')}`
        })
      })
    })
}

type ExplainOptions = ShowOptions & {
  readonly to?: string
  readonly also?: readonly string[]
  readonly nodesPort?: number
}

async function elsewhere(client: ApiClient, options: ExplainOptions, io: Io): Promise<readonly ApiClient[]> {
  const urls = [...(options.also ?? [])]
  if (options.nodesPort !== undefined) {
    const { nodes } = await client.get<{ nodes: NodeJson[] }>('/v1/nodes', { limit: MOST_SPEAKERS })
    for (const { ipv4Address, ipv6Address, local } of nodes) {
      const host = ipv4Address ?? (ipv6Address === undefined ? undefined : `[${ipv6Address}]`)
      if (host !== undefined && !local) urls.push(`http://${host}:${options.nodesPort}`)
    }
  }
  return urls.slice(0, MOST_SPEAKERS).map((url) => clientFor({ ...options, url }, io))
}

/** That this speaker knows nothing of it is the best reason to ask the others. */
function unknownHere(error: unknown, prefix: string, others: readonly ApiClient[]): ExplainJson {
  const missing = error instanceof CliError && error.message.includes('API_PREFIX_NOT_FOUND')
  if (!missing || others.length === 0) throw error
  return { prefix, paths: [], decision: [], exports: [] }
}

interface NodeJson {
  readonly ipv4Address?: string
  readonly ipv6Address?: string
  readonly local: boolean
}

export function explainText(explanation: ExplainJson, style: Style): string {
  const { prefix, asked, paths, decision, exports, kernel } = explanation
  const title = (text: string): string => `${style.paint(text, 'bold')}\n`
  const parts = [title(prefix)]
  if (asked !== undefined) parts.push(`the longest match for ${harmless(asked.replace(/\/(32|128)$/, ''))}\n`)
  parts.push(title('\nReceived'), ...paths.map((path) => pathText(path, style)))
  if (paths.length === 0) parts.push('  nobody announces it\n')
  if (decision.length > 0) parts.push(title('\nDecision'), ...decision.map(decisionLine))
  if (paths.length > 0) {
    parts.push(title('\nKernel'), kernelText(kernel), title('\nSent to'), exportsText(exports, style))
  }
  return parts.join('')
}

function decisionLine({ winner, loser, step, detail }: ExplainJson['decision'][number]): string {
  const said = detail === '' ? '' : `: ${detail}`
  const text = loser === '' ? `${winner}${said}` : `${winner} beats ${loser} at ${step}${said}`
  return `  ${harmless(text)}\n`
}

function pathText(path: RouteJson, style: Style): string {
  const mark = path.best
    ? style.paint('best', 'green')
    : path.multipath
      ? 'multipath'
      : path.eligible
        ? 'kept'
        : style.paint('rejected', 'red')
  const via = path.nextHop === undefined ? '' : ` via ${path.nextHop}`
  const facts = [
    path.localPref === undefined ? '' : `local-pref ${path.localPref}`,
    path.med === undefined ? '' : `MED ${path.med}`,
    `AS path ${path.asPath === '' ? 'empty' : path.asPath}`,
    `origin ${path.origin}`,
    path.communities.length === 0 ? '' : `communities ${path.communities.join(' ')}`,
    path.originatorId === undefined ? '' : `originator ${path.originatorId}`,
    path.clusterList.length === 0 ? '' : `cluster list ${path.clusterList.join(' ')}`,
    path.stale ? 'stale (graceful restart)' : '',
  ].filter((fact) => fact !== '')
  const reason = path.reason === '' ? '' : `    ${harmless(path.reason)}\n`
  return `  ${mark}  from ${harmless(path.from)}${via}, ${age(path.age)} ago\n    ${harmless(facts.join(', '))}\n${reason}`
}

function kernelText(kernel: KernelRouteJson | null | undefined): string {
  if (kernel === undefined) return '  this speaker programs no kernel\n'
  if (kernel === null) return '  not asked for\n'
  const error = kernel.lastError === undefined ? '' : `    ${harmless(kernel.lastError.text)}\n`
  const actual = kernel.state === 'installed' ? '' : `    the kernel has ${way(kernel.actual)}\n`
  return `  ${kernel.state}: ${way(kernel.desired ?? kernel.actual)} (for ${harmless(kernel.why)})\n${actual}${error}`
}

function exportsText(exports: Explanation['exports'], style: Style): string {
  if (exports.length === 0) return '  nobody\n'
  const rows = table(
    exports,
    [
      { heading: 'PEER', value: (item) => item.name },
      {
        heading: 'SENT',
        value: (item) => (item.sent ? 'yes' : 'no'),
        colour: (item) => (item.sent ? 'green' : undefined),
      },
      { heading: 'NEXT HOP', value: (item) => item.nextHop },
      {
        heading: 'REASON',
        value: ({ reason, pathCount }) => [reason, pathsText(pathCount)].filter(Boolean).join(', '),
        words: true,
      },
    ],
    // Indented by two.
    style.width === undefined ? style : { ...style, width: style.width - 2 },
  )
  const told = exports.flatMap(({ paths = [] }) => paths)
  const lines = told.map(({ pathId, from, nextHop }) => {
    return `    path ${pathId} of ${harmless(from)}${nextHop === undefined ? '' : ` via ${nextHop}`}\n`
  })
  return rows
    .replace(/^/gm, '  ')
    .trimEnd()
    .concat('\n', ...lines)
}

const pathsText = (count: number | undefined): string =>
  count === undefined ? '' : `${count} ${count === 1 ? 'path' : 'paths'} (ADD-PATH)`
