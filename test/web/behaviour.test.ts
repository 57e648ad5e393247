/**
 * How the page behaves in real Chromium: live news, a daemon that goes away, forbidden answers, keyboard, themes, search,
 * hostile text, and the headers it is served with.
 */
import { get } from 'node:http'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { openBrowser, see, visit } from './browser.js'
import { HOSTILE, hostile, type Served, serve, troubled } from './fixture.js'

needs('chromium')

let browser: Browser
let served: Served

beforeAll(async () => {
  browser = await openBrowser()
  served = await serve(troubled())
})
afterAll(async () => {
  await browser.close()
  await served.close()
})

async function open(path: string, options = {}): Promise<Page> {
  const { page } = await visit(browser, served.url, options)
  await see(page, served.url, path)
  return page
}

describe('news', () => {
  test('a session that comes up changes sentence, drawing and table without a reload', async () => {
    const own = await serve(troubled())
    const { page } = await visit(browser, own.url)
    await see(page, own.url, '')
    await page.getByText('1 of 2 sessions down').waitFor()
    own.daemon.peerList = own.daemon.peerList.map((peer) => ({ ...peer, state: 'Established', reason: '' }))
    const peer = own.daemon.peerList[0]!
    own.daemon.events.push(own.daemon.now(), {
      type: 'session-state',
      peer: peer.key,
      name: peer.name,
      from: 'OpenConfirm',
      to: 'Established',
      reason: '',
    })
    await page.getByText('sessions down').waitFor({ state: 'detached' })
    expect(await page.locator('.box.bad').count()).toBe(0)
    await page.context().close()
    await own.close()
  })

  test('when the daemon goes, the last data stays and says how old it is', async () => {
    const own = await serve(troubled())
    const { page } = await visit(browser, own.url)
    await see(page, own.url, 'peers')
    await own.close()
    await page
      .getByText(/Data is .* old/)
      .first()
      .waitFor()
    await page
      .getByText(/trying again/)
      .first()
      .waitFor()
    expect(await page.getByText('Node_10_0_1_1').count()).toBeGreaterThan(0)
    await page.context().close()
  })

  test('forbidden, failed and unknown answers are designed states', async () => {
    const { page } = await visit(browser, served.url)
    await page.route('**/v1/kernel*', (route) =>
      route.fulfill({ status: 403, body: '{"error":{"code":"API_FORBIDDEN","message":"no token"}}' }),
    )
    await page.route('**/v1/nodes*', (route) => route.fulfill({ status: 500, body: 'broken' }))
    await page.goto(`${served.url}#/kernel`)
    await page.getByText('Not for you').waitFor()
    await page.goto(`${served.url}#/nodes`)
    await page.getByText('The daemon could not answer').waitFor()
    await page.goto(`${served.url}#/peers/nobody`)
    await page.getByText('Not known here').waitFor()
    await page.goto(`${served.url}#/prefix/banana`)
    await page.getByText('That is not a question').waitFor()
    await page.context().close()
  })

  test('the brush chooses a range of time and puts it into the address', async () => {
    const page = await open('events')
    const field = await page.locator('.brush .field').boundingBox()
    if (field === null) throw new Error('no brush')
    await page.mouse.move(field.x + field.width * 0.6, field.y + 20)
    await page.mouse.down()
    await page.mouse.move(field.x + field.width * 0.95, field.y + 20)
    await page.mouse.up()
    await page.getByText('Rates of this time').waitFor()
    expect(page.url()).toMatch(/from=.*&to=/)
    expect(await page.getByText('starling 0.1.0 started').count()).toBe(0)
    expect(await page.locator('.events code', { hasText: 'BAD_UPDATE' }).count()).toBe(1)
    await page.locator('.brush .field').press('Escape')
    await page.locator('.events .message', { hasText: 'starling 0.1.0 started' }).waitFor()
    await page.context().close()
  })
})

describe('keyboard', () => {
  test('"/" focuses the search field and leads to the best page', async () => {
    const page = await open('')
    for (const [text, address] of [
      ['10.244.2.0/26', '#/prefix/10.244.2.0/26'],
      ['rr1', '#/nodes/rr1'],
      ['Node_10_0_1_1', '#/peers/Node_10_0_1_1'],
      ['10.244.2.7', '#/prefixes?for=10.244.2.7'],
      ['AS64601', '#/peers?filter=AS64601'],
      ['64601:100', '#/prefixes?filter=64601%3A100&view=all'],
    ] as const) {
      await page.locator('main').click({ position: { x: 2, y: 2 } })
      await page.keyboard.press('/')
      expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Search')
      await page.keyboard.type(text)
      await page.keyboard.press('Enter')
      await page.waitForFunction((hash) => location.hash === hash, address)
    }
    await page.keyboard.press('/')
    await page.getByLabel('Search').fill('nobody at all')
    await page.keyboard.press('Enter')
    await page.getByText('Nobody here knows nobody at all').waitFor()
    await page.context().close()
  })

  test('Tab reaches the content, every view, every box of the drawing, and a row opens with Enter', async () => {
    const page = await open('')
    const reached: string[] = []
    for (let step = 0; step < 60; step++) {
      await page.keyboard.press('Tab')
      const name = await page.evaluate(() => {
        const { activeElement: element } = document
        return element === document.body
          ? ''
          : (element?.getAttribute('aria-label') ??
              element?.querySelector('title')?.textContent ??
              element?.textContent ??
              '')
      })
      if (name === '') break
      reached.push(name)
    }
    expect(reached[0]).toBe('To the content')
    for (const wanted of ['Search', 'Nodes', 'Bad UPDATEs', 'r2n2, 10.0.2.12, no session', 'rr1, 10.0.0.11, down']) {
      expect(reached).toContain(wanted)
    }
    await see(page, served.url, 'peers')
    await page.getByLabel('Details of 10.0.1.1').focus()
    await page.keyboard.press('Enter')
    await page.locator('.opened dd', { hasText: 'nodes of rack r1 peer with their ToR' }).waitFor()
    await page.context().close()
  })

  test('focus is visible', async () => {
    const page = await open('')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle)
    expect(outline).toBe('solid')
    await page.context().close()
  })
})

