/**
 * The lab's tables as text: what runs, its sessions, routes and pings. Pure: a view in, lines out; the same text serves
 * the live display, `lab status` and the final report.
 */
import { type DeviceView, expectedPeers, type LabView, peerAt, tally, writesRoutes } from '../run/converge.js'
import { familyOf } from '../topology/addresses.js'
import type { LabPlan } from '../topology/plan.js'

export interface Style {
  readonly color: boolean
  /** Where the room ends; without it every column is shown. */
  readonly columns?: number
}

/** What the device table gives up on a narrow terminal, first to last: the pings are what the demo is about. */
const EXPENDABLE = ['DAEMON', 'POD', 'AS', 'ROLE', 'RTT', 'BLOCK'] as const

/** Rows beyond this are summed up: a mesh of 50 nodes has 1,225 sessions. */
const SESSION_ROWS = 24

const CODES = { good: 32, bad: 31, weak: 2, strong: 1 } as const

function paint(style: Style, kind: keyof typeof CODES, text: string): string {
  return style.color ? `\u001b[${CODES[kind]}m${text}\u001b[0m` : text
}

export function tables(plan: LabPlan, view: LabView, style: Style): string[] {
  return [...deviceTable(plan, view, style), '', ...sessionTable(plan, view, style)]
}

function deviceTable(plan: LabPlan, view: LabView, style: Style): string[] {
  const header = ['DEVICE', 'ROLE', 'DAEMON', 'AS', 'SESSIONS', 'BLOCK', 'KERNEL ROUTES', 'POD', 'PINGS', 'RTT']
  const rows = view.devices.map((device) => {
    const { name, role, daemon, asNumber } = device.plan
    const peers = expectedPeers(plan, name)
    const up = peers.filter(({ address }) => peerAt(device, address)?.state === 'Established').length
    const { present, expected } = tally(device, view)
    const pods = view.pods.filter(({ node }) => node === name)
    const pings = view.pings.filter(({ from }) => pods.some((pod) => pod.name === from))
    const answered = pings.flatMap(({ milliseconds }) => milliseconds ?? [])
    return [
      device.ended === '' ? `${name}${device.cut ? ' (cut)' : ''}` : `${name} (${device.ended})`,
      role === 'tor' ? 'ToR' : role,
      daemon,
      String(asNumber),
      ratio(style, up, peers.length),
      device.blocks.join(' ') || '-',
      !writesRoutes(device.plan) ? '-' : ratio(style, present, expected),
      pods.flatMap(({ address, address6 }) => (address6 === undefined ? [address] : [address, address6])).join(' ') ||
        '-',
      pods.length === 0 ? '-' : ratio(style, answered.length, pings.length),
      answered.length === 0 ? '-' : `${(answered.reduce((a, b) => a + b, 0) / answered.length).toFixed(2)} ms`,
    ]
  })
  return fitting(header, rows, style)
}

/** A grid without the columns that the terminal has no room for. */
function fitting(header: readonly string[], rows: readonly (readonly string[])[], style: Style): string[] {
  const gone = new Set<string>()
  const without = (cells: readonly string[]) => cells.filter((_, at) => !gone.has(header[at] ?? ''))
  const drawn = () => grid(without(header), rows.map(without), style)
  let lines = drawn()
  for (const title of EXPENDABLE) {
    if (Math.max(...lines.map(visible)) <= (style.columns ?? Number.POSITIVE_INFINITY)) break
    gone.add(title)
    lines = drawn()
  }
  return lines
}

/** Seen from the first end of each session. */
function sessionTable(plan: LabPlan, view: LabView, style: Style): string[] {
  const byName = new Map(view.devices.map((device) => [device.plan.name, device]))
  const rows = plan.sessions.map(({ type, ends: [near, far] }) => {
    const peer = peerAt(byName.get(near.device) as DeviceView, far.address)
    const state = peer?.state ?? '-'
    const up = state === 'Established'
    return {
      up,
      cells: [
        `${near.device} - ${far.device}`,
        far.address.includes('%') ? `${type} link` : familyOf(far.address) === 6 ? `${type} v6` : type,
        paint(style, up ? 'good' : 'bad', state),
        peer?.ageSeconds === undefined ? '-' : duration(peer.ageSeconds),
        String(peer?.received ?? '-'),
        String(peer?.sent ?? '-'),
        up ? '' : (peer?.reason ?? ''),
      ],
    }
  })
  const shown = rows.length <= SESSION_ROWS ? rows : rows.filter(({ up }) => !up).slice(0, SESSION_ROWS)
  const header = ['SESSION', 'TYPE', 'STATE', 'SINCE', 'IN', 'OUT', 'REASON']
  const lines = grid(
    header,
    shown.map(({ cells }) => cells),
    style,
  )
  const rest = rows.length - shown.length
  return rest === 0 ? lines : [...lines, `and ${rest} more, ${rows.filter(({ up }) => up).length} of all Established`]
}

function ratio(style: Style, have: number, of: number): string {
  return paint(style, have === of && of > 0 ? 'good' : 'bad', `${have}/${of}`)
}

/** One unit: `42 s`, `7 min`, `3.2 h`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}

/** Columns as wide as their widest cell; escape codes take no room. */
export function grid(header: readonly string[], rows: readonly (readonly string[])[], style: Style): string[] {
  const widths = header.map((title, at) => Math.max(title.length, ...rows.map((row) => visible(row[at] ?? ''))))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - visible(cell)))
      .join('  ')
      .trimEnd()
  return [paint(style, 'weak', line(header)), ...rows.map(line)]
}

function visible(text: string): number {
  return text.replace(/\u001b\[\d+m/g, '').length
}
