/**
 * The topology on the screen. Healthy is grey, trouble alone has colour and a shape; what is hovered or focused lights
 * up with its sessions while the rest fades. The drawing is an illustration of the tables beside it: every box is a
 * link, and screen readers get the same facts as words.
 */
import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { go, href } from '../route.js'
import { count, plural } from '../words.js'
import { curve, type Dot, type Layout, type Link, layout, modeFor, type Place, type Topology, tally } from './layout.js'

/** Part of a road: where a route came from and where it goes, by peer key. */
export interface Highlight {
  readonly from: ReadonlySet<string>
  readonly to: ReadonlySet<string>
}

const HEALTH_WORDS = { ok: 'up', wait: 'waiting', bad: 'down', off: 'shut down', none: 'no session' } as const

const linkOf = (dot: Dot): string =>
  dot.role !== 'outside'
    ? href('nodes', dot.name)
    : dot.onNode === undefined
      ? href('peers', dot.name)
      : href('nodes', dot.onNode)

export function TopologyView({
  topology,
  highlight,
}: {
  readonly topology: Topology
  readonly highlight?: Highlight
}): JSX.Element {
  const frame = useRef<HTMLElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const element = frame.current
    if (element === null) return undefined
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  const mode = modeFor(topology.nodes)
  return (
    <section
      class="topology"
      ref={frame}
      aria-label={`Drawing of ${plural(topology.nodes, 'node')} in ${plural(topology.racks.length, 'rack')}`}
    >
      {width > 0 && mode === 'drawing' && (
        <Drawing topology={topology} width={width} {...(highlight === undefined ? {} : { highlight })} />
      )}
      {width > 0 && mode !== 'drawing' && (
        <>
          <Drawing topology={{ ...topology, above: topology.above.slice(0, 24), racks: [] }} width={width} />
          {topology.above.length > 24 && (
            <p class="quiet">and {count(topology.above.length - 24)} more outside peers</p>
          )}
        </>
      )}
      {mode === 'tiles' && <Tiles topology={topology} />}
      {width > 0 && mode === 'matrix' && <Matrix topology={topology} width={width} />}
    </section>
  )
}

function Drawing(props: { topology: Topology; width: number; highlight?: Highlight }): JSX.Element {
  const { topology, width, highlight } = props
  const plan = useMemo(() => layout(topology, width), [topology, width])
  const [lit, light] = useState<string>()
  const self = plan.dots.find(({ dot }) => dot.self)
  const links = highlight === undefined ? topology.links : undefined
  const neighbours = useMemo(() => neighboursOf(links ?? []), [links])
  const near = (dot: Dot): boolean =>
    links === undefined || lit === undefined
      ? isNear(dot, lit, highlight)
      : dot.id === lit || neighbours.get(lit)?.has(dot.id) === true
  return (
    <svg
      viewBox={`0 0 ${plan.width} ${plan.height}`}
      width={plan.width}
      height={plan.height}
      class={lit === undefined && highlight === undefined ? '' : 'lit'}
    >
      <title>Topology</title>
      {plan.racks.map(({ rack, x, y, width: w, height: h }) => (
        <g key={rack.name} class="rack">
          <rect x={x} y={y} width={w} height={h} rx="8" />
          <text x={x + 12} y={y + 17}>
            {rack.name === '' ? 'no rack label' : rack.name}
          </text>
        </g>
      ))}
      {links !== undefined ? (
        <Links plan={plan} links={links} lit={lit} />
      ) : (
        self !== undefined && <Lines plan={plan} self={self} lit={lit} highlight={highlight} />
      )}
      {plan.dots.map((place) => (
        <Box key={place.dot.id} place={place} near={near(place.dot)} light={light} />
      ))}
    </svg>
  )
}

