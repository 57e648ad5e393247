/** A line beside a number: its last few minutes, without axes. */
import type { JSX } from 'preact'

const WIDTH = 88
const HEIGHT = 22

/** Points of an SVG polyline; a flat line runs through the middle. */
export function points(values: readonly number[]): string {
  const low = Math.min(...values)
  const span = Math.max(...values) - low
  return values
    .map((value, index) => {
      const x = values.length === 1 ? WIDTH : (index * WIDTH) / (values.length - 1)
      const y = span === 0 ? HEIGHT / 2 : HEIGHT - 2 - ((value - low) / span) * (HEIGHT - 4)
      return `${x.toFixed(1)},${y.toFixed(1)}`
    })
    .join(' ')
}

export function Sparkline({ values }: { readonly values: readonly number[] }): JSX.Element {
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      {values.length > 1 && <polyline points={points(values.slice(-120))} />}
    </svg>
  )
}
