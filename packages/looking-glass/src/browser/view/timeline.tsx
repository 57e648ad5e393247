/** The states of one session over the time our events cover, drawn as a bar; the same as words for screen readers. */
import type { JSX } from 'preact'
import { useNow, useSignal } from '../data/hooks.js'
import { events } from '../data/live.js'
import type { Peer, SessionState } from '../data/types.js'
import { spansOf } from '../draw/spans.js'
import { clock, lasting } from '../words.js'

const classOfState = (state: SessionState): string =>
  state === 'Established' ? 'ok' : state === 'OpenSent' || state === 'OpenConfirm' ? 'wait' : 'bad'

export function Timeline({ peer }: { readonly peer: Peer }): JSX.Element {
  const log = useSignal(events)
  const now = useNow(5000)
  // The daemon's clock may differ from the browser's: the newest thing it said is not in the future.
  const newest = Math.max(Date.parse(log.at(-1)?.at ?? '') || 0, Date.parse(peer.since) + peer.age * 1000)
  const end = Math.abs(now - newest) > 86_400_000 ? newest : Math.max(now, newest)
  const spans = spansOf(log, peer, end)
  const start = spans[0]?.from ?? end
  const length = Math.max(1, end - start)
  const words = spans.slice(-6).map((span) => `${span.state} for ${lasting((span.to - span.from) / 1000)}`)
  return (
    <figure class="timeline">
      <figcaption>
        {peer.name} since {clock(start)}
      </figcaption>
      <svg viewBox="0 0 1000 24" preserveAspectRatio="none" role="img" aria-label={words.join(', then ')}>
        {spans.map((span) => (
          <rect
            key={span.from}
            class={classOfState(span.state)}
            x={(1000 * (span.from - start)) / length}
            // A flap of milliseconds must still be seen.
            width={Math.max(2, (1000 * (span.to - span.from)) / length)}
            y={span.state === 'Established' ? 2 : 12}
            height={span.state === 'Established' ? 20 : 10}
          >
            <title>{`${span.state} from ${clock(span.from)}${span.reason === '' ? '' : `: ${span.reason}`}`}</title>
          </rect>
        ))}
      </svg>
    </figure>
  )
}
