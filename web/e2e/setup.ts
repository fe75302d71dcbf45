import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { serveBuilt, type Served } from '../test/serve-built.ts'
import { launch, visit, type Visit } from './visit.ts'

/** A running Tickcast; without it the built page over the fake market. */
export const given = process.env.TICKCAST_URL
export const shots = process.env.TICKCAST_SHOTS

/** A browser and a page's server for one file of tests; what is opened is closed after each test. */
export class Browsing {
  private browser: Browser | undefined
  private visits: Visit[] = []
  /** The fake market's server; undefined where the system is given. */
  served: Served | undefined
  url = ''

  /** `factor` multiplies the fake market's trades. */
  constructor(factor = 1) {
    beforeAll(async () => {
      if (shots) mkdirSync(shots, { recursive: true })
      this.browser = await launch()
      if (!given) this.served = await serveBuilt(factor)
      this.url = given ?? (this.served as Served).url
    })
    afterEach(async () => {
      for (const v of this.visits.splice(0).reverse()) await v.close()
    })
    afterAll(async () => {
      await this.browser?.close()
      await this.served?.close()
    })
  }

  async open(options: BrowserContextOptions, prepare?: (page: Page) => Promise<void>, expected?: RegExp): Promise<Visit> {
    const v = await visit(this.browser as Browser, this.url, options, prepare, expected)
    this.visits.push(v)
    return v
  }
}

export async function shoot(v: Visit, name: string): Promise<void> {
  if (shots) await v.page.screenshot({ path: join(shots, `${name}.png`) })
}

/** The price must change this often. */
export async function moves(v: Visit, times: number): Promise<void> {
  for (let i = 0, last = await v.until('#last-price', /\d/, 45_000); i < times; i++) {
    const before = last
    last = await v.until('#last-price', (text) => text !== before, 30_000)
  }
}

/** Nothing went wrong, nothing moved, nothing scrolls. */
export async function healthy(v: Visit): Promise<void> {
  expect(v.problems).toEqual([])
  expect(await v.shifts()).toEqual([])
  const wide = await v.page.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight)
  expect(wide, 'the page scrolls').toBe(false)
}

/** The period that is shown. */
export const period = (v: Visit) => v.text('#periods [aria-checked=true]')
