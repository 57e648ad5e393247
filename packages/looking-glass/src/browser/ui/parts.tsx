/**
 * The small parts every view is made of: status signs, panels, designed states, copy buttons.
 *
 * A status is never told by colour alone: ok is a dot, waiting a ring, bad a cross, and words stand beside it. All text
 * reaches the document as text nodes; nothing here or elsewhere in the page makes markup out of a string.
 */
import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { useNow } from '../data/hooks.js'
import type { Answer } from '../data/store.js'
import type { Peer } from '../data/types.js'
import { age, clock, type Tone } from '../words.js'

export type Sign = Tone | 'off'

export function Shape({ tone }: { readonly tone: Sign }): JSX.Element {
  return (
    <svg class={`shape ${tone}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {tone === 'ok' && <circle cx="6" cy="6" r="4" />}
      {tone === 'wait' && <circle cx="6" cy="6" r="3.6" class="ring" />}
      {tone === 'bad' && <path d="M2.5 2.5 L9.5 9.5 M9.5 2.5 L2.5 9.5" />}
      {tone === 'off' && <path d="M2.5 6 H9.5" />}
    </svg>
  )
}

export function Status({ tone, children }: { readonly tone: Sign; readonly children: ComponentChildren }): JSX.Element {
  return (
    <span class={`status ${tone}`}>
      <Shape tone={tone} />
      <span>{children}</span>
    </span>
  )
}

/** Why a row is as it is, beneath its state; `narrow`: only where its own column has no room. */
export function Cause({ narrow = false, children }: { readonly narrow?: boolean; readonly children: string }) {
  return children === '' ? null : <span class={narrow ? 'cause narrow' : 'cause'}>{children}</span>
}

export function toneOfPeer(peer: Pick<Peer, 'state' | 'enabled'>): Sign {
  if (!peer.enabled) return 'off'
  return peer.state === 'Established'
    ? 'ok'
    : peer.state === 'OpenSent' || peer.state === 'OpenConfirm'
      ? 'wait'
      : 'bad'
}

/** Age in words, the moment itself on hover. `seconds` is the daemon's own reckoning at `asked`. */
export function Since({ seconds, at, asked }: { seconds: number; at: string; asked: number }): JSX.Element {
  const now = useNow(5000)
  return (
    <time dateTime={at} title={at}>
      {age(seconds + Math.max(0, now - asked) / 1000)}
    </time>
  )
}

export function Moment({ at }: { readonly at: string }): JSX.Element {
  return (
    <time dateTime={at} title={at}>
      {clock(at)}
    </time>
  )
}

interface PanelProps {
  readonly title: string
  readonly note?: ComponentChildren
  readonly children: ComponentChildren
}

export function Panel({ title, note, children }: PanelProps): JSX.Element {
  return (
    <section class="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {note !== undefined && <div class="note">{note}</div>}
      </header>
      {children}
    </section>
  )
}

const FAILURES = {
  forbidden: ['Not for you', 'This daemon does not show this here. Ask through its Unix socket, or with a token.'],
  'not-found': ['Not known here', 'This daemon knows nothing of that.'],
  refused: ['That is not a question', 'The daemon could not read it.'],
  failed: ['The daemon could not answer', 'This is a defect on its side; its log has the details.'],
  unreachable: ['No answer from the daemon', 'The page keeps asking. Is the daemon running?'],
} as const

/** Loading, forbidden and failed, each with its words; an old answer stays and says how old it is. */
export function Answered<T>({
  answer,
  children,
}: {
  readonly answer: Answer<T>
  readonly children: (data: T) => ComponentChildren
}): JSX.Element {
  const { data, failure, at } = answer
  if (data !== undefined) {
    return (
      <>
        {failure !== undefined && <StaleNote at={at} why={failure.message} />}
        {children(data)}
      </>
    )
  }
  if (failure !== undefined) {
    const [title, hint] = FAILURES[failure.kind]
    return (
      <div class={`blank ${failure.kind}`} role="status">
        <Shape tone={failure.kind === 'not-found' ? 'off' : failure.kind === 'forbidden' ? 'wait' : 'bad'} />
        <strong>{title}</strong>
        <p>{failure.message === '' ? hint : failure.message}</p>
        <p class="quiet">
          {hint} <code>{failure.code}</code>
        </p>
      </div>
    )
  }
  return (
    <div class="blank loading" role="status">
      <span class="bar" />
      <span class="bar" />
      <span class="bar" />
      <span class="hidden">Loading</span>
    </div>
  )
}

function StaleNote({ at, why }: { readonly at: number; readonly why: string }): JSX.Element {
  const now = useNow()
  return (
    <p class="stale" role="status">
      <Shape tone="wait" /> From {age((now - at) / 1000)} ago. {why}
    </p>
  )
}

export function Empty({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <div class="blank">
      <Shape tone="off" />
      <p>{children}</p>
    </div>
  )
}

/** Facts as a list of name and value; empty values are left out. */
export function Facts({ of }: { readonly of: readonly (readonly [string, ComponentChildren])[] }): JSX.Element {
  return (
    <dl class="facts">
      {of
        .filter(([, value]) => value !== undefined && value !== '' && value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  )
}

export function Copy({ text, children }: { readonly text: string; readonly children: ComponentChildren }): JSX.Element {
  const [said, say] = useState('')
  const copy = (): void => {
    // Outside of a secure context browsers give no clipboard; the text is on the page and can be selected.
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'))
    written.then(
      () => say('copied'),
      () => say('the browser refuses; select the text'),
    )
    setTimeout(() => say(''), 2000)
  }
  return (
    <button type="button" class="small" onClick={copy}>
      {said === '' ? children : said}
    </button>
  )
}

export function Json({ value }: { readonly value: unknown }): JSX.Element {
  return (
    // A scrolling region has to be reachable by keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <pre class="json" tabIndex={0}>
      {JSON.stringify(value, null, 2)}
    </pre>
  )
}
