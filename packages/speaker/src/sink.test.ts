import { describe, expect, it } from 'vitest'
import { sinkOf } from './sink.js'

describe('a sink', () => {
  it('hands connections to the transport, and routes, next hops and events to the host', () => {
    const calls: string[] = []
    const note = (name: string) => (): undefined => {
      calls.push(name)
    }
    const sink = sinkOf(
      { connect: note('connect'), close: note('close'), send: () => false, event: note('event') },
      {
        installRoute: note('installRoute'),
        removeRoute: note('removeRoute'),
        trackNextHop: note('trackNextHop'),
        untrackNextHop: note('untrackNextHop'),
      },
    )
    sink.close(1, 'abort')
    sink.removeRoute('ipv4', new Uint8Array(4), 0)
    sink.trackNextHop('10.0.0.1')
    sink.untrackNextHop('10.0.0.1')
    sink.event({ type: 'prefix-limit', peer: '', name: '', family: 'ipv4', count: 1, limit: 1, action: 'warn' })
    expect(calls).toEqual(['close', 'removeRoute', 'trackNextHop', 'untrackNextHop', 'event'])
    expect(sink.send(1, new Uint8Array(1))).toBe(false)
  })

  it('has a kernel unless its host says otherwise, and one shape either way', () => {
    const nothing = (): undefined => undefined
    const transport = { connect: nothing, close: nothing, send: () => true, event: nothing }
    const host = { installRoute: nothing, removeRoute: nothing, trackNextHop: nothing, untrackNextHop: nothing }
    const [plain, without] = [sinkOf(transport, host), sinkOf(transport, { ...host, installs: false })]
    expect([plain.installs, without.installs]).toEqual([true, false])
    expect(Object.keys(plain)).toEqual(Object.keys(without))
  })
})
