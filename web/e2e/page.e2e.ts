import type { Page, WebSocketRoute } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { Browsing, healthy, moves, period, shoot } from './setup.ts'
import { SCREENS } from './visit.ts'

const b = new Browsing()
/** Questions to the history that a reload cuts off. */
const CUT_OFF = /failed: .*\/api\/v3\//

describe('a newcomer', () => {
  it('sees candles, book and trades move at once, with source, state and latency', async () => {
    const v = await b.open({ ...SCREENS.desktop, colorScheme: 'dark' })
    await v.until('#connection-text', /^Connected$/)
    await moves(v, 3)
    expect(await period(v)).toBe('1m')
    await v.until('#feed', /In sync/)
    await v.until('#book-state', /In sync/)
    await v.until('#clock', /Live/)
    await v.until('#latency', /p50 .* p99|recorded/)
    for (const moving of ['#bids .size', '#asks .size', '#prints .price']) {
      const first = await v.until(moving, /\d/)
      await v.until(moving, (text) => text !== first, 30_000)
    }
    await v.until('#day-volume', /\d/)
    const volume = v.page.locator('#day-volume') // its four figures may stand for minutes; exactly, it moves with each trade
    const exactly = await volume.getAttribute('title')
    await expect.poll(() => volume.getAttribute('title'), { timeout: 30_000 }).not.toBe(exactly)
    expect(await v.page.locator('#alert, #empty, #book-note, #tape-note').locator('visible=true').count()).toBe(0)
    expect(await v.text('.attribution')).toContain('TradingView')
    const app = await v.page.evaluate(async () => (await fetch('/app.json')).json())
    expect(await v.page.locator('#simulated').isVisible()).toBe(app.contracts[0].simulated)
    const canvas = await v.page.locator('#chart').screenshot()
    await moves(v, 3)
    expect((await v.page.locator('#chart').screenshot()).equals(canvas)).toBe(false)
    await healthy(v)
  })

  it('reads prices and sizes at the scale of tick, step and resolution, best prices next to the spread', async () => {
    const v = await b.open(SCREENS.desktop)
    await v.until('#bids .price', /\d/)
    const { contracts } = await v.page.evaluate(async () => (await fetch('/app.json')).json())
    const scale = (text: string) => text.split('.')[1]?.length ?? 0
    const { tick, step, books } = contracts[0]
    for (const resolution of books) {
      await v.page.locator(`#resolutions button[value="${resolution}"]`).click()
      await v.until('#bids .price', (text) => text !== '' && scale(text) === scale(resolution))
      const side = (name: string) => v.page.locator(`#${name} .price`).allTextContents()
      const [bids, asks] = (await Promise.all([side('bids'), side('asks')])).map((texts) => texts.filter(Boolean).map((text) => Number(text.replaceAll(',', ''))))
      expect(bids).toEqual([...bids!].sort((x, y) => y - x))
      expect(asks).toEqual([...asks!].sort((x, y) => x - y))
      expect(new Set([...await side('bids'), ...await side('asks')].filter(Boolean).map(scale))).toEqual(new Set([scale(resolution)]))
    }
    const prints = async (cell: string) => new Set((await v.page.locator(`#prints .${cell}`).allTextContents()).filter(Boolean).map(scale))
    expect(await prints('price')).toEqual(new Set([scale(tick)]))
    expect(await prints('size')).toEqual(new Set([scale(step)]))
    await healthy(v)
  })

  it('sees the last price in the title, and where it went in the icon', async () => {
    const v = await b.open(SCREENS.desktop)
    await moves(v, 2)
    await v.page.waitForFunction(() => /^\d[\d,.]* \S+ · Tickcast$/.test(document.title))
    const icons = new Set<string>()
    for (let i = 0; i < 100 && icons.size < 2; i++) {
      icons.add(await v.page.evaluate(() => (document.querySelector('link[rel=icon]') as HTMLLinkElement).href))
      await v.page.waitForTimeout(200)
    }
    expect([...icons].every((icon) => icon.startsWith('data:image/svg+xml,') || icon.endsWith('/favicon.svg'))).toBe(true)
    expect(icons.size).toBe(2)
    await healthy(v)
  })

  it('reads local times, or UTC', async () => {
    const v = await b.open({ ...SCREENS.desktop, timezoneId: 'Asia/Kathmandu' }, undefined, CUT_OFF)
    const print = await v.until('#prints .time', /\d\d:\d\d:\d\d/)
    expect(await v.text('#zone')).toBe('UTC+5:45')
    await v.page.locator('#hold').click()
    const held = await v.text('#prints .time')
    await v.page.locator('#zone').click()
    const utc = await v.until('#prints .time', (text) => text !== held)
    const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5))
    expect((minutes(held) - minutes(utc) + 1440) % 1440).toBe(345)
    expect(print).not.toBe('')
    expect(await v.text('#hold')).toMatch(/Held/)
    await v.page.reload()
    await v.until('#zone', /^UTC$/)
    await healthy(v)
  })

  it('finds contract, period, resolution and theme again', async () => {
    const v = await b.open({ ...SCREENS.desktop, colorScheme: 'light' }, undefined, CUT_OFF)
    await moves(v, 1)
    expect(await v.page.locator('html').getAttribute('data-theme')).toBe('light')
    await v.page.locator('#theme').click()
    await v.page.locator('[role=option]').last().click()
    await v.page.locator('#periods button[value="1h"]').click()
    await v.page.locator('#resolutions button').last().click()
    const kept = async () => [await v.text('#pair'), await period(v), await v.text('#resolutions [aria-checked=true]'), await v.page.locator('html').getAttribute('data-theme')]
    const before = await kept()
    expect(before.slice(1)).toEqual(['1h', expect.any(String), 'dark'])
    await v.page.reload()
    await v.until('#pair', (text) => text === before[0])
    expect(await kept()).toEqual(before)
    await healthy(v)
  })
})

