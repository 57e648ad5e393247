/**
 * The pictures of the documentation, taken in real Chromium from the demo's data centre: calm, with its reflector killed,
 * a drifted and a refused route and one malformed UPDATE, and a large one. Every run takes them and checks what stands
 * in docs/images; `SCREENSHOTS=write` replaces it (a picture changes with every font, so they are not compared).
 */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { openBrowser, see, visit } from './browser.js'
import { healthy, large, type Served, serve, troubled } from './fixture.js'

needs('chromium')

const FOLDER = fileURLToPath(new URL('../../docs/images/', import.meta.url))
const LIMIT = 200_000
const WIDE = { width: 1280, height: 800 }
const NARROW = { width: 360, height: 740 }

let browser: Browser
const served: Record<string, Served> = {}

beforeAll(async () => {
  browser = await openBrowser()
  served['calm'] = await serve(healthy())
  served['stormy'] = await serve(troubled())
  served['large'] = await serve(large())
})
afterAll(async () => {
  await browser.close()
  await Promise.all(Object.values(served).map((each) => each.close()))
})

/** Three minutes of updates, played through the page's own clock. */
async function play(page: Page, daemon: Served['daemon']): Promise<void> {
  let total = 0
  for (let step = 0; step < 60; step++) {
    total += Math.round(40 + 40 * Math.sin(step / 6) + (step === 35 ? 900 : 0))
    daemon.peerList = daemon.peerList.map((peer) => ({
      ...peer,
      messagesReceived: { ...peer.messagesReceived, update: total },
      messagesSent: { ...peer.messagesSent, update: Math.round(total * 0.7) },
    }))
    daemon.loopDelayMax = 4 + 3 * Math.abs(Math.sin(step / 4)) + (step === 36 ? 22 : 0)
    const answered = page.waitForResponse(/\/metrics$/)
    await page.clock.runFor(3000)
    await answered
  }
}

const SHOTS: readonly (readonly [
  name: string,
  from: string,
  path: string,
  scheme: 'light' | 'dark',
  width: 'wide' | 'narrow',
])[] = [
  ['overview-healthy-light', 'calm', '', 'light', 'wide'],
  ['overview-trouble-dark', 'stormy', '', 'dark', 'wide'],
  ['overview-trouble-narrow', 'stormy', '', 'light', 'narrow'],
  ['overview-5000-nodes', 'large', '', 'light', 'wide'],
  ['prefix-stops-light', 'stormy', 'prefix/10.244.3.0/26', 'light', 'wide'],
  ['prefix-narrow-dark', 'stormy', 'prefix/10.99.0.0/16', 'dark', 'narrow'],
  ['peer-light', 'stormy', 'peers/Global_10_0_0_11', 'light', 'wide'],
  ['events-dark', 'stormy', 'events', 'dark', 'wide'],
  ['rates-light', 'calm', 'rates', 'light', 'wide'],
  ['bad-update-light', 'stormy', 'bad-updates', 'light', 'wide'],
]

test.each(SHOTS)('%s', async (name, from, path, colorScheme, width) => {
  const source = served[from]!
  const { complaints, page } = await visit(browser, source.url, {
    colorScheme,
    viewport: width === 'narrow' ? NARROW : WIDE,
  })
  if (path === 'rates') await page.clock.install()
  await see(page, source.url, path)
  if (path === 'rates') await play(page, source.daemon)
  if (from === 'large') await page.locator('canvas.matrix').waitFor()
  if (path === '') await page.locator('.topology svg').first().waitFor()
  const picture = await page.screenshot()
  expect(complaints).toEqual([])
  expect(picture.length).toBeLessThan(LIMIT)
  const file = `${FOLDER}${name}.png`
  if (process.env['SCREENSHOTS'] === 'write') writeFileSync(file, picture)
  expect(existsSync(file)).toBe(true)
  expect(statSync(file).size).toBeLessThan(LIMIT)
  // Width and height of the PNG header: the same view at the same size.
  expect([...readFileSync(file).subarray(16, 24)]).toEqual([...picture.subarray(16, 24)])
  await page.context().close()
})
