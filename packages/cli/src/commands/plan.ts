/**
 * `starling plan`: what a node would do, without doing it; what would change; and the verdict of its rules on one route.
 */

import type { FileProblem } from '@starling/datastore/file'
import {
  type Answer,
  type ClusterState,
  diffPlans,
  evaluate,
  type Plan,
  type PlanDiff,
  type PlanJson,
  type PlanOptions,
  type PlanProblem,
  type PolicyRoute,
  plan,
  planToJson,
} from '@starling/intent'
import type { Command } from 'commander'
import { CliError, usage } from '../exit.js'
import type { Io } from '../io.js'
import { addOutput } from '../options.js'
import { type OutputOptions, render, type Style } from '../output/print.js'
import { details, table } from '../output/table.js'
import { harmless } from '../output/text.js'
import { addDatastore, datastoreSpec, nonEmpty } from './daemon-options.js'
import { readEntries, stateOf, withDatastore } from './datastore-reader.js'

interface PlanCommandOptions extends OutputOptions {
  readonly datastore?: string
  readonly node: string
  readonly against?: string
  readonly overlay?: boolean
  readonly secretsDir?: string
  readonly endpointStatus?: string
  readonly evaluate?: string
  readonly from?: string
  readonly to?: string
}

export function register(program: Command, io: Io): void {
  const command = program.command('plan').description('what a node would do, without doing it')
  addOutput(addDatastore(command))
    .requiredOption('--node <name>', 'the node to plan for')
    .option('--against <spec>', 'show the difference to what this datastore says', datastoreSpec)
    .option('--overlay', 'with --against: --datastore holds only what would change, on top of the other')
    .option('--secrets-dir <dir>', 'mounted secrets, as NAME/KEY')
    .option(
      '--endpoint-status <dir>',
      "Felix's files of local workloads that speak BGP (of that node, not of this one)",
    )
    .option('--evaluate <route>', 'one route through the rules: PREFIX or PREFIX,{"asPath":[64601],...}')
    .option('--from <peer>', 'with --evaluate: a peer, static, kernel:IFACE or direct:IFACE')
    .option('--to <peer>', 'with --evaluate: a peer or kernel')
    .action(async (options: PlanCommandOptions) => run(options, io))
}

async function run(options: PlanCommandOptions, io: Io): Promise<void> {
  if (options.overlay === true && options.against === undefined) throw usage('--overlay needs --against')
  const planOptions = await optionsFrom(options, io)
  const knows = (state: ClusterState): boolean => state.nodes.get(options.node) !== undefined
  const nobody = new CliError(`there is no Node ${options.node}`)
  const make = (state: ClusterState): Plan => plan(state, options.node, planOptions)
  const unread: PlanProblem[] = []
  const listed = options.against === undefined && options.evaluate === undefined
  const told = listed ? (problems: readonly FileProblem[]) => unread.push(...problems.map(unreadable)) : undefined
  const here = await withDatastore(options.datastore, io, readEntries, told)
  if (options.against === undefined) {
    const state = stateOf(here)
    if (!knows(state)) {
      for (const { resource, field = '', message } of unread) io.error(harmless(`${resource} ${field}: ${message}\n`))
      throw nobody
    }
    const made = make(state)
    if (options.evaluate !== undefined) return evaluateRoute(options, io, made)
    const json = planToJson({ ...made, problems: [...unread, ...made.problems] })
    io.write(render(json, options, io, (style) => planText(json, style)))
    return
  }
  const there = await withDatastore(options.against, io, readEntries)
  const after = options.overlay === true ? { ...here, entries: new Map([...there.entries, ...here.entries]) } : here
  // A node that comes or goes is a difference too.
  const [old, next] = [stateOf(there), stateOf(after)]
  if (!knows(old) && !knows(next)) throw nobody
  const difference = diffPlans(make(old), make(next))
  io.write(render(difference, options, io, (style) => diffText(difference, style)))
}

/** A document that the plan is made without. */
function unreadable({ file, line, reason, about }: FileProblem): PlanProblem {
  const place = line === 0 ? file : `${file}:${line}`
  if (about === undefined) return { severity: 'error', resource: place, message: reason }
  const { message, ...subject } = about
  return { severity: 'error', ...subject, message: `${message} (${place})` }
}

