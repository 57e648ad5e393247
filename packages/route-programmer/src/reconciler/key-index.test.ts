/** Keys to slots: what goes away goes once, and leaves the others where they are. */

import { expect, it } from 'vitest'
import { ip } from '../testing.js'
import { KeyIndex } from './key-index.js'

it('a slot given back twice is free once', () => {
  const index = new KeyIndex(7)
  const lane = index.lane(4, 254)
  const held = index.intern(ip('10.1.0.0'), 24, lane, 0)
  const other = index.intern(ip('10.2.0.0'), 24, lane, 0)
  index.release(held)
  index.release(held)
  expect(index.find(ip('10.1.0.0'), 24, lane, 0)).toBe(-1)
  expect(index.find(ip('10.2.0.0'), 24, lane, 0)).toBe(other)
  const first = index.intern(ip('10.3.0.0'), 24, lane, 0)
  expect(index.intern(ip('10.4.0.0'), 24, lane, 0)).not.toBe(first)
})

it('routes for one TOS are others than those for all, in every table', () => {
  const index = new KeyIndex(7)
  const destination = { family: 4, address: ip('10.1.0.0'), length: 24 } as const
  const lanes = [index.lane(4, 254), index.lane(4, 254, 16), index.lane(4, 100)]
  const slots = lanes.map((lane) => index.intern(destination.address, destination.length, lane, 0))
  expect(new Set(slots).size).toBe(3)
  expect(slots.map((slot) => index.laneOf(slot).tos)).toEqual([0, 16, 0])
  expect(index.findEverywhere(destination)).toEqual(slots)
})
