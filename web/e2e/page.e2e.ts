import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page, WebSocketRoute } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { serveBuilt } from '../test/serve-built.ts'
import { SCREENS, launch, visit, type Visit } from './visit.ts'

/** A running Tickcast; without it the built page over the fake market. */
const given = process.env.TICKCAST_URL
const shots = process.env.TICKCAST_SHOTS

let browser: Browser
let url: string
let close = async () => {}

beforeAll(async () => {
  if (shots) mkdirSync(shots, { recursive: true })
  browser = await launch()
  if (given) {
    url = given
    return
  }
  const served = await serveBuilt(1)
  url = served.url
  close = served.close
})

const visits: Visit[] = []

async function open(...args: Parameters<typeof visit>): Promise<Visit> {
  const v = await visit(...args)
  visits.push(v)
  return v
}

afterEach(async () => {
  for (const v of visits.splice(0).reverse()) await v.close()
})

afterAll(async () => {
  await browser?.close()
  await close()
})

async function shoot(v: Visit, name: string): Promise<void> {
  if (shots) await v.page.screenshot({ path: join(shots, `${name}.png`) })
}

/** The price must change this often. */
async function moves(v: Visit, times: number): Promise<void> {
  for (let i = 0, last = await v.until('#last-price', /\d/); i < times; i++) {
    const before = last
    last = await v.until('#last-price', (text) => text !== before, 30_000)
  }
}

async function healthy(v: Visit): Promise<void> {
  expect(v.problems).toEqual([])
  expect(await v.shifts()).toEqual([])
  const wide = await v.page.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight)
  expect(wide, 'the page scrolls').toBe(false)
}

describe('a newcomer', () => {
  it('sees candles move at once, with source, state and latency', async () => {
    const v = await open(browser, url, { ...SCREENS.desktop, colorScheme: 'dark' })
    await v.until('#connection-text', /^Connected$/)
    await moves(v, 3)
    expect(await v.page.locator('[role=radio][aria-checked=true]').textContent()).toBe('1s')
    const first = await v.until('.legend-time', /UTC/)
    await v.until('.legend-time', (text) => text !== first)
    await v.until('#feed', /In sync/)
    await v.until('#clock', /Live/)
    await v.until('#latency', /p50 .* p99|recorded/)
    expect(await v.page.locator('#alert').isVisible()).toBe(false)
    expect(await v.page.locator('.attribution').isVisible()).toBe(true)
    expect(await v.text('.attribution')).toContain('TradingView')
    const app = await v.page.evaluate(async () => (await fetch('/app.json')).json())
    expect(await v.page.locator('#simulated').isVisible()).toBe(app.contracts[0].simulated)
    const canvas = await v.page.locator('#chart').screenshot()
    await moves(v, 3)
    expect((await v.page.locator('#chart').screenshot()).equals(canvas)).toBe(false)
    await healthy(v)
  })

  it('can do everything with the keyboard', async () => {
    const v = await open(browser, url, SCREENS.desktop)
    await moves(v, 1)
    const rows = await v.page.locator('[role=option]').count()
    await v.page.locator('#markets').focus()
    if (rows > 1) {
      const before = await v.text('#pair')
      await v.page.keyboard.press('ArrowDown')
      await v.until('#pair', (text) => text !== before && text.includes('/'))
      await v.page.keyboard.press('Home')
      await v.until('#pair', (text) => text === before)
      await v.page.keyboard.press('End')
      await v.until('#pair', (text) => text !== before)
      await v.page.keyboard.press('ArrowDown') // round to the first
      await v.until('#pair', (text) => text === before)
    }
    expect(await v.page.locator('[role=option][aria-selected=true]').count()).toBe(1)
    const checked = () => v.page.locator('[role=radio][aria-checked=true]')
    await v.page.keyboard.press('2')
    expect(await checked().textContent()).toBe('1m')
    await checked().focus()
    await v.page.keyboard.press('ArrowRight')
    expect(await v.page.evaluate(() => document.activeElement?.textContent)).toBe(await checked().textContent())
    expect(await checked().textContent()).not.toBe('1m')
    await v.page.keyboard.press('End')
    await v.page.keyboard.press('ArrowRight')
    expect(await checked().textContent()).toBe('1s')
    await moves(v, 1)
    await healthy(v)
  })

  it('finds contract, period and theme again', async () => {
    const v = await open(browser, url, { ...SCREENS.desktop, colorScheme: 'light' })
    await moves(v, 1)
    expect(await v.page.locator('html').getAttribute('data-theme')).toBe('light')
    await v.page.locator('#theme').click()
    await v.page.locator('[role=option]').last().click()
    await v.page.locator('[role=radio]', { hasText: /^1m$/ }).click()
    const pair = await v.text('#pair')
    await v.page.reload()
    await v.until('#pair', (text) => text === pair)
    expect(await v.page.locator('html').getAttribute('data-theme')).toBe('dark')
    expect(await v.page.locator('[role=radio][aria-checked=true]').textContent()).toBe('1m')
    await healthy(v)
  })
})

