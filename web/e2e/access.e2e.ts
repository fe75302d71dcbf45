import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { Browsing, healthy, moves, period, shoot } from './setup.ts'
import { SCREENS, type Visit } from './visit.ts'

const b = new Browsing()
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds against WCAG 2.2 A and AA, as "rule: where". */
async function violations(v: Visit): Promise<string[]> {
  await v.page.evaluate(axe)
  return v.page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[] }> } }
    const { violations } = await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`))
  })
}

const focused = (v: Visit) => v.page.evaluate(() => {
  const element = document.activeElement as HTMLElement
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  return { id: element === document.body ? 'body' : element.id || element.textContent, visible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 }
})

describe('the keyboard', () => {
  it('reaches everything in the order of the screen, and shows where it is', async () => {
    const v = await b.open(SCREENS.desktop)
    await v.until('#bids .price', /\d/)
    const stops: string[] = []
    for (let i = 0; i < 12; i++) {
      await v.page.keyboard.press('Tab')
      const { id, visible } = await focused(v)
      if (id === 'body') break // round to the browser's own controls
      expect(visible, `focus on ${id}`).toBe(true)
      stops.push(String(id))
    }
    const resolution = await v.text('#resolutions [aria-checked=true]')
    expect(stops.slice(0, 8)).toEqual(['zone', 'theme', 'help-open', 'markets', await period(v), 'chart', resolution, 'hold'])
  })

  it('chooses contract, period and resolution, scrolls the chart, and explains itself', async () => {
    const v = await b.open(SCREENS.desktop)
    await moves(v, 1)
    const { keyboard } = v.page
    await v.page.locator('#markets').focus()
    const first = await v.text('#pair')
    await keyboard.press('ArrowDown')
    const second = await v.until('#pair', (text) => text !== first)
    await keyboard.press('Home')
    await v.until('#pair', (text) => text === first)
    await keyboard.press('End')
    await keyboard.press('ArrowDown') // round to the first
    await v.until('#pair', (text) => text === first)
    await keyboard.press('j')
    await v.until('#pair', (text) => text === second)
    await keyboard.press('k')
    await v.until('#pair', (text) => text === first)
    expect(await v.page.locator('[role=option][aria-selected=true]').count()).toBe(1)

    await keyboard.press('4')
    expect(await period(v)).toBe('5m')
    await v.page.locator('#periods [aria-checked=true]').focus()
    await keyboard.press('ArrowRight')
    expect(await period(v)).toBe('15m')
    expect((await focused(v)).id).toBe('15m')

    const books = await v.page.locator('#resolutions button').allTextContents()
    await keyboard.press(']')
    expect(await v.text('#resolutions [aria-checked=true]')).toBe(books[1])
    await keyboard.press('[')
    expect(await v.text('#resolutions [aria-checked=true]')).toBe(books[0])

    await v.page.locator('#chart').focus()
    for (let i = 0; i < 3; i++) await keyboard.press('ArrowLeft')
    await v.page.locator('#newest').waitFor({ state: 'visible' })
    await keyboard.press('End')
    await v.page.locator('#newest').waitFor({ state: 'hidden' })

    await keyboard.press('?')
    await v.page.locator('#help').waitFor({ state: 'visible' })
    expect(await violations(v)).toEqual([])
    await v.page.locator('#keys-on').uncheck()
    await keyboard.press('Escape')
    await v.page.locator('#help').waitFor({ state: 'hidden' })
    await keyboard.press('1')
    expect(await period(v), 'single keys are off').toBe('15m')
    await healthy(v)
  })
})

describe('assistive technology', () => {
  for (const [screen, options] of Object.entries(SCREENS)) {
    for (const colorScheme of ['dark', 'light'] as const) {
      it(`finds no fault by axe-core: ${screen}, ${colorScheme}`, async () => {
        const v = await b.open({ ...options, colorScheme, reducedMotion: 'reduce' })
        await moves(v, 2)
        if (screen === 'desktop') await v.until('#asks .price', /\d/)
        await v.until('#latency', /p50|recorded/)
        await healthy(v) // before the picture: taking one resizes the page of a phone
        await shoot(v, `${screen}-${colorScheme}`)
        expect(await violations(v)).toEqual([])
        for (const pane of screen === 'phone' ? ['book', 'tape'] : []) {
          await v.page.locator(`#tab-${pane}`).click()
          await v.until(`#${pane} .side .price`, /\d/)
          await shoot(v, `${screen}-${colorScheme}-${pane}`)
          expect(await violations(v), pane).toEqual([])
        }
      })
    }
  }

  it('sees no animation where less motion is asked for, and a flash elsewhere', async () => {
    for (const [reducedMotion, animates] of [['reduce', false], ['no-preference', true]] as const) {
      const v = await b.open({ ...SCREENS.desktop, reducedMotion })
      await moves(v, 2)
      expect(await v.page.evaluate(() => getComputedStyle(document.getElementById('last-price')!).animationName !== 'none')).toBe(animates)
    }
  })
})

describe('a phone', () => {
  it('has every pane, no sideways scrolling, and nothing to touch under 44 px', async () => {
    const v = await b.open(SCREENS.phone)
    await moves(v, 1)
    for (const pane of ['chart', 'book', 'tape']) {
      await v.page.locator(`#tab-${pane}`).tap()
      await v.page.locator(pane === 'chart' ? '#chart' : `#${pane}`).waitFor({ state: 'visible' })
      const small = await v.page.evaluate(() => [...document.querySelectorAll('button, a, [role=option], input')]
        .map((element) => ({ element, box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 0 && (box.height < 44 || box.width < 44))
        .map(({ element, box }) => `${element.id || element.textContent} ${box.width}×${box.height}`))
      expect(small).toEqual([])
      await healthy(v)
    }
    await v.page.locator('#help-open').tap()
    await v.page.locator('#help-close').tap()
  })
})
