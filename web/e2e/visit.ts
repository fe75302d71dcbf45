import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
]

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env.TICKCAST_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS })
}

export const SCREENS = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
} satisfies Record<string, BrowserContextOptions>

/** A page and everything that went wrong on it. */
export interface Visit {
  page: Page
  /** Console errors, exceptions, policy violations, failed requests and requests to other hosts. */
  problems: string[]
  /** Layout shifts that no input caused: how much, and what moved from where to where. */
  shifts(): Promise<string[]>
  text(selector: string): Promise<string>
  /** Waits until the text of an element passes. */
  until(selector: string, pass: RegExp | ((text: string) => boolean), timeoutMs?: number): Promise<string>
  close(): Promise<void>
}

/** `expected` are problems that the test itself causes. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions, prepare?: (page: Page) => Promise<void>, expected?: RegExp): Promise<Visit> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const problems: string[] = []
  const problem = (text: string) => {
    if (!expected?.test(text)) problems.push(text)
  }
  const { hostname } = new URL(url)
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problem(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => problem(`exception: ${error.message}`))
  page.on('requestfailed', (request) => problem(`failed: ${request.url()}`))
  page.on('request', (request) => {
    const to = new URL(request.url())
    if (to.protocol.startsWith('http') && to.hostname !== hostname) problem(`elsewhere: ${request.url()}`)
  })
  await page.addInitScript(() => {
    const shifts: string[] = []
    Object.assign(globalThis, { shifts })
    const at = ({ x, y, width, height }: DOMRectReadOnly) => `${x},${y} ${width}×${height}`
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean; sources: { node?: Element; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[] })[]) {
        if (entry.hadRecentInput) continue
        const moved = entry.sources.map(({ node, previousRect, currentRect }) => `${node ? `${node.nodeName}#${node.id}.${node.className} "${node.textContent?.slice(0, 40)}"` : '?'} ${at(previousRect)} → ${at(currentRect)}`)
        shifts.push(`${entry.value}: ${moved.join('; ')}`)
      }
    }).observe({ type: 'layout-shift', buffered: true })
  })
  await prepare?.(page)
  await page.goto(url)
  const text = async (selector: string) => (await page.locator(selector).first().textContent()) ?? ''
  return {
    page,
    problems,
    shifts: () => page.evaluate(() => (globalThis as unknown as { shifts: string[] }).shifts),
    text,
    async until(selector, pass, timeoutMs = 15_000) {
      const passes = typeof pass === 'function' ? pass : (value: string) => pass.test(value)
      const end = Date.now() + timeoutMs
      for (;;) {
        const now = await text(selector)
        if (passes(now)) return now
        if (Date.now() > end) throw new Error(`${selector} stays at ${JSON.stringify(now)}, not ${String(pass)}`)
        await page.waitForTimeout(50)
      }
    },
    close: async () => {
      await page.unrouteAll({ behavior: 'ignoreErrors' }) // a held answer may still be on its way
      await context.close()
    },
  }
}
