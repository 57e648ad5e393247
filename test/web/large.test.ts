/**
 * Behind the page 5,000 nodes and 100,000 routes: it stays usable, because the server pages and the browser never holds
 * the table. Limits are generous, since test machines are slow and shared; the figures are printed.
 */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { openBrowser, see, visit } from './browser.js'
import { large, type Served, serve } from './fixture.js'

needs('chromium')

let browser: Browser
let served: Served

beforeAll(async () => {
  browser = await openBrowser()
  served = await serve(large())
})
afterAll(async () => {
  await browser.close()
  await served.close()
})

async function time(action: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await action()
  return Math.round(performance.now() - begin)
}

/** The longest gap between two frames while `action` runs. */
async function longestFrame(page: Page, action: () => Promise<unknown>): Promise<number> {
  await page.evaluate(() => {
    const scope = globalThis as unknown as { longest: number; stop: boolean }
    scope.longest = 0
    scope.stop = false
    let before = performance.now()
    const step = (): void => {
      const now = performance.now()
      scope.longest = Math.max(scope.longest, now - before)
      before = now
      if (!scope.stop) requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  })
  await action()
  return page.evaluate(() => {
    const scope = globalThis as unknown as { longest: number; stop: boolean }
    scope.stop = true
    return Math.round(scope.longest)
  })
}

test('first paint, overview, tables and a prefix stay quick', async () => {
  const { complaints, page } = await visit(browser, served.url)
  const first = await time(() => see(page, served.url, ''))
  const paint = await page.evaluate(() =>
    Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1),
  )
  const drawn = await time(() => page.locator('canvas.matrix').waitFor({ timeout: 20_000 }))
  await page.getByText(/30 of 4.999 sessions down/).waitFor()
  const figures: Record<string, number> = { paint, first, drawn }
  const views = [
    ['nodes', 'node-0'],
    ['peers', 'Mesh_10_0_0_2'],
    ['prefixes', '100.64.0.0/30'],
    ['kernel', '100.64.0.0/30'],
    ['events', 'SESSION_UP'],
  ] as const
  for (const [path, text] of views) {
    figures[path] = await time(async () => {
      await see(page, served.url, path)
      await page.getByText(text, { exact: true }).first().waitFor()
    })
  }
  await see(page, served.url, 'prefixes')
  figures['next page'] = await time(async () => {
    await page.getByRole('button', { name: 'Next page' }).click()
    await page.getByText('100.64.3.32/30', { exact: true }).waitFor()
  })
  figures['longest frame while filtering'] = await longestFrame(page, () =>
    page.getByLabel('Filter routes').pressSequentially('100.64.4', { delay: 30 }),
  )
  const rows = await page.locator('tbody tr').count()
  const heap = await page.evaluate(
    () => (performance as unknown as { memory?: { usedJSHeapSize: number } }).memory?.usedJSHeapSize ?? 0,
  )
  console.log('5,000 nodes, 100,000 routes (ms):', JSON.stringify(figures), 'heap', Math.round(heap / 1e6), 'MB')
  expect(rows).toBeLessThanOrEqual(200)
  expect(paint).toBeGreaterThan(0)
  expect(paint).toBeLessThan(2000)
  for (const [name, value] of Object.entries(figures)) expect(value, name).toBeLessThan(10_000)
  expect(heap).toBeLessThan(100_000_000)
  expect(complaints).toEqual([])
  await page.context().close()
})

test('a storm of events does not freeze the page', async () => {
  const { page } = await visit(browser, served.url)
  await see(page, served.url, 'events')
  const longest = await longestFrame(page, async () => {
    for (let burst = 0; burst < 20; burst++) {
      for (let index = 0; index < 250; index++) {
        const peer = served.daemon.peerList[index]!
        served.daemon.events.push(3_700_000 + burst * 50, {
          type: 'session-state',
          peer: peer.key,
          name: peer.name,
          from: 'Established',
          to: 'Idle',
          reason: `burst ${burst}`,
        })
      }
      await page.waitForTimeout(50)
    }
    await page
      .getByText(/burst 19/)
      .first()
      .waitFor()
  })
  console.log('longest frame during 5,000 events in a second:', longest, 'ms')
  expect(longest).toBeLessThan(3000)
  expect(await page.locator('.events > li').count()).toBeLessThanOrEqual(200)
  await page.context().close()
})