function neighboursOf(links: readonly Link[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  for (const { a, b } of links) {
    found.set(a, (found.get(a) ?? new Set()).add(b))
    found.set(b, (found.get(b) ?? new Set()).add(a))
  }
  return found
}

/** Every session of the cluster that somebody told of. */
function Links(props: { plan: Layout; links: readonly Link[]; lit: string | undefined }): JSX.Element {
  const { plan, links, lit } = props
  const paths = useMemo(() => {
    const places = new Map(plan.dots.map((place) => [place.dot.id, place]))
    return links
      .flatMap((link) => {
        const [from, to] = [places.get(link.a), places.get(link.b)]
        return from === undefined || to === undefined ? [] : [{ ...link, d: curve(from, to) }]
      })
      .sort((x, y) => Number(x.health === 'bad') - Number(y.health === 'bad'))
  }, [plan, links])
  return (
    <g class="lines">
      {paths.map(({ a, b, d, health }) => (
        <path key={`${a} ${b}`} class={`${health} ${lit === a || lit === b ? 'near' : ''}`} d={d} />
      ))}
    </g>
  )
}

function isNear(dot: Dot, lit: string | undefined, highlight: Highlight | undefined): boolean {
  if (lit !== undefined) return dot.id === lit || dot.self
  if (highlight === undefined) return false
  return dot.self || dot.peers.some((key) => highlight.from.has(key) || highlight.to.has(key))
}

function Lines(props: {
  plan: Layout
  self: Place
  lit: string | undefined
  highlight: Highlight | undefined
}): JSX.Element {
  const { plan, self, lit, highlight } = props
  const selfLit = lit === self.dot.id
  return (
    <g class="lines">
      {plan.dots
        .filter(({ dot }) => !dot.self && dot.peers.length > 0)
        // Trouble is drawn last and lies on top.
        .sort((a, b) => Number(a.dot.health === 'bad') - Number(b.dot.health === 'bad'))
        .map((place) => {
          const from = place.dot.peers.some((key) => highlight?.from.has(key))
          const to = place.dot.peers.some((key) => highlight?.to.has(key))
          const near = lit === undefined ? from || to : selfLit || lit === place.dot.id
          const way = from ? 'from' : to ? 'to' : ''
          return (
            <path
              key={place.dot.id}
              class={`${place.dot.health} ${near ? 'near' : ''} ${way}`}
              d={curve(self, place)}
            />
          )
        })}
    </g>
  )
}

/** Cut to about so many pixels of 12 px text. */
function fit(text: string, room: number): string {
  const longest = Math.floor(room / 6.8)
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}

/** Marks for trouble; healthy boxes carry none. */
const MARKS: Partial<Record<Dot['health'], string>> = {
  bad: 'M-4 -4 L4 4 M4 -4 L-4 4',
  off: 'M-4 0 H4',
}

function Box(props: { place: Place; near: boolean; light: (id: string | undefined) => void }): JSX.Element {
  const { place, near, light } = props
  const { dot, x, y, width, height } = place
  const room = width - (dot.health === 'ok' || dot.health === 'none' ? 20 : 34)
  const two = height >= 40 && dot.detail !== ''
  const words = `${dot.label}${dot.detail === '' ? '' : `, ${dot.detail}`}, ${dot.self ? 'this speaker' : HEALTH_WORDS[dot.health]}`
  return (
    <a
      href={linkOf(dot)}
      class={`box ${dot.role} ${dot.health} ${dot.self ? 'self' : ''} ${near ? 'near' : ''}`}
      onMouseEnter={() => light(dot.id)}
      onMouseLeave={() => light(undefined)}
      onFocus={() => light(dot.id)}
      onBlur={() => light(undefined)}
    >
      <title>{words}</title>
      <rect x={x} y={y} width={width} height={height} rx="5" />
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a group of SVG text takes no focus; the title above is the name */}
      <g aria-hidden="true">
        <text x={x + 10} y={y + height / 2 + (two ? -3 : 4)}>
          {fit(dot.label, room)}
        </text>
        {two && (
          <text class="detail" x={x + 10} y={y + height / 2 + 13}>
            {fit(dot.detail, room)}
          </text>
        )}
      </g>
      {MARKS[dot.health] !== undefined && (
        <path class="mark" d={MARKS[dot.health]} transform={`translate(${x + width - 13} ${y + height / 2})`} />
      )}
      {dot.health === 'wait' && <circle class="mark" cx={x + width - 13} cy={y + height / 2} r="4" />}
    </a>
  )
}

