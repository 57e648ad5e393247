/**
 * `starling doctor`: is this host fit for a node or a reflector? Looks, changes nothing, says how to put things right; run it
 * as the daemon runs (same user, same container), before and after.
 */
import { IPAM_PREFIX } from '@starling/resources'
import { type Command, Option } from 'commander'
import { ApiClient, DEFAULT_CONTROL } from '../client/client.js'
import { lookAround } from '../doctor/facts.js'
import { examine, type Finding, type HostFacts, type Role, type StoreFacts } from '../doctor/rules.js'
import { CliError, EXIT, verdict } from '../exit.js'
import type { Io } from '../io.js'
import { addOutput } from '../options.js'
import { type OutputOptions, render, type Style } from '../output/print.js'
import { counted, harmless } from '../output/text.js'
import { addDatastore, nameOfThisNode, nonEmpty } from './daemon-options.js'
import { readEntries, stateOf, withDatastore } from './datastore-reader.js'

interface DoctorOptions extends OutputOptions {
  readonly role: Role
  readonly name?: string
  readonly datastore?: string
}

export function register(program: Command, io: Io): void {
  const command = program
    .command('doctor')
    .description('is this host fit? kernel, powers, ports, rivals, clock, datastore; and how to put it right')
  addOutput(addDatastore(command))
    .addOption(new Option('--role <role>', 'what is to run here').choices(['node', 'reflector']).default('node'))
    .option('--name <name>', 'name of the Node resource (default: as starling node finds it)')
    .action(async (options: DoctorOptions) => {
      const findings = examine(await gather(options, io), options.role)
      io.write(render(findings, options, io, (style) => findingsText(findings, style)))
      if (findings.some((finding) => finding.verdict === 'problem')) throw verdict(EXIT.unhealthy)
    })
}

async function gather(options: DoctorOptions, io: Io): Promise<HostFacts> {
  const name = options.name ?? (await nameOfThisNode(io))
  const control = nonEmpty(io.env['STARLING_CONTROL']) ?? DEFAULT_CONTROL
  const running = await new ApiClient({ control }).get('/v1/summary').then(
    () => true,
    () => false,
  )
  const store = await askStore(options, name, io)
  return { ...(await lookAround()), name, running, ...(store === undefined ? {} : { store }) }
}

/** Undefined where nobody said which store. */
async function askStore(options: DoctorOptions, name: string, io: Io): Promise<StoreFacts | undefined> {
  const { datastore: spec } = options
  if (spec === undefined && nonEmpty(io.env['ETCD_ENDPOINTS'] ?? io.env['ETCD_DISCOVERY_SRV']) === undefined)
    return undefined
  let description = spec ?? 'etcd'
  const begin = Date.now()
  try {
    return await withDatastore(spec, io, async (datastore) => {
      description = datastore.description
      await datastore.list(`${IPAM_PREFIX}host/${name}/`)
      const milliseconds = Date.now() - begin
      const state = stateOf(await readEntries(datastore))
      const node = state.nodes.get(name)
      const addresses = [node?.ipv4, node?.ipv6].flatMap((cidr) => cidr?.address ?? [])
      const pools = state.all('IPPool').map(({ spec: pool }) => pool)
      return {
        description,
        milliseconds,
        ...(node === undefined ? {} : { node: { addresses } }),
        encapsulation: {
          ipip: pools.some(({ ipipMode }) => ipipMode !== 'Never'),
          vxlan: pools.some(({ vxlanMode }) => vxlanMode !== 'Never'),
        },
      }
    })
  } catch (error) {
    if (error instanceof CliError) return { description, error: error.message.replace(`${description}: `, '') }
    throw error
  }
}

const MARKS = { ok: ['ok', 'green'], warning: ['warning', 'yellow'], problem: ['PROBLEM', 'red'] } as const

export function findingsText(findings: readonly Finding[], { paint }: Style): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ check, verdict: kind, found, fix }) => {
    const [word, colour] = MARKS[kind]
    const line = `${paint(word.padEnd(7), colour)}  ${check.padEnd(width)}  ${harmless(found)}`
    return fix === undefined ? [line] : [line, `${' '.repeat(width + 11)}${harmless(fix)}`]
  })
  const count = (kind: Finding['verdict']): number => findings.filter((finding) => finding.verdict === kind).length
  return `${lines.join('\n')}\n\n${counted(count('problem'), 'problem')}, ${counted(count('warning'), 'warning')}, ${count('ok')} fine\n`
}
