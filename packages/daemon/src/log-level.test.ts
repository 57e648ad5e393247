import { expect, test } from 'vitest'
import { LogLevelControl, logLevelAtStart } from './log-level.js'

test('the cluster says it as long as no operator has', () => {
  const log = { level: 'info' }
  const control = new LogLevelControl(log, undefined)
  control.planned('debug')
  expect(log.level).toBe('debug')
  control.planned('error')
  expect(log.level).toBe('error')
  expect(control.set('warn')).toBe(true)
  control.planned('debug')
  expect(log.level).toBe('warn')
})

test('an operator who chose at the start is not overruled by the cluster, and may change his mind', () => {
  const log = { level: 'warn' }
  const control = new LogLevelControl(log, 'warn')
  control.planned('debug')
  expect(log.level).toBe('warn')
  expect(control.set('trace')).toBe(true)
  expect(log.level).toBe('trace')
})

test.each([
  ['warn', { BGP_LOGSEVERITYSCREEN: 'Debug' }, 'warn'],
  [undefined, { BGP_LOGSEVERITYSCREEN: 'Warning' }, 'warn'],
  [undefined, { BGP_LOGSEVERITYSCREEN: 'constructor' }, undefined],
  [undefined, {}, undefined],
] as const)('--log-level %s with %j: %s', (option, environment, level) =>
  expect(logLevelAtStart(option, environment)).toBe(level),
)

test('a level that does not exist changes nothing', () => {
  const log = { level: 'info' }
  const control = new LogLevelControl(log, undefined)
  expect(control.set('loud')).toBe(false)
  control.planned('debug')
  expect(log.level).toBe('debug')
})
