/** The page: rail, search, state of the data, and the view that the address names. */
import 'uplot/dist/uPlot.min.css'
import './style/base.css'
import './style/parts.css'
import './style/views.css'
import './style/narrow.css'
import { type JSX, render } from 'preact'
import { useEffect } from 'preact/hooks'
import { useApi, useNow, useSignal } from './data/hooks.js'
import { heard, startLive, stream } from './data/live.js'
import type { Summary } from './data/types.js'
import { followAddress, href, type Place, place } from './route.js'
import { Empty, Panel, Shape } from './ui/parts.js'
import { Search } from './ui/search.js'
import { setTheme, startTheme, type Theme, theme } from './ui/theme.js'
import { BadUpdates } from './view/bad-updates.js'
import { Events } from './view/events.js'
import { KernelView } from './view/kernel.js'
import { NodePage } from './view/node.js'
import { Nodes } from './view/nodes.js'
import { Overview } from './view/overview.js'
import { PeerPage } from './view/peer.js'
import { Peers } from './view/peers.js'
import { PrefixPage } from './view/prefix.js'
import { Prefixes } from './view/prefixes.js'
import { Rates } from './view/rates.js'
import { age } from './words.js'

const RAIL: readonly (readonly [view: string, title: string])[] = [
  ['overview', 'Overview'],
  ['nodes', 'Nodes'],
  ['peers', 'Peers'],
  ['prefixes', 'Prefixes'],
  ['kernel', 'Kernel'],
  ['events', 'Events'],
  ['rates', 'Rates'],
  ['bad-updates', 'Bad UPDATEs'],
]

function View({ at }: { readonly at: Place }): JSX.Element {
  const { name, view } = at
  switch (view) {
    case 'overview':
      return <Overview />
    case 'nodes':
      return name === '' ? <Nodes /> : <NodePage key={name} name={name} />
    case 'peers':
      return name === '' ? <Peers /> : <PeerPage key={name} name={name} />
    case 'prefixes':
      return <Prefixes key={at.query['in'] ?? at.query['for'] ?? at.query['prefix'] ?? ''} />
    case 'prefix':
      return <PrefixPage key={name} name={name} />
    case 'kernel':
      return <KernelView />
    case 'events':
      return <Events />
    case 'rates':
      return <Rates />
    case 'bad-updates':
      return <BadUpdates />
    default:
      return (
        <Panel title="No such page">
          <Empty>
            Nothing is at <code>{view}</code>. <a href={href('')}>Overview</a>
          </Empty>
        </Panel>
      )
  }
}

/** Says how old the data is, once that matters. */
function Freshness(): JSX.Element {
  const now = useNow()
  const state = useSignal(stream)
  const last = useSignal(heard)
  if (state?.kind !== 'broken') {
    return (
      <p class="freshness" role="status">
        <Shape tone={state === undefined ? 'off' : 'ok'} /> {state === undefined ? 'connecting' : 'live'}
      </p>
    )
  }
  const next = Math.max(0, Math.ceil((state.nextTry - now) / 1000))
  return (
    <p class="freshness broken" role="status">
      <Shape tone="wait" /> Data is {age(Math.max(0, now - (last || state.since)) / 1000)} old
      <span class="quiet">{next > 0 ? `, trying again in ${next} s` : ', trying again'}</span>
    </p>
  )
}

const THEMES: readonly Theme[] = ['system', 'light', 'dark']

function ThemeSwitch(): JSX.Element {
  const chosen = useSignal(theme)
  const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? 'system'
  return (
    <button type="button" class="theme" title={`Colours: ${chosen}. Click for ${next}.`} onClick={() => setTheme(next)}>
      <span class={`disc ${chosen}`} aria-hidden="true" />
      <span>{chosen === 'system' ? 'Auto' : chosen === 'light' ? 'Light' : 'Dark'}</span>
    </button>
  )
}

function Page(): JSX.Element {
  const at = useSignal(place)
  const summary = useApi<Summary>('v1/summary', { every: 15_000 })
  const who = summary.data?.identity
  const here = at.view === 'prefix' ? 'prefixes' : at.view
  const title = RAIL.find(([view]) => view === here)?.[1] ?? 'Starling'
  useEffect(() => {
    document.title = `${at.name === '' ? title : at.name} · ${who?.name ?? 'Starling'}`
  }, [title, at.name, who?.name])
  useEffect(() => {
    scrollTo(0, 0)
  }, [at.view, at.name])
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        To the content
      </button>
      <header class="top">
        <a class="brand" href={href('')}>
          <img src="assets/icon.svg" alt="" width="24" height="24" />
          <strong>Starling</strong>
          {who !== undefined && (
            <span class="who">
              {who.name}{' '}
              <span class="quiet">
                {who.role}, AS {who.asNumber}
              </span>
            </span>
          )}
        </a>
        <Search />
        <Freshness />
        <ThemeSwitch />
      </header>
      <nav class="rail" aria-label="Views">
        {RAIL.map(([view, name]) => (
          <a key={view} href={href(view === 'overview' ? '' : view)} aria-current={here === view ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <main id="content" tabIndex={-1}>
        {at.view !== 'overview' && <h1 class="hidden">{at.name === '' ? title : `${title}: ${at.name}`}</h1>}
        <View at={at} />
      </main>
    </>
  )
}

startTheme()
followAddress()
startLive()
const root = document.getElementById('page')
if (root !== null) {
  root.textContent = ''
  render(<Page />, root)
}
