import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { SessionState } from '../events.js'
import { fsmPage } from './diagram.js'
import { EVENTS, FSM, FSM_ERROR_SUBCODE, type FsmEvent, fsmError, STATES } from './fsm.js'

/**
 * Every cell, one line per event: the next state in the columns Idle Connect Active OpenSent OpenConfirm Established.
 * I C A S O E are the states; `=` stays; `x` is an FSM error, silent before OpenSent, with NOTIFICATION 5/x after it.
 */
const CELLS: Record<FsmEvent, string> = {
  ManualStart: 'C=====',
  ManualStart_with_PassiveTcpEstablishment: 'A=====',
  AutomaticStart: 'C=====',
  AutomaticStart_with_PassiveTcpEstablishment: 'A=====',
  ManualStop: '=IIIII',
  AutomaticStop: '=IIIII',
  ConnectRetryTimer_Expires: '==Cxxx',
  HoldTimer_Expires: '=xxIII',
  KeepaliveTimer_Expires: '=xxx==',
  DelayOpenTimer_Expires: '=SSxxx',
  SendHoldTimer_Expires: '=xxxII',
  Tcp_CR_Acked: '=SSxxx',
  Tcp_CR_Acked_with_DelayOpen: '===xxx',
  TcpConnectionConfirmed: '=SSxxx',
  TcpConnectionConfirmed_with_DelayOpen: '===xxx',
  TcpConnectionFails: '=AIAII',
  BGPOpen: '=xxOxx',
  BGPOpen_with_DelayOpenTimer_running: '=OOxxx',
  BGPHeaderErr: '=IIIII',
  BGPOpenMsgErr: '=IIIII',
  OpenCollisionDump: '=IIIII',
  NotifMsgVerErr: '=IIIII',
  NotifMsg: '=IIIII',
  KeepAliveMsg: '=xxxE=',
  UpdateMsg: '=xxxx=',
  UpdateMsgErr: '=xxxxI',
  RouteRefreshMsg: '=xxxx=',
}

const LETTER: Record<string, SessionState> = {
  I: 'Idle',
  C: 'Connect',
  A: 'Active',
  S: 'OpenSent',
  O: 'OpenConfirm',
  E: 'Established',
}

describe('the state machine of RFC 4271 section 8', () => {
  for (const event of EVENTS) {
    it(`does the right thing with ${event} in every state`, () => {
      STATES.forEach((state, column) => {
        const expected = CELLS[event][column]
        const cell = FSM[state][event]
        if (expected === 'x') expect(cell, state).toBeUndefined()
        else expect(cell?.next, state).toBe(expected === '=' ? state : LETTER[expected])
      })
    })
  }

  it('answers an unexpected event with NOTIFICATION 5 and the subcode of the state, but only after an OPEN was sent', () => {
    for (const state of STATES) {
      const error = fsmError(state)
      expect(error.next).toBe('Idle')
      expect(error.actions.includes('sendNotification')).toBe(FSM_ERROR_SUBCODE[state] > 0)
    }
    expect(STATES.map((state) => FSM_ERROR_SUBCODE[state])).toEqual([0, 0, 0, 1, 2, 3])
  })

  it('releases everything on each way back to Idle', () => {
    for (const state of STATES) {
      if (state === 'Idle') continue
      for (const event of EVENTS) {
        const cell = FSM[state][event] ?? fsmError(state)
        if (cell.next === 'Idle') expect(cell.actions.slice(-2), `${state} ${event}`).toEqual(['dropTcp', 'release'])
      }
    }
  })

  it('has a page in the docs that is current (UPDATE=1 rewrites it)', () => {
    const file = new URL('../../../../docs/fsm.md', import.meta.url)
    if (process.env['UPDATE'] === '1') writeFileSync(file, fsmPage())
    expect(readFileSync(file, 'utf8')).toBe(fsmPage())
  })
})
