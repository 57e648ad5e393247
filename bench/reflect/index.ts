/**
 * `npm run bench [-- --scenario S1,S2 --peers bird,frr --runs 3]`: reflecting, side by side with every other daemon that is
 * installed here. Each daemon runs alone in a network namespace of its own, on one core; the load plays the clients from
 * the other one and knows prefix by prefix when everybody has exactly what he should. `floor` is the same load against a
 * program that only forwards octets: what this load and this machine allow at most.
 *
 * Needs Linux with iproute2 and util-linux, as root or where users may make namespaces. Figures of different runs vary by
 * 30 % and more: compare only what stands in one table.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type CellResult, runCell } from './cell.js'
import { serveFloor } from './floor.js'
import { type Contender, contenders, installed, versionOf } from './peers.js'
import { SCENARIOS, type Scenario } from './scenarios.js'
import { faultsOf, type Row, tableOf } from './table.js'

const HELP = `usage: npm run bench -- [options]

  --scenario S1,S2,S3,S4,S6   which scenarios (default: all)
${SCENARIOS.map(({ name, what }) => `                             ${name}  ${what}`).join('\n')}
  --peers bird,frr,...     which others beside starling: bird, frr, openbgpd, gobgp, floor (default: all installed)
  --runs N                 rounds; the table shows medians (default: 1)
  --bundle FOLDER          another bundle of \`npm run bundle -- reflector\` (default: dist/bundle/reflector)
  --out FILE               where the JSON goes (default: bench/results/reflect-<time>.local.json)

A daemon that is not installed is left out with a line that says so.`

const SELF = fileURLToPath(import.meta.url)

/** The bundle is in .cache/sources below the root. */
const ROOT = join(SELF, '..', '..', '..')

function namespaced(args: readonly string[], pinned: boolean): [string, string[]] {
  const root = process.getuid?.() === 0
  const unshare = ['unshare', ...(root ? ['--net'] : ['--net', '--map-root-user', '--user']), '--']
  const pin = pinned ? ['taskset', '-c', '1'] : []
  const [file = '', ...rest] = [...unshare, ...pin, process.execPath, SELF, ...args]
  return [file, rest]
}

function play(
  contender: Contender,
  scenario: Scenario,
  pinned: boolean,
  bundle: string,
  heard: (r: CellResult) => void,
) {
  const cell = JSON.stringify({ contender: contender.name, scenario: scenario.name, pinned, bundle })
  const [file, args] = namespaced(['--cell', cell], pinned)
  // Its input is never written to: it ends when this process does, however that comes about.
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = `${complaints}${chunk}`.slice(-800)
  })
  return new Promise<string | undefined>((resolve) => {
    let failure: string | undefined
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as CellResult | { readonly error: string }
      if ('error' in said) failure = said.error
      else heard(said)
    })
    child.on('close', (code) =>
      resolve(failure ?? (code === 0 ? undefined : `ended with ${code}: ${complaints.trim()}`)),
    )
  })
}

/** What takes part, and a line for each that does not. */
function present(wanted: readonly string[] | undefined, bundle: string): readonly Contender[] {
  return contenders(bundle, SELF).filter((contender) => {
    const { name, program } = contender
    if (name !== 'starling' && wanted !== undefined && !wanted.includes(name)) return false
    if (installed(program) !== undefined) return true
    console.log(`${name} is not installed (${program}): left out`)
    return false
  })
}

function choose(text: string | undefined): readonly Scenario[] {
  if (text === undefined) return SCENARIOS
  return text.split(',').map((name) => {
    const found = SCENARIOS.find((scenario) => scenario.name === name.trim().toUpperCase())
    if (found === undefined)
      throw new Error(`no scenario ${name}; there are ${SCENARIOS.map((s) => s.name).join(', ')}`)
    return found
  })
}

function words({ phase, ok, milliseconds, wrong, daemonCpu, loadCpu, memory }: CellResult): string {
  const time = `${milliseconds < 1000 ? milliseconds.toFixed(1) : milliseconds.toFixed(0)} ms`
  const cost = `daemon ${daemonCpu.toFixed(2)} s, load ${loadCpu.toFixed(2)} s CPU, ${memory.toFixed(0)} MB`
  return `    ${phase.padEnd(15)} ${ok ? time.padStart(10) : `not done, ${wrong} wrong`}   ${cost}`
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string' },
      peers: { type: 'string' },
      runs: { type: 'string', default: '1' },
      bundle: { type: 'string', default: join(ROOT, 'dist', 'bundle', 'reflector') },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return
  }
  const scenarios = choose(values.scenario)
  if (!existsSync(join(values.bundle, 'starling.js'))) {
    console.error(`there is no bundle in ${values.bundle}: run \`npm run bundle -- reflector\` first`)
    process.exitCode = 1
    return
  }
  const peers = present(values.peers?.split(','), values.bundle)
  const pinned = cpus().length > 1 && installed('taskset') !== undefined
  const versions = Object.fromEntries(peers.map((peer) => [peer.name, versionOf(peer)]))
  const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.versions.node, pinned }
  console.log(`${machine.cores} cores of ${machine.cpu}; ${pinned ? 'daemon on core 0, load on core 1' : 'not pinned'}`)
  console.log(
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  )
  const rows: Row[] = []
  const stamp = new Date().toISOString().replace(/[:.]/g, '-')
  const out = values.out ?? join(ROOT, 'bench', 'results', `reflect-${stamp}.local.json`)
  mkdirSync(join(out, '..'), { recursive: true })
  // After each cell: a long run that is broken off keeps what it has.
  const store = () =>
    writeFileSync(out, JSON.stringify({ at: new Date().toISOString(), machine, versions, rows }, undefined, 1))
  for (let number = 1; number <= Number(values.runs); number++) {
    for (const scenario of scenarios) {
      for (const peer of peers) {
        console.log(`  run ${number}, ${scenario.name}, ${peer.name}`)
        const failure = await play(peer, scenario, pinned, values.bundle, (result) => {
          rows.push({ peer: peer.name, scenario: scenario.name, run: number, result })
          console.log(words(result))
        })
        if (failure !== undefined) console.log(`    failed: ${failure}`)
        store()
      }
    }
  }
  for (const scenario of scenarios)
    console.log(
      `\n${tableOf(
        rows,
        scenario,
        peers.map(({ name }) => name),
      )}`,
    )
  const faults = faultsOf(rows)
  console.log(`\nunknown prefixes, own routes, wrong next hops, sessions lost: ${faults.join('; ') || 'none'}`)
  console.log(`written to ${out}`)
}

// The same file is its own helper: in a namespace as the load, and as the floor.
const [role, cell] = process.argv.slice(2)
if (role === '--floor') serveFloor()
if (role === '--cell') {
  const { contender, scenario, pinned, bundle } = JSON.parse(cell ?? '{}')
  const found = contenders(bundle, SELF).find(({ name }) => name === contender)
  const played = SCENARIOS.find(({ name }) => name === scenario)
  if (found === undefined || played === undefined) throw new Error(`no cell ${cell}`)
  const abandoned = new AbortController()
  process.stdin.on('end', () => abandoned.abort()).resume()
  await runCell(found, played, pinned, abandoned.signal)
  process.exit(0)
}
