/**
 * One small time series with uPlot. Colours come from the style sheet, so themes apply; all plots of a page share their
 * cursor through `sync`, and the values under it (or the newest) stand in words above, where a screen reader finds them.
 */
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import UPlot from 'uplot'
import { labels } from '../words.js'

export interface Line {
  readonly name: string
  /** Names a colour variable: `--line-1`. */
  readonly colour: string
  readonly values: readonly (number | null)[]
}

interface PlotProps {
  readonly title: string
  /** Seconds since 1970. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  readonly range?: readonly [from: number, to: number]
}

const HEIGHT = 130
const SYNC = 'rates'

function options(
  props: PlotProps,
  width: number,
  style: CSSStyleDeclaration,
  at: (index: number | null) => void,
): UPlot.Options {
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const font = `11px ${style.fontFamily}`
  const axis = { stroke: colour('--quiet'), font, grid: { stroke: colour('--edge'), width: 1 }, ticks: { show: false } }
  const pad = (number: number): string => String(number).padStart(2, '0')
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, points: { size: 5 } },
    hooks: { setCursor: [(plot) => at(plot.cursor.idx ?? null)] },
    scales: {
      x: { time: true },
      y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        size: 22,
        space: 70,
        values: (_plot, ticks) =>
          ticks.map((tick) => {
            const time = new Date(tick * 1000)
            return `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`
          }),
      },
      { ...axis, size: 56, space: 34, values: (_plot, ticks) => labels(ticks, props.format) },
    ],
    series: [
      {},
      ...props.lines.map((line) => ({
        label: line.name,
        stroke: colour(line.colour),
        width: 1.5,
        points: { show: false },
      })),
    ],
  }
}

/** uPlot wants mutable arrays of its own. */
const dataOf = ({ lines, times }: PlotProps): UPlot.AlignedData => [
  [...times],
  ...lines.map(({ values }) => [...values]),
]

export function Plot(props: PlotProps): JSX.Element {
  const frame = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot>(undefined)
  const [under, setUnder] = useState<number | null>(null)
  const { format, lines, range, times, title } = props
  useEffect(() => {
    const element = frame.current
    if (element === null) return undefined
    const make = (): void => {
      plot.current?.destroy()
      const width = Math.max(200, element.clientWidth)
      plot.current = new UPlot(options(props, width, getComputedStyle(element), setUnder), dataOf(props), element)
    }
    make()
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT }),
    )
    observer.observe(element)
    // Colours are baked into a canvas: another theme needs another plot.
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', make)
    const theme = new MutationObserver(make)
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => {
      observer.disconnect()
      scheme.removeEventListener('change', make)
      theme.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [])
  useEffect(() => {
    plot.current?.setData(dataOf(props), range === undefined)
    if (range !== undefined) plot.current?.setScale('x', { min: range[0], max: range[1] })
  }, [times, range?.[0], range?.[1]])
  const index = under !== null && under < times.length ? under : times.length - 1
  return (
    <figure class="plot">
      <figcaption>
        <strong>{title}</strong>
        {lines.map((line) => {
          const value = line.values[index]
          return (
            <span key={line.name}>
              <i class={line.colour.replace('--', '')} aria-hidden="true" />
              {line.name} <b>{value === null || value === undefined ? '–' : format(value)}</b>
            </span>
          )
        })}
      </figcaption>
      <div ref={frame} aria-hidden="true" />
    </figure>
  )
}