describe('a slow network', () => {
  for (const [screen, options] of Object.entries(SCREENS)) {
    it(`moves nothing when the script, and then the settings, come at last: ${screen}`, async () => {
      const late = async (page: Page) => {
        for (const part of ['**/assets/*.js', '**/app.json']) {
          await page.route(part, async (route) => {
            await page.waitForTimeout(500)
            await route.continue()
          })
        }
        const cdp = await page.context().newCDPSession(page)
        await cdp.send('Emulation.setCPUThrottlingRate', { rate: 6 })
      }
      const v = await open(browser, url, options, late)
      await moves(v, 3)
      await healthy(v)
    })
  }
})

describe('what accumulated', () => {
  it('is there again after a look at another contract and period', async () => {
    const v = await open(browser, url, SCREENS.desktop)
    await moves(v, 2)
    const first = await v.until('.legend-time', /\d\d:\d\d:\d\d/)
    await v.until('.legend-time', (text) => text !== first)
    if ((await v.page.locator('[role=option]').count()) > 1) await v.page.locator('[role=option]').last().click()
    await v.page.keyboard.press('2')
    await v.page.locator('[role=option]').first().click()
    await v.page.keyboard.press('1')
    await moves(v, 1)
    expect(await v.page.locator('#empty').isVisible()).toBe(false)
    await healthy(v)
  })
})

describe('trouble', () => {
  it('silence shows as stale, a cut as lost connection, and both pass', async () => {
    let silent = false
    let refuse = false
    let current: WebSocketRoute | undefined
    const v = await open(browser, url, { ...SCREENS.desktop, colorScheme: 'dark' }, async (page) => {
      await page.routeWebSocket(/./, (ws) => {
        if (refuse) return void ws.close({ code: 1013 })
        current = ws
        const server = ws.connectToServer()
        server.onMessage((message) => {
          if (!silent) ws.send(message)
        })
      })
    }, /WebSocket/)
    await moves(v, 2)
    await v.until('#clock', /Live/)

    silent = true
    await v.until('#alert', /not current/, 8_000)
    await v.until('#clock', /^Stale \d+ s$/)
    expect(await v.page.locator('[role=option][data-state=stale]').count()).toBeGreaterThan(0)
    await shoot(v, 'stale-desktop-dark')
    silent = false
    await v.until('#clock', /Live/)
    expect(await v.page.locator('#alert').isVisible()).toBe(false)

    refuse = true
    await current?.close({ code: 1012 })
    await v.until('#alert', /Connection lost/)
    await v.until('#connection-text', /Offline|Connecting/)
    await shoot(v, 'offline-desktop-dark')
    refuse = false
    await v.until('#connection-text', /^Connected$/, 30_000)
    await v.until('#clock', /Live/)
    await moves(v, 2)
    await healthy(v)
  })
})

describe.skipIf(given)('a hundred updates a second', () => {
  it('cost one draw per frame and little of one core', async () => {
    const busy = await serveBuilt(8) // about 100 trades a second on the selected contract, 280 in all
    visits.push({ close: () => busy.close() } as Visit)
    const v = await open(browser, busy.url, SCREENS.desktop)
    await moves(v, 3)
    const cdp = await v.page.context().newCDPSession(v.page)
    await cdp.send('Performance.enable')
    const read = async () => {
      const { metrics } = await cdp.send('Performance.getMetrics')
      return Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
    }
    const before = await read()
    await v.page.waitForTimeout(5_000)
    const after = await read()
    const share = (name: string) => ((after[name]! - before[name]!) / (after.Timestamp! - before.Timestamp!)) * 100
    console.log(`main thread: ${share('TaskDuration').toFixed(1)} %, scripts ${share('ScriptDuration').toFixed(1)} %, layout ${share('LayoutDuration').toFixed(1)} %`)
    // Painting is left out: it is done in software here.
    expect(share('ScriptDuration') + share('LayoutDuration')).toBeLessThan(50)
    await healthy(v)
  })
})

describe('every screen', () => {
  for (const [screen, options] of Object.entries(SCREENS)) {
    for (const colorScheme of ['dark', 'light'] as const) {
      it(`${screen}, ${colorScheme}`, async () => {
        const v = await open(browser, url, { ...options, colorScheme })
        await moves(v, 3)
        await v.until('#latency', /p50|recorded/)
        await v.page.locator('[role=radio]', { hasText: /^1d$/ }).click()
        await v.until('#empty', /chart begins/)
        if (shots) await v.page.waitForTimeout(Number(process.env.TICKCAST_SHOT_AFTER_MS ?? 12_000))
        await healthy(v) // before the pictures: taking one resizes the page of a phone
        await shoot(v, `${screen}-${colorScheme}-1d`)
        await v.page.locator('[role=radio]', { hasText: /^1s$/ }).click()
        await shoot(v, `${screen}-${colorScheme}`)
          })
    }
  }
})