function Tiles({ topology }: { readonly topology: Topology }): JSX.Element {
  return (
    <ul class="tiles">
      {topology.racks.map((rack) => {
        const { all, bad, wait } = tally(rack)
        return (
          <li key={rack.name}>
            <a href={href('nodes', '', { rack: rack.name })} class={bad > 0 ? 'bad' : wait > 0 ? 'wait' : 'ok'}>
              <strong>{rack.name === '' ? 'no rack label' : rack.name}</strong>
              <span>{plural(all, 'node')}</span>
              {bad > 0 && <span class="trouble">✕ {count(bad)} down</span>}
              {wait > 0 && <span class="trouble">○ {count(wait)} waiting</span>}
            </a>
          </li>
        )
      })}
    </ul>
  )
}

const CELL = 10

/** One cell per node on a canvas: 5,000 of them are drawn in a few milliseconds. */
function Matrix({ topology, width }: { readonly topology: Topology; readonly width: number }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [under, setUnder] = useState<Dot>()
  const dots = useMemo(() => topology.racks.flatMap((rack) => rack.dots), [topology])
  const perRow = Math.max(1, Math.floor(width / CELL))
  const height = Math.ceil(dots.length / perRow) * CELL
  useEffect(() => {
    const element = canvas.current
    const pen = element?.getContext('2d')
    if (element === null || pen === null || pen === undefined) return
    const ratio = devicePixelRatio
    element.width = width * ratio
    element.height = height * ratio
    pen.scale(ratio, ratio)
    const style = getComputedStyle(element)
    const colour = (name: string): string => style.getPropertyValue(name)
    const ok = colour('--cell')
    dots.forEach((dot, index) => {
      const x = (index % perRow) * CELL
      const y = Math.floor(index / perRow) * CELL
      const bad = dot.health === 'bad'
      pen.fillStyle = dot.self
        ? colour('--accent')
        : bad
          ? colour('--bad')
          : dot.health === 'ok'
            ? ok
            : colour('--wait')
      pen.fillRect(x + 1, y + 1, CELL - 2, CELL - 2)
      if (bad) {
        // A hole in the middle: the cross of this size.
        pen.clearRect(x + 4, y + 4, 2, 2)
      }
    })
  }, [dots, width, height, perRow])
  const at = (event: MouseEvent): Dot | undefined =>
    dots[Math.floor(event.offsetY / CELL) * perRow + Math.floor(event.offsetX / CELL)]
  const down = dots.filter(({ health }) => health === 'bad')
  return (
    <>
      <canvas
        ref={canvas}
        class="matrix"
        role="img"
        aria-label={`${plural(dots.length, 'node')}, ${count(down.length)} down`}
        onMouseMove={(event) => setUnder(at(event))}
        onMouseLeave={() => setUnder(undefined)}
        onClick={(event) => {
          const dot = at(event)
          if (dot !== undefined) go(linkOf(dot))
        }}
      />
      <p class="quiet under">
        {under === undefined
          ? 'One cell per node, in the order of racks and names.'
          : `${under.name}: ${HEALTH_WORDS[under.health]}`}
      </p>
      {down.length > 0 && (
        <p class="down-list">
          Down:{' '}
          {down.slice(0, 40).map((dot) => (
            <a key={dot.id} href={linkOf(dot)}>
              {dot.name}
            </a>
          ))}
          {down.length > 40 && <a href={href('peers', '', { state: 'down' })}>and {count(down.length - 40)} more</a>}
        </p>
      )}
    </>
  )
}
