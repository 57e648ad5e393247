/**
 * Foreign BGP daemons as children of a test: a folder, a configuration, a process in the foreground, ended by its pid.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { eventually } from './wait.js'

const run = promisify(execFile)

/** A folder of its own under the system's temporary one; removed by {@link Daemon.stop}. */
export function workFolder(label: string): string {
  const folder = mkdtempSync(join(tmpdir(), `starling-${label}-`))
  chmodSync(folder, 0o777)
  return folder
}

export class Daemon {
  readonly folder: string
  output = ''
  readonly #child: ChildProcess
  readonly #client: (command: string) => readonly string[]

  constructor(folder: string, command: readonly string[], client: (command: string) => readonly string[]) {
    this.folder = folder
    this.#client = client
    const [file = '', ...parameters] = command
    this.#child = spawn(file, parameters, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.output += text.toString()
      })
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Ask through the daemon's own client; what it answers, errors included. */
  async ask(command: string): Promise<string> {
    const [file = '', ...parameters] = this.#client(command)
    try {
      const { stdout, stderr } = await run(file, parameters, { timeout: 30_000 })
      return stdout + stderr
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  /** Wait until the answer to a command matches. */
  async shows(command: string, pattern: RegExp, limit?: number): Promise<string> {
    let answer = ''
    await eventually(
      `${command} matches ${pattern}`,
      async () => {
        if (!this.running) throw new Error(`the daemon ended: ${this.output}`)
        answer = await this.ask(command)
        return pattern.test(answer)
      },
      { state: () => `${answer}\n${this.output}`, ...(limit !== undefined && { limit }) },
    )
    return answer
  }

  kill(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal)
  }

  async ended(): Promise<void> {
    await eventually('the daemon ends', () => !this.running)
  }

  async stop(): Promise<void> {
    this.kill('SIGTERM')
    try {
      await eventually('the daemon ends', () => !this.running, { limit: 10_000 })
    } catch {
      this.kill('SIGKILL')
      // Its addresses and ports are the next one's.
      await this.ended()
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** BIRD 2; `ask` is birdc. The configuration needs no log or socket lines. */
export async function startBird(config: string, folder = workFolder('bird')): Promise<Daemon> {
  const file = join(folder, 'bird.conf')
  const socket = join(folder, 'bird.ctl')
  writeFileSync(file, `log "${folder}/log" all;\n${config}`)
  const daemon = new Daemon(folder, ['bird', '-f', '-c', file, '-s', socket, '-P', join(folder, 'pid')], (command) => [
    'birdc',
    '-s',
    socket,
    ...command.split(' '),
  ])
  await daemon.shows('show status', /Daemon is up/)
  return daemon
}

/** FRR's bgpd alone, without zebra; `ask` is vtysh. */
export async function startFrr(config: string, listen: string, folder = workFolder('frr')): Promise<Daemon> {
  const file = join(folder, 'frr.conf')
  writeFileSync(file, config)
  const daemon = new Daemon(
    folder,
    [
      '/usr/lib/frr/bgpd',
      ...['-n', '-Z', '-S', '-u', 'root', '-g', 'root', '-f', file, '-i', join(folder, 'pid'), '-l', listen],
      ...['-A', '127.0.0.1', '-P', '0', '--vty_socket', folder, '-z', join(folder, 'zebra')],
      ...['--log', `file:${join(folder, 'log')}`, '--log-level', 'notifications'],
    ],
    (command) => ['vtysh', '--vty_socket', folder, '-d', 'bgpd', '-c', command],
  )
  await daemon.shows('show bgp summary', /BGP router identifier|No BGP neighbors|Neighbor/)
  return daemon
}

/** GoBGP; `ask` is gobgp. `local-address-list` and the port are the configuration's business. */
export async function startGobgp(config: string, folder = workFolder('gobgp')): Promise<Daemon> {
  const file = join(folder, 'gobgp.toml')
  writeFileSync(file, config)
  const daemon = new Daemon(
    folder,
    ['gobgpd', '-f', file, '-l', 'info', '--api-hosts', '127.0.0.1:50051'],
    (command) => ['gobgp', ...command.split(' ')],
  )
  await daemon.shows('neighbor', /Peer/)
  return daemon
}

/** OpenBGPD; `ask` is bgpctl. The configuration needs no socket line. */
export async function startOpenbgpd(config: string, folder = workFolder('openbgpd')): Promise<Daemon> {
  const file = join(folder, 'bgpd.conf')
  const socket = join(folder, 'ctl')
  writeFileSync(file, `${config}\nsocket "${socket}"\n`)
  chmodSync(file, 0o600)
  // Its children chroot there.
  mkdirSync('/run/openbgpd', { recursive: true })
  const daemon = new Daemon(folder, ['/usr/sbin/bgpd', '-d', '-f', file], (command) => [
    'bgpctl',
    '-s',
    socket,
    ...command.split(' '),
  ])
  await daemon.shows('show summary', /Neighbor/)
  return daemon
}