describe('colours and motion', () => {
  const background = (page: Page): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)

  test('follow the system, and the switch overrides it for good', async () => {
    const page = await open('', { colorScheme: 'dark' })
    const dark = await background(page)
    await page.getByRole('button', { name: 'Auto' }).click()
    const light = await background(page)
    expect(light).not.toBe(dark)
    await page.reload()
    expect(await background(page)).toBe(light)
    await page.getByRole('button', { name: 'Light' }).click()
    expect(await background(page)).toBe(dark)
    await page.context().close()
  })

  test('nothing moves for those who ask for that', async () => {
    const page = await open('', { reducedMotion: 'reduce' })
    const moving = await page.evaluate(
      () =>
        [...document.querySelectorAll('*')].filter((each) => getComputedStyle(each).transitionDuration !== '0s').length,
    )
    expect(moving).toBe(0)
    await page.context().close()
  })
})

describe('trust', () => {
  test('what strangers write stays text on every view', async () => {
    const own = await serve(hostile())
    const { complaints, page } = await visit(browser, own.url)
    for (const path of [
      '',
      'nodes',
      'peers',
      `peers/${encodeURIComponent(HOSTILE)}`,
      'prefixes',
      'prefix/10.244.2.0/26',
      'events',
      'bad-updates',
    ]) {
      await see(page, own.url, path)
      expect(await page.locator('main img, main script, main iframe').count()).toBe(0)
      expect(await page.title()).not.toBe('owned')
    }
    await see(page, own.url, 'peers')
    expect(await page.getByText(HOSTILE).count()).toBeGreaterThan(0)
    expect(complaints).toEqual([])
    await page.context().close()
    await own.close()
  })

  test('the policy refuses markup and script made of text, and everything from elsewhere', async () => {
    const { complaints, page } = await visit(browser, served.url)
    await see(page, served.url, '')
    const attempts = await page.evaluate(() =>
      [
        () => document.body.insertAdjacentHTML('beforeend', '<b>markup</b>'),
        () => document.createElement('script').setAttribute('src', 'data:text/javascript,document.title="owned"'),
        () => document.body.setAttribute('onclick', 'document.title="owned"'),
      ].map((attempt) => {
        try {
          attempt()
          return 'done'
        } catch {
          return 'refused'
        }
      }),
    )
    expect(attempts).toEqual(['refused', 'refused', 'refused'])
    await page.evaluate(() => {
      const image = document.createElement('img')
      image.src = 'http://127.0.0.1:9/elsewhere.png'
      document.body.append(image)
    })
    await expect.poll(() => complaints.some((text) => text.startsWith('policy: img-src'))).toBe(true)
    await page.context().close()
  })
})

describe('serving', () => {
  const ask = (path: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; headers: Record<string, unknown>; bytes: number }>((resolve, reject) => {
      get(new URL(path, served.url), { headers }, (response) => {
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes }))
      }).on('error', reject)
    })

  test('the page is under 200 kB compressed, everything counted', async () => {
    const { page } = await visit(browser, served.url)
    const assets = new Set<string>()
    page.on('request', (request) => assets.add(new URL(request.url()).pathname))
    await see(page, served.url, '')
    const own = [...assets].filter((path) => path === '/' || path.startsWith('/assets/'))
    expect(own).toHaveLength(4)
    const answers = await Promise.all(own.map((path) => ask(path, { 'accept-encoding': 'gzip' })))
    expect(answers.map(({ headers }) => headers['content-encoding'])).toEqual(own.map(() => 'gzip'))
    expect(answers.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(200_000)
    await page.context().close()
  })

  test('assets are kept for a year, the document is asked for again', async () => {
    const document = await ask('/')
    expect(document.headers).toMatchObject({ 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' })
    expect(String(document.headers['content-security-policy'])).toContain("default-src 'none'")
    const again = await ask('/', { 'if-none-match': String(document.headers['etag']) })
    expect(again).toMatchObject({ status: 304, bytes: 0 })
    expect(await ask('/assets/unheard-of.js')).toMatchObject({ status: 404 })
    expect(await ask('/assets/..%2f..%2fpackage.json')).toMatchObject({ status: 404 })
  })
})
