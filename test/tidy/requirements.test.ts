/** What suites say they need: the reader of those lines, and that every suite outside the pure layers says something. */
import { expect, test } from 'vitest'
import { declaredNeeds, lacking, packagesFor, requirements } from '../../scripts/requirements.mjs'
import { filesLike } from './files.js'

const suites = filesLike(/^test\/(interop|kernel|web|system)\/.*\.test\.ts$/)

test('declaredNeeds reads the names out of needs(...) lines, wherever they wrap', () => {
  expect(declaredNeeds("import { needs } from 'x'\nneeds('bird', 'root')\nneeds(\n  'ip',\n)\n")).toEqual([
    'bird',
    'root',
    'ip',
  ])
  expect(declaredNeeds("// needs('bird') is how a suite states it\nconst needsNothing = () => {}")).toEqual([])
})

test('every need a suite states is known', () => {
  const stated = suites.flatMap(({ path, text }) => declaredNeeds(text).map((name) => ({ path, name })))
  expect(stated.filter(({ name }) => !(name in requirements))).toEqual([])
})

test('every suite with real daemons, kernels or browsers states its needs', () => {
  expect(suites.filter(({ text }) => declaredNeeds(text).length === 0).map(({ path }) => path)).toEqual([])
})

test('an unknown need is lacking and brings no package', () => {
  expect(lacking('unheard-of')).toHaveLength(1)
  expect(packagesFor(['unheard-of'])).toEqual([])
})

test('every requirement can be proven: by commands with packages, or by a condition', () => {
  for (const [name, { commands = [], packages = [], condition }] of Object.entries(requirements)) {
    expect(condition !== undefined || (commands.length > 0 && packages.length > 0), name).toBe(true)
  }
})
