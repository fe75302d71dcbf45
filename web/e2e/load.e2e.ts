import type { CDPSession, Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { Browsing, given, healthy, moves } from './setup.ts'
import { SCREENS } from './visit.ts'

/** The system that is given makes a hundred trades a second on each contract. */
const busy = process.env.TICKCAST_BUSY === '1'
const MEASURE_MS = 30_000
const WARM_MS = 5_000

interface Frames {
  /** Between two frames, ms. */
  deltas: number[]
  /** How often the document was written between two frames. */
  writes: number[]
}

/** Counts frames, and the bursts in which text is written: one draw is one burst. */
async function watchFrames(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const frames: { deltas: number[]; writes: number[] } = { deltas: [], writes: [] }
    Object.assign(globalThis, { frames })
    let writes = 0
    let before = 0
    addEventListener('DOMContentLoaded', () => {
      // The chart hangs an element into the body and takes it out again to read a colour: that is no draw.
      new MutationObserver((records) => {
        if (records.some(({ target }) => target !== document.body)) writes++
      }).observe(document.body, { subtree: true, childList: true, characterData: true })
    })
    const tick = (now: number) => {
      if (before) {
        frames.deltas.push(now - before)
        frames.writes.push(writes)
      }
      before = now
      writes = 0
      requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
  })
}

async function memory(cdp: CDPSession): Promise<{ heap: number; nodes: number; listeners: number }> {
  await cdp.send('HeapProfiler.collectGarbage')
  const { usedSize } = await cdp.send('Runtime.getHeapUsage')
  const { nodes, jsEventListeners } = await cdp.send('Memory.getDOMCounters')
  return { heap: usedSize, nodes, listeners: jsEventListeners }
}

const b = new Browsing(8) // of the fake market: about a hundred trades a second on the first contract, 280 in all

describe.skipIf(given && !busy)('a hundred updates a second', () => {
  it('cost one draw per frame, move nothing and leave nothing behind', async () => {
    const v = await b.open({ ...SCREENS.desktop, colorScheme: 'dark' }, watchFrames)
    await moves(v, 3)
    await v.page.waitForTimeout(WARM_MS)
    const cdp = await v.page.context().newCDPSession(v.page)
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' }) // CPU time: what else this machine does is not the page's
    const metrics = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]))
    const lastTrade = () => v.page.evaluate(async () => {
      const { contracts } = await (await fetch('/app.json')).json()
      const [trade] = await (await fetch(`/api/v3/aggTrades?symbol=${contracts[0].id}&limit=1`)).json()
      return trade.a as number
    })
    const [memoryBefore, tradeBefore, before] = [await memory(cdp), await lastTrade(), await metrics()]
    await v.page.evaluate(() => Object.assign((globalThis as unknown as { frames: object }).frames, { deltas: [], writes: [] }))
    await v.page.waitForTimeout(MEASURE_MS)
    const { deltas, writes } = await v.page.evaluate(() => (globalThis as unknown as { frames: Frames }).frames)
    const [after, trades, memoryAfter] = [await metrics(), await lastTrade() - tradeBefore, await memory(cdp)]

    const sorted = deltas.slice().sort((x, y) => x - y)
    const rank = (p: number) => (sorted[Math.ceil(p * sorted.length) - 1] as number).toFixed(1)
    const seconds = deltas.reduce((sum, delta) => sum + delta, 0) / 1000
    const draws = writes.filter((n) => n > 0).length
    const costMs = (name: string) => ((after[name]! - before[name]!) / draws) * 1000
    const [script, layout, style] = [costMs('ScriptDuration'), costMs('LayoutDuration'), costMs('RecalcStyleDuration')]
    const grown = memoryAfter.heap - memoryBefore.heap
    console.log([
      `${trades} trades on the contract in ${seconds.toFixed(0)} s, ${deltas.length} frames, ${draws} with a draw, at most ${Math.max(...writes)} a frame`,
      `frame time p50 ${rank(0.5)} ms, p99 ${rank(0.99)} ms, longest ${rank(1)} ms`,
      `CPU of a draw: scripts ${script.toFixed(2)} ms, layout ${layout.toFixed(2)} ms, style ${style.toFixed(2)} ms, all of the main thread ${costMs('TaskDuration').toFixed(2)} ms`,
      `heap ${(memoryBefore.heap / 1e6).toFixed(1)} MB ${grown < 0 ? '' : '+'}${(grown / 1e6).toFixed(2)} MB, nodes ${memoryBefore.nodes} → ${memoryAfter.nodes}, listeners ${memoryBefore.listeners} → ${memoryAfter.listeners}`,
    ].join('\n'))
    expect(trades).toBeGreaterThan(60 * seconds)
    expect(draws).toBeGreaterThan(seconds) // a page that stands still is quick
    expect(Math.max(...writes)).toBeLessThanOrEqual(1)
    // A frame at 60 Hz, with all messages that came since the last. Painting is left out: it is done in software here.
    expect(script + layout + style).toBeLessThan(16)
    expect(grown).toBeLessThan(4e6)
    expect(memoryAfter.nodes - memoryBefore.nodes).toBeLessThan(100)
    expect(memoryAfter.listeners).toBeLessThanOrEqual(memoryBefore.listeners + 5)
    await healthy(v)
  }, 150_000)
})
