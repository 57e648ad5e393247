import { describe, expect, test } from 'vitest'
import { routeView } from '../testing/index.js'
import { parseCondition, Subject } from './where.js'

const ROUTES = {
  mesh: routeView('10.244.2.0/26', { localPref: 100, communities: ['64512:77', '64512:1:2'] }),
  tor: routeView('198.51.100.0/24', {
    ...{ from: 'Global_192_0_2_1', peer: '192.0.2.1', nextHop: '192.0.2.1', asPath: '64601 64700', med: 30 },
    origin: 'INCOMPLETE',
  }),
  own: routeView('10.244.1.0/26', { source: 'static', from: 'own block', preference: 200 }),
  six: routeView('fd00:10:244:2::/122', { from: 'Mesh_fd00__2', peer: 'fd00::2', nextHop: 'fd00::2' }),
}

function chosen(text: string): string[] {
  const parsed = parseCondition(text)
  if ('error' in parsed) throw new Error(parsed.error)
  return Object.entries(ROUTES)
    .filter(([, route]) => parsed.condition(new Subject(route, route.source === 'bgp' ? route.from : 'static1')))
    .map(([name]) => name)
}

describe('conditions choose what BIRD would choose', () => {
  test.each([
    ['true', ['mesh', 'tor', 'own', 'six']],
    ['source = RTS_BGP', ['mesh', 'tor', 'six']],
    ['source != RTS_BGP', ['own']],
    ['proto = "Mesh_10_0_0_12"', ['mesh']],
    ['proto ~ "Mesh*"', ['mesh', 'six']],
    ['net ~ [ 10.244.0.0/16+ ]', ['mesh', 'own']],
    ['net ~ 10.244.0.0/16', ['mesh', 'own']],
    ['net ~ [ 10.244.0.0/16 ]', []],
    ['net ~ [ 10.244.0.0/16{24,25}, 198.51.0.0/16{16,24} ]', ['tor']],
    ['net ~ [ 10.244.2.0/27- ]', ['mesh']],
    ['net ~ [ fd00::/16+ ]', ['six']],
    ['net = 10.244.2.0/26', ['mesh']],
    ['net.len > 26', ['six']],
    ['net.len >= 26 && source = RTS_STATIC', ['own']],
    ['bgp_path ~ [= 64601 * =]', ['tor']],
    ['bgp_path ~ [= * 64700 =]', ['tor']],
    ['bgp_path ~ [= ? =]', []],
    ['bgp_path ~ [= 64600..64602 64700 =]', ['tor']],
    ['bgp_path ~ [ 64700 ]', ['tor']],
    ['bgp_path.len = 0', ['mesh', 'six']],
    ['bgp_path.first = 64601', ['tor']],
    ['bgp_path.last = 64700', ['tor']],
    ['(64512,77) ~ bgp_community', ['mesh']],
    ['bgp_community ~ [ (64512,*) ]', ['mesh']],
    ['bgp_community ~ [ (64512, 70..76) ]', []],
    ['(64512,1,2) ~ bgp_large_community', ['mesh']],
    ['bgp_local_pref > 50', ['mesh', 'tor', 'six']],
    ['bgp_med = 30', ['tor']],
    ['defined(bgp_med)', ['tor']],
    ['!(source = RTS_BGP)', ['own']],
    ['bgp_origin = ORIGIN_INCOMPLETE', ['tor']],
    ['from = 192.0.2.1', ['tor']],
    ['gw ~ [ 10.0.0.0/8+ ]', ['mesh', 'own']],
    ['preference = 200', ['own']],
    ['net.len = 24 || (source = RTS_STATIC && net.len < 27)', ['tor', 'own']],
    // A route without the attribute: the comparison fails either way.
    ['bgp_med != 30', []],
  ])('%s', (text, names) => expect(chosen(text)).toEqual(names))
})

test('the words behind the expression belong to show route again', () => {
  expect(parseCondition('net ~ [ 10.0.0.0/8+ ] all')).toMatchObject({ rest: ['all'] })
  expect(parseCondition('source = RTS_BGP count')).toMatchObject({ rest: ['count'] })
})

test.each([
  ['', 'syntax error, unexpected END'],
  ['net ~', 'syntax error, unexpected END'],
  ['net ~ [ 10.0.0.0/8', 'syntax error, unexpected END'],
  ['filter f', 'syntax error, unexpected filter'],
  ['constructor', 'syntax error, unexpected constructor'],
  ['net.__proto__ = 1', 'syntax error, unexpected __proto__'],
  ['bgp_path ~ [= 1 2', 'syntax error, unexpected END'],
  ['net = §', 'syntax error, unexpected §'],
  ['('.repeat(2000), 'the expression nests too deep'],
  [`${'!'.repeat(2000)}true`, 'the expression nests too deep'],
  ['bgp_community ~ [ (1,2,3,4) ]', 'syntax error, a community has two or three numbers'],
])('%s is refused in words', (text, error) => expect(parseCondition(text)).toEqual({ error }))

test('a mask of many stars costs nothing', () => {
  const parsed = parseCondition(`bgp_path ~ [= ${'* 1 '.repeat(800)}=]`)
  const route = routeView('10.0.0.0/8', { asPath: Array.from({ length: 250 }, () => 1).join(' ') })
  const begin = performance.now()
  if ('condition' in parsed) parsed.condition(new Subject(route, 'x'))
  expect(performance.now() - begin).toBeLessThan(200)
})
