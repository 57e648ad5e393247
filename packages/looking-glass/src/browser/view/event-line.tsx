/** One event as a line: when, how loud, what; its whole content on request. */
import type { JSX } from 'preact'
import type { Event, Level } from '../data/types.js'
import { Json, Moment, Shape, type Sign } from '../ui/parts.js'

const SIGNS: Record<Level, Sign> = { debug: 'off', info: 'ok', warn: 'wait', error: 'bad' }

export function toneOfEvent({ code, level }: Event): Sign {
  return code === 'SESSION_DOWN' ? 'bad' : SIGNS[level]
}

export function EventLine({ event }: { readonly event: Event }): JSX.Element {
  return (
    <li class={toneOfEvent(event)}>
      <details>
        <summary>
          <Moment at={event.at} /> <Shape tone={toneOfEvent(event)} /> <code>{event.code}</code>{' '}
          <span class="message">{event.message}</span>
        </summary>
        <Json value={event} />
      </details>
    </li>
  )
}
