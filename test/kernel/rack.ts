/**
 * A host with two uplinks and two routers that both carry 10.100.0.0/24 on their loopback: what multipath, failover and
 * handover tests share. Real packets answer from whichever router they reach.
 *
 *        host eth0 10.1.0.1 ---- 10.1.0.2 r1 (lo 10.100.0.0/24)
 *        host eth1 10.2.0.1 ---- 10.2.0.2 r2 (lo 10.100.0.0/24)
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { connect, Namespace } from './netns.js'

export interface PingResult {
  readonly sent: number
  readonly received: number
}

export class Rack {
  readonly host = new Namespace('host')
  readonly r1 = new Namespace('r1')
  readonly r2 = new Namespace('r2')

  constructor() {
    const { host, r1, r2 } = this
    connect(host, 'eth0', r1, 'port')
    connect(host, 'eth1', r2, 'port')
    host.ip('addr add 10.1.0.1/24 dev eth0')
    host.ip('addr add 10.2.0.1/24 dev eth1')
    r1.ip('addr add 10.1.0.2/24 dev port')
    r2.ip('addr add 10.2.0.2/24 dev port')
    r1.ip('route add 10.2.0.0/24 via 10.1.0.1')
    r2.ip('route add 10.1.0.0/24 via 10.2.0.1')
    for (const router of [r1, r2]) router.ip('addr add 10.100.0.0/24 dev lo')
    for (const namespace of [host, r1, r2]) {
      namespace.sysctl('net.ipv4.conf.all.rp_filter', 0)
      namespace.sysctl('net.ipv4.conf.default.rp_filter', 0)
      namespace.sysctl('net.ipv4.icmp_ratelimit', 0)
      // Answers to destinations other than our own addresses: 10.100.0.x is local through the loopback prefix.
      namespace.sysctl('net.ipv4.ip_forward', 1)
    }
    host.sysctl('net.ipv4.fib_multipath_hash_policy', 1)
  }

  /** Packets received by a router's uplink. */
  received(router: Namespace): number {
    const [link] = JSON.parse(router.ip('-s -j link show dev port')) as { stats64: { rx: { packets: number } } }[]
    return link?.stats64.rx.packets ?? 0
  }

  /** `proto 12` routes of the host, as `ip` prints them. */
  routes(): string[] {
    const lines = this.host.ip('-o route show proto 12').split('\n')
    return lines.map((line) => line.replace(/\\?\s+/g, ' ').trim()).filter((line) => line !== '')
  }

  destroy(): void {
    for (const namespace of [this.host, this.r1, this.r2]) namespace.destroy()
  }
}

/** A ping under way; `stop` ends it and counts. */
export interface Ping {
  stop(): Promise<PingResult>
}

const PATIENCE_MS = 60_000
const SEQUENCES = 1 << 16

/**
 * One packet every `interval` ms until stopped. Resolves once the first answer is in. At the end one more answer is waited
 * for, and packets count up to that one: what was sent in the last moment is on its way, not lost. When nothing comes any
 * more, what ping itself has sent counts.
 */
export async function startPing(from: Namespace, target: string, interval: number): Promise<Ping> {
  const args = ['netns', 'exec', from.name, 'ping', '-n', '-W', '1', '-i', String(interval / 1000), target]
  const child: ChildProcess = spawn('ip', args)
  let said = ''
  let half = ''
  let answers = 0
  let newest = 0
  let ended = false
  const answered = (sequence: number): void => {
    answers++
    // The number of a packet has 16 bits; the newest answer is never half a round away.
    const ahead = (sequence - newest) & (SEQUENCES - 1)
    if (ahead < SEQUENCES / 2) newest += ahead
  }
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (half + chunk.toString()).split('\n')
    half = lines.pop() ?? ''
    for (const line of lines) {
      const [, sequence] = /bytes from .* icmp_seq=(\d+) (?!.*DUP!)/.exec(line) ?? []
      if (sequence === undefined) said += `${line}\n`
      else answered(Number(sequence))
    }
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => {
      ended = true
      resolve()
    })
  })
  const answerAfter = async (sequence: number): Promise<boolean> => {
    const end = performance.now() + PATIENCE_MS
    while (newest <= sequence && !ended && performance.now() < end) await new Promise((turn) => setTimeout(turn, 5))
    return newest > sequence
  }
  if (!(await answerAfter(0))) {
    child.kill('SIGINT')
    await closed
    throw new Error(`no answer from ${target}: ${said}`)
  }
  return {
    async stop() {
      const alive = await answerAfter(newest)
      const [sent, received] = [newest, answers]
      child.kill('SIGINT')
      await closed
      const [, all = '0'] = /(\d+) packets transmitted/.exec(said) ?? []
      return { sent: alive ? sent : Number(all), received }
    },
  }
}