async function optionsFrom(options: PlanCommandOptions, io: Io): Promise<PlanOptions> {
  const routerId = nonEmpty(io.env['CALICO_ROUTER_ID'])
  const namespace = nonEmpty(io.env['NAMESPACE'])
  const advertiseClusterIps = nonEmpty(io.env['CALICO_ADVERTISE_CLUSTER_IPS'])
  const kubernetesNodeName = nonEmpty(io.env['CALICO_K8S_NODE_REF'])
  const { secretsDir, endpointStatus } = options
  return {
    ...(routerId === undefined ? {} : { routerId }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(advertiseClusterIps === undefined ? {} : { advertiseClusterIps }),
    ...(kubernetesNodeName === undefined ? {} : { kubernetesNodeName }),
    ...(secretsDir === undefined && endpointStatus === undefined ? {} : await readFolders(secretsDir, endpointStatus)),
  }
}

/** Read by the very code of the node agent. */
async function readFolders(secretsDir: string | undefined, endpointStatus: string | undefined): Promise<PlanOptions> {
  const { readSecrets, readWorkloads, workloadOptions } = await import('@starling/bgp-client')
  try {
    return {
      ...(secretsDir === undefined ? {} : { secrets: await readSecrets(secretsDir) }),
      ...(endpointStatus === undefined ? {} : workloadOptions(await readWorkloads(endpointStatus))),
    }
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error))
  }
}

function evaluateRoute(options: PlanCommandOptions, io: Io, made: Plan): void {
  const { evaluate: route = '', from, to } = options
  if (from === undefined || to === undefined) throw usage('--evaluate needs --from and --to')
  const comma = route.indexOf(',')
  const prefix = comma < 0 ? route : route.slice(0, comma)
  const attributes = comma < 0 ? {} : parseAttributes(route.slice(comma + 1))
  const answer = evaluate(made, { prefix, from, to, attributes })
  if ('error' in answer) throw usage(answer.error)
  io.write(render(answer, options, io, (style) => answerText(answer, style)))
}

function parseAttributes(text: string): Partial<PolicyRoute> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Partial<PolicyRoute>
  } catch {
    // Told below, like any other text that is no object.
  }
  throw usage(`attributes are a JSON object such as {"asPath":[64601],"communities":["64512:100"]}, not ${text}`)
}

const whyText = ({ resource, field, rule }: { resource: string; field?: string; rule: string }): string =>
  `${resource}${field === undefined ? '' : ` ${field}`}: ${rule}`

