/**
 * A neighbour across a switch: the test's process in one network namespace, foreign daemons in another, a bridge
 * between them whose port can be closed without either end losing carrier. That is how a path breaks in real life: in
 * silence.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CLONE, unshare } from '@starling/sys'
import { sweepNamespaces } from '../../support/sweep.js'
import { Daemon, workFolder } from './daemon.js'
import { ip } from './network.js'

const OURS = 'near0'
const THEIRS = 'far0'

export class FarSide {
  readonly namespace = `sti-${process.pid}-far`

  /** Call once, before any socket is opened. Addresses with their lengths. */
  constructor(ours: readonly string[], theirs: readonly string[]) {
    sweepNamespaces(/^sti-(\d+)-far$/)
    unshare(CLONE.NEWNET)
    ip('link set lo up')
    execFileSync('ip', ['netns', 'add', this.namespace])
    ip('link add sw0 type bridge')
    ip('link set sw0 up')
    ip(`link add ${OURS} type veth peer name ${OURS}x`)
    ip(`link add ${THEIRS} type veth peer name ${THEIRS}x`)
    ip(`link set ${THEIRS} netns ${this.namespace}`)
    for (const port of [`${OURS}x`, `${THEIRS}x`]) ip(`link set ${port} master sw0 up`)
    ip(`link set ${OURS} up`)
    this.ip('link set lo up')
    this.ip(`link set ${THEIRS} up`)
    for (const address of ours) ip(`address add ${address} dev ${OURS}${address.includes(':') ? ' nodad' : ''}`)
    for (const address of theirs)
      this.ip(`address add ${address} dev ${THEIRS}${address.includes(':') ? ' nodad' : ''}`)
  }

  ip(command: string): string {
    return execFileSync('ip', ['-n', this.namespace, ...command.split(' ')], { stdio: 'pipe' }).toString()
  }

  /** Nothing passes any more; both links stay up. */
  cut(): void {
    execFileSync('bridge', ['link', 'set', 'dev', `${THEIRS}x`, 'state', '0'])
  }

  heal(): void {
    execFileSync('bridge', ['link', 'set', 'dev', `${THEIRS}x`, 'state', '3'])
  }

  /** A command of the far side. */
  command(...words: readonly string[]): readonly string[] {
    return ['ip', 'netns', 'exec', this.namespace, ...words]
  }

  remove(): void {
    execFileSync('ip', ['netns', 'delete', this.namespace])
  }

  async bird(config: string): Promise<Daemon> {
    const folder = workFolder('far-bird')
    const file = join(folder, 'bird.conf')
    const socket = join(folder, 'bird.ctl')
    writeFileSync(file, `log "${folder}/log" all;\n${config}`)
    const run = this.command('bird', '-f', '-c', file, '-s', socket, '-P', join(folder, 'pid'))
    const daemon = new Daemon(folder, run, (command) => ['birdc', '-s', socket, ...command.split(' ')])
    await daemon.shows('show status', /Daemon is up/)
    return daemon
  }

  /** FRR's zebra, bfdd and bgpd with one configuration; `ask` is vtysh. The caller stops all of them. */
  frr(config: string): Promise<Suite> {
    return frrSuite((...words) => this.command(...words), config)
  }
}

export interface Suite {
  readonly ask: Daemon['ask']
  readonly shows: Daemon['shows']
  stop(): Promise<void>
}

/** FRR in a namespace, as {@link FarSide.frr}: `command` makes a command of that namespace. */
export async function frrSuite(
  command: (...words: readonly string[]) => readonly string[],
  config: string,
): Promise<Suite> {
  const folder = workFolder('far-frr')
  // They run as their own user.
  mkdirSync(join(folder, 'vty'))
  chmodSync(join(folder, 'vty'), 0o777)
  const daemons: Daemon[] = []
  for (const name of ['zebra', 'bfdd', 'bgpd']) {
    const file = join(folder, `${name}.conf`)
    writeFileSync(file, '')
    const run = command(
      `/usr/lib/frr/${name}`,
      ...['-f', file, '-i', join(folder, `${name}.pid`), '-A', '127.0.0.1', '-P', '0'],
      ...['--vty_socket', join(folder, 'vty'), '-z', join(folder, 'zserv.api')],
      ...['--log', `file:${join(folder, `${name}.log`)}`, '--log-level', 'notifications'],
      ...(name === 'bfdd' ? ['--bfdctl', join(folder, 'bfdd.sock')] : []),
    )
    const client = (text: string) => ['vtysh', '--vty_socket', join(folder, 'vty'), '-c', text]
    const daemon = new Daemon(folder, run, client)
    daemons.push(daemon)
    await daemon.shows(`show daemons`, new RegExp(name))
  }
  const bgp = daemons[2] as Daemon
  // As FRR itself does at its start: vtysh gives every daemon the lines that are its own.
  const whole = join(folder, 'frr.conf')
  writeFileSync(whole, config)
  execFileSync('vtysh', ['--vty_socket', join(folder, 'vty'), '-f', whole], { stdio: 'pipe' })
  return {
    ask: (text) => bgp.ask(text),
    shows: (text, pattern, limit) => bgp.shows(text, pattern, limit),
    async stop() {
      for (const daemon of daemons.reverse()) await daemon.stop()
    },
  }
}
