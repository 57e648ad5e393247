/**
 * The malformed UPDATEs the daemon kept, decoded here with the very codec that judged them: octets on one side, the
 * tree on the other. Any other message can be pasted and is decoded in the browser, without leaving it.
 */
import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { useApi, useSignal } from '../data/hooks.js'
import { pathOf } from '../data/request.js'
import type { Event } from '../data/types.js'
import { dissect, extent, rowsOf } from '../draw/anatomy.js'
import { amend, href, place } from '../route.js'
import { Drawer, quote } from '../ui/drawer.js'
import { Answered, Copy, Empty, Moment, Panel, Status } from '../ui/parts.js'
import { Scroll } from '../ui/table.js'

export function BadUpdates(): JSX.Element {
  const { query } = useSignal(place)
  const { peer } = query
  const path = pathOf('v1/bad-updates', { peer })
  const answer = useApi<{ readonly events: readonly Event[] }>(path, { every: 30_000, on: ['bad-update'] })
  return (
    <>
      <Panel
        title="Bad UPDATEs"
        note={
          peer === undefined ? 'the newest of each peer' : <a href={href('bad-updates')}>only from {peer}; show all</a>
        }
      >
        <Answered answer={answer}>
          {({ events }) =>
            events.length === 0 ? (
              <Empty>No malformed UPDATE has come in. Good peers.</Empty>
            ) : (
              <ul class="plain offenders">
                {[...events].reverse().map((event, index) => (
                  <Offender
                    key={event.id}
                    event={event}
                    open={query['open'] === undefined ? index === 0 : query['open'] === String(event.id)}
                  />
                ))}
              </ul>
            )
          }
        </Answered>
      </Panel>
      <Decoder />
      <Drawer
        command={`starling show events --type bad-update${peer === undefined ? '' : ` --peer ${quote(peer)}`}`}
        api={path}
      />
    </>
  )
}

function Offender({ event: record, open }: { readonly event: Event; readonly open: boolean }): JSX.Element | null {
  const { at, event, id } = record
  if (event.type !== 'bad-update') return null
  return (
    <li>
      <button
        type="button"
        class="fold"
        aria-expanded={open}
        onClick={() => amend({ open: open ? 'none' : String(id) })}
      >
        <span class={open ? 'arrow down' : 'arrow'} />
        <Moment at={at} />
        <Status tone={event.verdict === 'session-reset' ? 'bad' : 'wait'}>{event.verdict.replaceAll('-', ' ')}</Status>
        <span>{event.name}</span>
        <span class="quiet">
          attribute {event.attribute}, {event.rule}
        </span>
      </button>
      {open && <Message hex={event.bytes} />}
    </li>
  )
}

function Message({ hex }: { readonly hex: string }): JSX.Element {
  const anatomy = useMemo(() => dissect(hex), [hex])
  const [lit, light] = useState<number>()
  if (anatomy === undefined) return <Empty>That is no hexadecimal text of a BGP message.</Empty>
  const { lines, octets } = anatomy
  const [from, to] = lit === undefined ? [0, 0] : extent(lines, lit, octets.length)
  return (
    <>
      <div class="message-view">
        <Scroll kind="octets" label="Octets">
          {rowsOf(octets).map((row) => (
            <div key={row.at}>
              <i>{row.at.toString(16).padStart(4, '0')}</i>
              {row.octets.map((octet, index) => (
                <span key={row.at + index} class={row.at + index >= from && row.at + index < to ? 'lit' : ''}>
                  {octet.toString(16).padStart(2, '0')}
                </span>
              ))}
            </div>
          ))}
        </Scroll>
        <ol class="tree" aria-label="Decoded">
          {lines.map((line, index) => (
            <li
              key={`${line.offset} ${line.text}`}
              class={`${line.offset < 0 && index > 0 ? 'fault' : ''} ${lit === index ? 'lit' : ''}`}
              onMouseEnter={() => light(index)}
              onMouseLeave={() => light(undefined)}
            >
              <i>{line.offset < 0 ? '' : line.offset}</i>
              <span>{line.text}</span>
            </li>
          ))}
        </ol>
      </div>
      <p class="buttons">
        <Copy text={hex}>Copy octets</Copy>
        <Copy text={`echo ${hex} | starling decode`}>Copy as a command</Copy>
      </p>
    </>
  )
}

function Decoder(): JSX.Element {
  const [text, setText] = useState('')
  return (
    <Panel title="Decode any message" note="in this browser; nothing is sent">
      <label class="paste">
        Octets of one BGP message in hexadecimal
        <textarea
          rows={3}
          value={text}
          maxLength={140_000}
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {text.trim() !== '' && <Message hex={text} />}
    </Panel>
  )
}
