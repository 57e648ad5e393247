/**
 * One field that takes anything: where it leads is decided by the form of the text, then by what the daemon knows.
 */
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { guess } from '../data/guess.js'
import { getJson, pathOf } from '../data/request.js'
import type { NodesPage, Peer } from '../data/types.js'
import { go, href } from '../route.js'

/** By name or address. The API finds peers by the name of their node as well, which has a page of its own here. */
async function peerNamed(text: string): Promise<Peer | undefined> {
  const peer = await getJson<Peer>(`v1/peers/${encodeURIComponent(text)}`).catch(() => undefined)
  return peer?.node === text ? undefined : peer
}

async function find(input: string): Promise<string | undefined> {
  const wanted = guess(input)
  if (wanted.kind === 'nothing') return undefined
  const { kind, text } = wanted
  if (kind === 'prefix') return href('prefix', text)
  if (kind === 'as') return href('peers', '', { filter: `AS${text}` })
  if (kind === 'community') return href('prefixes', '', { filter: text, view: 'all' })
  const peer = await peerNamed(text)
  if (peer !== undefined) return href('peers', peer.name)
  if (kind === 'address') return href('prefixes', '', { for: text })
  const named = await getJson<NodesPage>(pathOf('v1/nodes', { node: text })).catch(() => undefined)
  return named?.nodes[0] === undefined ? undefined : href('nodes', text)
}

export function Search(): JSX.Element {
  const field = useRef<HTMLInputElement>(null)
  const [said, say] = useState('')
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.matches('input, textarea, select')
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      field.current?.focus()
      field.current?.select()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    const input = field.current?.value ?? ''
    const target = await find(input)
    if (target !== undefined) {
      say('')
      go(target)
    } else if (input.trim() !== '') say(`Nobody here knows ${input.trim()}`)
  }
  return (
    <search>
      <form onSubmit={(event) => void submit(event)}>
        <input
          ref={field}
          type="search"
          aria-label="Search"
          aria-keyshortcuts="/"
          placeholder="Node, address, prefix, AS, community   /"
          autocomplete="off"
          spellcheck={false}
          maxLength={200}
          onInput={() => say('')}
        />
        <span class="said" role="status">
          {said}
        </span>
      </form>
    </search>
  )
}
