import type { Bar } from './bars.ts'
import type { Contract } from './contract.ts'
import { byId, make, setData, setHidden, setText, setTip } from './dom.ts'
import { compact, grouped, price, signOf, signedPercent, signedText } from './format.ts'
import type { Clock } from './zone.ts'

/** The selected contract's name, price, source and last 24 hours. */
export class Headline {
  private readonly pair = byId('pair')
  private readonly source = byId('source')
  private readonly simulated = byId('simulated')
  private readonly last = byId('last')
  private readonly lastPrice = byId('last-price')
  private readonly changes = byId('day-changes')
  private readonly change = byId('day-change')
  private readonly changeBy = byId('day-change-by')
  private readonly high = byId('day-high')
  private readonly low = byId('day-low')
  private readonly volume = byId('day-volume')
  private readonly quoteVolume = byId('day-quote-volume')

  draw(contract: Contract): void {
    const { info, last, direction, ticker, freshness } = contract
    setText(this.pair, contract.name)
    setText(this.source, sourceName(contract.source))
    setHidden(this.simulated, !contract.simulated)
    setText(this.lastPrice, last === undefined ? '–' : grouped(last))
    setData(this.last, 'direction', direction)
    setData(this.last, 'state', freshness.state)
    // Two names for one flash: a change of the name begins it again.
    setData(this.last, 'flash', contract.moves === 0 ? 'none' : contract.moves % 2 === 0 ? 'even' : 'odd')
    const traded = ticker !== undefined && ticker.n > 0
    const change = ticker ? signedPercent(Number(ticker.P)) : '–'
    setText(this.change, change)
    setText(this.changeBy, ticker ? signedText(ticker.p) : '')
    setData(this.changes, 'sign', signOf(change))
    setText(this.high, traded ? grouped(ticker.h) : '–')
    setText(this.low, traded ? grouped(ticker.l) : '–')
    setText(this.volume, ticker ? `${compact(Number(ticker.v))} ${info.base}` : '–')
    setTip(this.volume, ticker ? `${grouped(ticker.v)} ${info.base}` : '')
    setText(this.quoteVolume, ticker ? `${compact(Number(ticker.qv))} ${info.quote}` : '–')
    setTip(this.quoteVolume, ticker ? `${grouped(ticker.qv)} ${info.quote}` : '')
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
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
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

  /** `days`: the bars are days or longer, of UTC. */
  draw(bar: Bar | undefined, decimals: number, days: boolean): void {
    setText(this.time, bar ? this.clock.stamp(bar.t, days) : '–')
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
