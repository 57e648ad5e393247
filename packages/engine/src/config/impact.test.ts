import { describe, expect, it } from 'vitest'
import { PLAIN_PEER } from './defaults.js'
import { changedFields, effectOf, familiesImpact, IMPACT, remoteAsStillFits, sameValue } from './impact.js'
import type { PeerConfig, PeerFamilyConfig } from './types.js'

const family = (overrides: Partial<PeerFamilyConfig> = {}): PeerFamilyConfig => ({
  family: 'ipv4',
  addPath: { receive: false, send: 0 },
  extendedNextHop: false,
  ...overrides,
})

const why = { resource: 'test', rule: 'test' }
const base: PeerConfig = {
  ...PLAIN_PEER,
  key: '10.0.0.2',
  name: 'a',
  kind: 'mesh',
  why,
  remoteAddress: '10.0.0.2',
  remotePort: 179,
  remoteAs: 65000,
  localAs: 65000,
  passive: false,
  families: [family()],
}

/** One change each: does the session survive, and what runs again. */
const ROWS: [what: string, change: Partial<PeerConfig>, effect: string][] = [
  ['a new name keeps the session (calico issue 3819)', { name: 'b' }, 'nothing'],
  ['another resource asking for the same peering', { kind: 'global', why: { ...why, resource: 'x' } }, 'nothing'],
  ['import policy', { importPolicy: [{ why, conditions: [], actions: [], verdict: 'reject' }] }, 'import'],
  ['export policy', { exportPolicy: [{ why, conditions: [], actions: [], verdict: 'reject' }] }, 'export'],
  ['a peer becomes a reflector client', { routeReflectorClient: true }, 'import export'],
  [
    'a prefix limit',
    { families: [family({ importLimit: { maximum: 1, warnAt: 1, action: 'warn', restartAfter: 0 } })] },
    'import',
  ],
  ['ADD-PATH', { families: [family({ addPath: { receive: true, send: 0 } })] }, 'reset families'],
  ['another family', { families: [family(), family({ family: 'ipv6' })] }, 'reset families'],
  ['hold time', { timers: { ...base.timers, holdTime: 9 } }, 'nothing'],
  ['the advertisement interval', { timers: { ...base.timers, advertisementInterval: 5_000 } }, 'export'],
  ['the first AS', { enforceFirstAs: false }, 'import'],
  ['restart time', { gracefulRestart: { ...base.gracefulRestart, restartTime: 5 } }, 'nothing'],
  ['a password', { password: 'x' }, 'reset password'],
  ['our AS', { localAs: 65001 }, 'reset localAs'],
  ['their AS, which is another one', { remoteAs: 65009 }, 'reset remoteAs'],
  ['their AS by another word', { remoteAs: 'internal' }, 'nothing'],
]

describe('the impact of a change', () => {
  for (const [what, change, expected] of ROWS) {
    it(`${what}: ${expected}`, () => {
      const after = { ...base, ...change }
      const { import: again, export: out, reset } = effectOf(changedFields(base, after), after, 65000)
      const words = [again && 'import', out && 'export', reset && `reset ${reset.field}`].filter(Boolean).join(' ')
      expect(words === '' ? 'nothing' : words).toBe(expected)
    })
  }

  it('is the same whatever the order of equal values', () => {
    expect(changedFields(base, structuredClone(base))).toEqual([])
    expect(familiesImpact([family(), family({ family: 'ipv6' })], [family({ family: 'ipv6' }), family()])).not.toBe(
      'renegotiate',
    )
  })

  it('has a row for every field', () => {
    expect(Object.keys(IMPACT).length).toBeGreaterThanOrEqual(Object.keys(base).length)
  })

  it('compares deep values without caring about key order', () => {
    expect(sameValue({ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 })).toBe(true)
    expect(sameValue([1, 2], [2, 1])).toBe(false)
    expect(sameValue({ a: undefined }, {})).toBe(true)
    expect(sameValue([], {})).toBe(false)
  })

  it('knows when a running session fits a new wish for the remote AS', () => {
    const wish = (remoteAs: PeerConfig['remoteAs']) => remoteAsStillFits({ ...base, remoteAs }, 65009)
    expect([wish('any'), wish('external'), wish('internal'), wish(65009), wish(65000)]).toEqual([
      true,
      true,
      false,
      true,
      false,
    ])
  })
})