export function planText(json: PlanJson, style: Style): string {
  const title = (text: string): string => `\n${style.paint(text, 'bold')}\n`
  const head = details([
    ['Node', json.node],
    ['AS', `${json.asNumber} (${whyText(json.asNumberWhy)})`],
    ['Router ID', `${json.routerId} (${whyText(json.routerIdWhy)})`],
    ['Cluster ID', json.clusterId],
    ['Addresses', [json.addresses.ipv4, json.addresses.ipv6].filter((text) => text !== '').join(', ')],
    [
      'Listens on',
      `${[json.listen.ipv4, json.listen.ipv6].filter((text) => text !== undefined).join(', ')} port ${json.listen.port}`,
    ],
  ])
  const peers = table(
    json.peers,
    [
      { heading: 'NAME', value: (peer) => peer.name },
      { heading: 'KIND', value: (peer) => peer.kind },
      { heading: 'ADDRESS', value: (peer) => (peer.port === 179 ? peer.address : `${peer.address} port ${peer.port}`) },
      { heading: 'AS', value: (peer) => String(peer.remoteAs) },
      { heading: 'LOCAL AS', value: (peer) => peer.localAs, wide: true },
      { heading: 'SIDE', value: (peer) => (peer.passive ? 'passive' : 'active') },
      { heading: 'CLIENT', value: (peer) => (peer.rrClient ? peer.clusterId : undefined), wide: true },
      { heading: 'NEXT HOP', value: (peer) => peer.nextHop, wide: true },
      { heading: 'PASSWORD', value: (peer) => (peer.hasPassword ? 'yes' : undefined), wide: true },
      { heading: 'FILTERS', value: (peer) => peer.filters.join(', ') },
      {
        heading: 'OPTIONS FROM',
        value: (peer) =>
          Object.entries(peer.optionsFrom)
            .map(([from, fields]) => `${from}: ${fields}`)
            .join('; '),
        wide: true,
      },
      { heading: 'WHY', value: (peer) => whyText(peer.why) },
      {
        heading: 'HELD DOWN',
        value: (peer) => peer.heldDown,
        colour: (peer) => (peer.heldDown === '' ? undefined : 'red'),
      },
    ],
    style,
  )
  const originate = table(
    json.originate,
    [
      { heading: 'PREFIX', value: (route) => route.prefix },
      { heading: 'KIND', value: (route) => route.label },
      { heading: 'WHY', value: (route) => whyText(route.why) },
    ],
    style,
  )
  const pools = table(
    json.kernel.pools,
    [
      { heading: 'POOL', value: (pool) => pool.cidr },
      { heading: 'ACTION', value: (pool) => pool.action },
      { heading: 'WHY', value: (pool) => whyText(pool.why) },
    ],
    style,
  )
  const problems = json.problems.map((problem) => {
    const text = `${problem.severity}: ${problem.resource}${problem.field === undefined ? '' : ` ${problem.field}`}: ${problem.message}`
    return `${style.paint(harmless(text), problem.severity === 'error' ? 'red' : 'yellow')}\n`
  })
  return [
    head,
    title('Peers'),
    json.peers.length === 0 ? 'none\n' : peers,
    title('Announces'),
    json.originate.length === 0 ? 'nothing\n' : originate,
    title('Kernel'),
    json.kernel.pools.length === 0 ? 'no pools\n' : pools,
    ...(problems.length === 0 ? [] : [title('Problems'), ...problems]),
  ].join('')
}

export function diffText(difference: PlanDiff, { paint }: Style): string {
  const lines: string[] = []
  const add = (text: string): void => void lines.push(`${text}\n`)
  for (const field of difference.speaker) add(paint(`~ speaker: ${field} changes`, 'yellow'))
  for (const peer of difference.come) add(paint(`+ session ${peer.name} (${whyText(peer.why)})`, 'green'))
  for (const peer of difference.go) add(paint(`- session ${peer.name} (${whyText(peer.why)})`, 'red'))
  for (const peer of difference.reset) add(paint(`! session ${peer.name} is reset because of ${peer.reset}`, 'red'))
  for (const peer of difference.changed) {
    add(paint(`~ session ${peer.name} stays up: ${peer.fields.map((change) => change.field).join(', ')}`, 'yellow'))
  }
  for (const route of difference.appear) add(paint(`+ announces ${route.prefix} (${whyText(route.why)})`, 'green'))
  for (const route of difference.disappear) add(paint(`- announces ${route.prefix} (${whyText(route.why)})`, 'red'))
  if (difference.kernelPools !== undefined) add(paint('~ kernel rules of the pools change', 'yellow'))
  for (const problem of difference.newProblems) add(paint(`! ${problem.resource}: ${problem.message}`, 'red'))
  return lines.length === 0 ? 'No difference.\n' : lines.join('')
}

function answerText(answer: Answer, { paint }: Style): string {
  const lines: string[] = []
  for (const stage of answer.stages) {
    lines.push(`${paint(stage.stage, 'bold')}: ${stage.verdict} (${whyText(stage.why)})`)
    for (const step of stage.steps) {
      const outcome = step.matched ? (step.verdict ?? 'goes on') : `no match: ${step.failed ?? ''}`
      const actions = step.actions.length === 0 ? '' : `; ${step.actions.join('; ')}`
      lines.push(`  ${whyText(step.why)}: ${outcome}${actions}`)
    }
  }
  lines.push(paint(`${answer.verdict}: ${whyText(answer.why)}`, answer.verdict === 'accept' ? 'green' : 'red'))
  return `${lines.join('\n')}\n`
}