describe('a slow network', () => {
  for (const [screen, options] of Object.entries(SCREENS)) {
    it(`moves nothing when the script, and then the settings, come at last: ${screen}`, async () => {
      const late = async (page: Page) => {
        for (const part of ['**/assets/*.js', '**/app.json', '**/api/**']) {
          await page.route(part, async (route) => {
            await page.waitForTimeout(500)
            await route.continue()
          })
        }
        const cdp = await page.context().newCDPSession(page)
        await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 })
      }
      const v = await b.open(options, late)
      await moves(v, 2)
      await healthy(v)
    })
  }
})

describe('trouble', () => {
  it('without history the chart begins now, and says so', async () => {
    const v = await b.open(SCREENS.desktop, async (page) => {
      await page.route('**/api/**', (route) => route.fulfill({ status: 503 }))
    }, /503|api\/v3/)
    await moves(v, 2)
    await v.until('#empty', /does not answer/)
    await v.until('#prints .price', /\d/)
    await healthy(v)
  })

  it('silence shows as stale, a cut as lost connection, and both pass', async () => {
    let silent = false
    let refuse = false
    let current: WebSocketRoute | undefined
    const v = await b.open({ ...SCREENS.desktop, colorScheme: 'dark' }, async (page) => {
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
    expect(await v.page.locator('#book, #tape').evaluateAll((panels) => panels.map((p) => (p as HTMLElement).dataset.state))).toEqual(['stale', 'stale'])
    await shoot(v, 'stale-desktop-dark')
    silent = false
    await v.until('#clock', /Live/)
    expect(await v.page.locator('#alert').isVisible()).toBe(false)

    refuse = true
    await current?.close({ code: 1012 })
    await v.until('#alert', /Connection lost/)
    await v.until('#connection-text', /Offline|Connecting/)
    await v.page.waitForFunction(() => document.title.startsWith('⚠'))
    await shoot(v, 'offline-desktop-dark')
    refuse = false
    await v.until('#connection-text', /^Connected$/, 30_000)
    await v.until('#clock', /Live/)
    await moves(v, 2)
    await healthy(v)
  })
})
