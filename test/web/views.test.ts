/**
 * Every view in real Chromium, against the real API over daemons of values: it says what it is there to say, breaks no
 * policy, is accessible, and fits a telephone.
 */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { findings, openBrowser, see, visit } from './browser.js'
import { healthy, type Served, serve, troubled } from './fixture.js'

needs('chromium')

let browser: Browser
let calm: Served
let stormy: Served

beforeAll(async () => {
  browser = await openBrowser()
  calm = await serve(healthy())
  stormy = await serve(troubled())
})
afterAll(async () => {
  await browser.close()
  await Promise.all([calm.close(), stormy.close()])
})

/** Path, and words that the view must show of the troubled data centre. */
const VIEWS: readonly (readonly [path: string, words: readonly string[]])[] = [
  ['', ['1 of 2 sessions down, to rr1', 'kernel refused 1 route', 'Sessions that are not up', '2 of 4']],
  ['nodes', ['r1n1', 'r2n2', 'this speaker', '10.0.2.11', 'down']],
  ['nodes/r1n1', ['rack=r1', '10.244.0.0/26', 'generation 3', 'netlink', 'Global_10_0_0_11']],
  ['nodes/rr1', ['10.0.0.11', 'Route reflector cluster', 'Active']],
  ['peers', ['Global_10_0_0_11', 'Active', 'connection refused', 'Node_10_0_1_1', 'Established']],
  [
    'peers/Global_10_0_0_11',
    ['kernel upgrade, back in ten minutes', 'stale routes kept until', 'extended-message', 'only we'],
  ],
  ['prefixes', ['10.244.2.0/26', '0.0.0.0/0', '64601:100']],
  ['prefixes?view=all&filter=99.0', ['10.99.0.0/16', 'not eligible']],
  [
    'prefix/10.244.2.0/26',
    ['The road is open', 'beats Node_10_0_1_1 at as-path-length', 'IPAM block of r2n1', 'session not Established'],
  ],
  ['prefix/10.99.0.0/16', ['The road stops at policy', 'BGPFilter/tor-import spec.importV4[1]']],
  ['prefix/10.244.3.0/26', ['The road stops at kernel', 'Network is unreachable (errno 101)']],
  ['prefix/10.250.0.0/24', ['The road stops at received', 'Nobody announces this prefix']],
  ['kernel', ['10.244.1.0/26', 'installed', '2 of 4']],
  ['kernel?state=drift', ['via 10.0.1.99', 'via 10.0.1.12', 'failed']],
  ['events', ['KERNEL_ERROR', 'SESSION_DOWN', 'BAD_UPDATE', 'starling 0.1.0 started']],
  ['events?type=session-state', ['is Established', 'is down']],
  ['rates', ['UPDATEs per second', 'Event-loop delay', 'From UPDATE to kernel']],
  ['bad-updates', ['treat as withdraw', 'ORIGIN', 'treat-as-withdraw (3/6)', 'marker ff x 16', 'Decode any message']],
  ['nowhere', ['No such page']],
]

describe('every view', () => {
  test.each(VIEWS)('#/%s: words, policy, accessibility in both themes, 360 pixels', async (path, words) => {
    const { complaints, foreign, page } = await visit(browser, stormy.url, { colorScheme: 'light' })
    await see(page, stormy.url, path)
    for (const text of words) await page.getByText(text).first().waitFor({ state: 'attached' })
    expect(await findings(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await findings(page)).toEqual([])
    await page.setViewportSize({ width: 360, height: 740 })
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
    const sizes = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ])
    expect(sizes[0]).toBe(sizes[1])
    expect(await findings(page)).toEqual([])
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
    await page.context().close()
  })
})

describe('the calm data centre', () => {
  test('is told in one sentence', async () => {
    const { page } = await visit(browser, calm.url)
    await see(page, calm.url, '')
    await page.getByText('All 2 sessions are up, 5 prefixes known, 4 routes in the kernel. Nothing is wrong.').waitFor()
    expect(await page.locator('.topology .bad').count()).toBe(0)
    await page.context().close()
  })

  test('shows designed empty states', async () => {
    const { page } = await visit(browser, calm.url)
    for (const [path, words] of [
      ['kernel?state=drift', 'No drift: what was asked for is there.'],
      ['bad-updates', 'No malformed UPDATE has come in.'],
      ['peers?state=down', 'No session is down.'],
    ] as const) {
      await see(page, calm.url, path)
      await page.getByText(words).waitFor()
    }
    await page.context().close()
  })
})
