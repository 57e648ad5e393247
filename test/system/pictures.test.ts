/**
 * The README's pictures: the looking glass of the very data centre that `npm start` brings up, in real Chromium, calm and
 * after its reflector was killed. Every run takes them and looks at what they show; `SCREENSHOTS=write` keeps them.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { controlSocket, type Glass, type Lab, openGlass } from '@starling/lab'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildWeb } from '../../packages/looking-glass/scripts/build.mjs'
import { needs } from '../support/needs.js'
import { findings, openBrowser, see, visit } from '../web/browser.js'
import { converged, startLab, topology, until } from './support.js'

needs('netns', 'ip', 'chromium')

const FOLDER = fileURLToPath(new URL('../../docs/images/', import.meta.url))
const LIMIT = 200_000

let lab: Lab
let browser: Browser
let glass: Glass
let url = ''

beforeAll(async () => {
  await buildWeb()
  lab = await startLab(topology('demo'))
  await converged(lab)
  glass = await openGlass([{ name: 'r1n1', socket: controlSocket(lab.folder, 'r1n1') }])
  url = `${glass.pages[0]?.url}/`
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  glass?.close()
  await lab?.stop()
})

async function open(colorScheme: 'light' | 'dark', path = ''): Promise<{ page: Page; complaints: string[] }> {
  const { complaints, page } = await visit(browser, url, { colorScheme, viewport: { width: 1280, height: 800 } })
  await see(page, url, path)
  return { page, complaints }
}

async function keep(page: Page, name: string, complaints: readonly string[]): Promise<void> {
  // Two samples of the metrics: the lines beside the numbers have something to show.
  await page.waitForTimeout(6_500)
  const picture = await page.screenshot()
  expect(complaints).toEqual([])
  expect(picture.length).toBeLessThan(LIMIT)
  expect(await findings(page)).toEqual([])
  if (process.env['SCREENSHOTS'] === 'write') writeFileSync(`${FOLDER}${name}.png`, picture)
  await page.context().close()
}

test('calm: every session of the cluster is drawn, by every node’s own word', async () => {
  const { page, complaints } = await open('light')
  await page.getByText('4 of 4 other nodes answer for themselves.').waitFor()
  await page.getByText('All 2 sessions are up').waitFor()
  expect(await page.locator('.topology .lines path').count()).toBe(8)
  expect(await page.locator('.topology .box').count()).toBe(6)
  await page.locator('.topology .box', { hasText: 'tor1' }).waitFor()
  await keep(page, 'demo-healthy-light', complaints)
})

test('the road of another rack’s block', async () => {
  const block = (await lab.look()).devices.find(({ plan }) => plan.name === 'r2n2')?.blocks[0] ?? ''
  const { page, complaints } = await open('light', `prefix/${block}`)
  await page.getByText('The road is open from end to end.').waitFor()
  await keep(page, 'demo-prefix-light', complaints)
})

test('the reflector killed: one sentence says so, routes are held, and its box and lines alone have colour', async () => {
  const { page, complaints } = await open('dark')
  await lab.kill('rr1', 'SIGKILL')
  await until(lab, (view) => view.devices.find(({ plan }) => plan.name === 'rr1')?.daemon.answers === false)
  await page
    .getByText(/1 of 2 sessions down, to rr1/)
    .first()
    .waitFor()
  await page.locator('.witness', { hasText: /not rr1 \(/ }).waitFor()
  await expect.poll(() => page.locator('.topology .lines path.bad').count()).toBe(4)
  expect(await page.locator('.topology .lines path.ok').count()).toBe(4)
  expect(await page.locator('.topology .box.bad').count()).toBe(1)
  await keep(page, 'demo-trouble-dark', complaints)
})
