import type { Bar } from './bars.ts'
import { byId, make, setData, setHidden, setText } from './dom.ts'
import { compact, grouped, percent, price, signOf, stamp } from './format.ts'
import type { Contract } from './market.ts'

/** The selected contract's name, price, source and day. */
export class Headline {
  private readonly pair = byId('pair')
  private readonly source = byId('source')
  private readonly simulated = byId('simulated')
  private readonly last = byId('last')
  private readonly lastPrice = byId('last-price')
  private readonly change = byId('day-change')
  private readonly high = byId('day-high')
  private readonly low = byId('day-low')
  private readonly volume = byId('day-volume')
  private readonly volumeLabel = byId('day-volume-label')

  draw(contract: Contract): void {
    const { info, last, direction, day, decimals, freshness } = contract
    setText(this.pair, `${info.base}/${info.quote}`)
    setText(this.source, sourceName(contract.source))
    setHidden(this.simulated, !contract.simulated)
    setText(this.lastPrice, last === undefined ? '–' : grouped(last))
    setData(this.last, 'direction', direction)
    setData(this.last, 'state', freshness.state)
    const change = day ? percent(day.open, day.close) : '–'
    setText(this.change, change)
    setData(this.change, 'sign', signOf(change))
    setText(this.high, day ? price(day.high, decimals) : '–')
    setText(this.low, day ? price(day.low, decimals) : '–')
    setText(this.volumeLabel, `Volume ${info.base}`)
    setText(this.volume, day ? compact(day.volume) : '–')
  }
}

/** "binance" is written Binance; `engine` is our own exchange. */
export function sourceName(source: string): string {
  if (source === 'engine') return 'Tickcast exchange'
  if (source === 'okx') return 'OKX'
  return source.charAt(0).toUpperCase() + source.slice(1)
}

/** Open, high, low, close and volume of the bar under the crosshair, or of the last one. */
export class Legend {
  private readonly values: HTMLElement[] = []
  private readonly time: HTMLElement

  constructor() {
    const root = byId('legend')
    this.time = make('span', 'legend-time')
    const cells = ['O', 'H', 'L', 'C', 'Vol'].map((label) => {
      const cell = make('span', 'legend-cell')
      const value = make('b', '', '–')
      this.values.push(value)
      cell.append(make('i', '', label), value)
      return cell
    })
    root.replaceChildren(this.time, ...cells)
  }

  draw(bar: Bar | undefined, decimals: number): void {
    setText(this.time, bar ? stamp(bar.t) : 'UTC')
    const texts = bar
      ? [bar.open, bar.high, bar.low, bar.close].map((value) => price(value, decimals)).concat(compact(bar.volume))
      : ['–', '–', '–', '–', '–']
    const direction = !bar || bar.close === bar.open ? 'none' : bar.close > bar.open ? 'up' : 'down'
    this.values.forEach((element, i) => {
      setText(element, texts[i] as string)
      setData(element, 'sign', i < 4 ? direction : 'none')
    })
  }
}
