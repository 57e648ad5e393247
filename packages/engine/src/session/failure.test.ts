import { describe, expect, it } from 'vitest'
import { Failure } from './failure.js'

describe('why the last attempts failed', () => {
  it('keeps what somebody said in front of what TCP did afterwards', () => {
    const failure = new Failure()
    failure.said('wrong AS', 0)
    failure.happened('connection refused', 1_000)
    expect(failure.text).toBe('wrong AS; since then: connection refused')
    failure.happened('no answer', 2_000)
    expect(failure.text).toBe('wrong AS; since then: no answer')
  })

  it('forgets it after five minutes, and once it worked', () => {
    const failure = new Failure()
    failure.said('wrong AS', 0)
    failure.happened('connection refused', 300_000)
    expect(failure.text).toBe('connection refused')
    failure.said('wrong AS', 400_000)
    failure.clear()
    expect(failure.text).toBe('')
    failure.happened('connection reset', 400_001)
    expect(failure.text).toBe('connection reset')
  })

  it('takes the newest word', () => {
    const failure = new Failure()
    failure.said('wrong AS', 0)
    failure.said('wrong role', 10)
    expect(failure.text).toBe('wrong role')
  })
})
