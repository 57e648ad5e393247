/**
 * Draws the table of `fsm.ts`: a Mermaid state diagram and the full table of cells for docs/fsm.md.
 *
 * The page is generated, and a test compares it with the file, so picture and code cannot part (the habit of h11).
 */
import { EVENTS, FSM, type FsmEvent, fsmError, STATES, type Transition } from './fsm.js'

function arrows(): string[] {
  const labels = new Map<string, FsmEvent[]>()
  for (const from of STATES) {
    for (const event of EVENTS) {
      const cell = FSM[from][event]
      if (cell === undefined || cell.next === from) continue
      const key = `${from} --> ${cell.next}`
      labels.set(key, [...(labels.get(key) ?? []), event])
    }
  }
  return [...labels].map(([arrow, events]) => `    ${arrow} : ${shorten(events)}`)
}

/** An arrow with a dozen events says how many more there are; the table below the picture has them all. */
function shorten(events: readonly FsmEvent[]): string {
  return events.length <= 3 ? events.join(', ') : `${events.slice(0, 2).join(', ')} and ${events.length - 2} more`
}

function cell(transition: Transition | undefined, state: (typeof STATES)[number]): string {
  if (transition === undefined) return `*FSM error* → ${fsmError(state).next}`
  const actions = transition.actions.length === 0 ? '-' : transition.actions.join(', ')
  return transition.next === state ? actions : `${actions} → **${transition.next}**`
}

/** The whole page, ready to be written to docs/fsm.md. */
export function fsmPage(): string {
  return [
    '# The session state machine',
    '',
    'Generated from `packages/engine/src/session/fsm.ts`; do not edit. RFC 4271 section 8, RFC 6608, RFC 9687.',
    'One machine serves one TCP connection; a peer has up to two (one per direction) until collision resolution',
    '(RFC 4271 section 6.8) leaves one. A cell marked *FSM error* ends the connection, from OpenSent on with',
    'NOTIFICATION 5/x.',
    '',
    '```mermaid',
    'stateDiagram-v2',
    '    [*] --> Idle',
    ...arrows(),
    '```',
    '',
    `| Event | ${STATES.join(' | ')} |`,
    `|---|${STATES.map(() => '---|').join('')}`,
    ...EVENTS.map((event) => `| ${event} | ${STATES.map((state) => cell(FSM[state][event], state)).join(' | ')} |`),
    '',
  ].join('\n')
}
