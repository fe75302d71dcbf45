import {
  CandlestickSeries, ColorType, CrosshairMode, HistogramSeries, TickMarkType, createChart,
  type CandlestickData, type HistogramData, type IChartApi, type ISeriesApi, type MouseEventParams,
  type Time, type UTCTimestamp, type WhitespaceData,
} from 'lightweight-charts'
import type { Period } from '@tickcast/client'
import type { Bar, Bars } from './bars.ts'
import { price } from './format.ts'
import { isDays, missing } from './gaps.ts'
import type { Clock } from './zone.ts'

interface Colours {
  text: string
  line: string
  crosshair: string
  label: string
  up: string
  down: string
  upVolume: string
  downVolume: string
}

/** With fewer bars than this left of the screen older ones are asked for. */
const NEAR_LEFT = 40
/** So many bars a key scrolls, and by this much it zooms. */
const SCROLL_BARS = 10
const ZOOM = 1.25

export interface ChartEvents {
  /** The bar under the crosshair changed, or whether the newest bar is in sight. */
  onChange(): void
  /** The reader has come near the oldest bar. */
  onLeft(): void
}

/** A figure of the axis font at 11 px, generously. */
const AXIS_DIGIT_PX = 6.6

/** Bars of room right of the newest one. */
const RIGHT_OFFSET = 4

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const seconds = (ms: number) => (ms / 1000) as UTCTimestamp

/** The candles and volume of one period; draw() is called at most once per frame. */
export class CandleChart {
  private readonly chart: IChartApi
  private readonly candles: ISeriesApi<'Candlestick'>
  private readonly volume: ISeriesApi<'Histogram'>
  private colours: Colours = readColours()
  private bars: Bars | undefined
  private period: Period = '1s'
  /** Open time of the last bar drawn; undefined: none. */
  private drawnTo: number | undefined
  /** Everything has to be set again: another series, or other colours. */
  private redraw = true
  private follows = true
  /** The bar under the crosshair, by open time in ms. */
  hovered: number | undefined
  /** The newest bar is in sight. */
  atNewest = true
  private readonly clock: Clock

  constructor(element: HTMLElement, clock: Clock, { onChange, onLeft }: ChartEvents) {
    this.clock = clock
    this.chart = createChart(element, {
      autoSize: true,
      layout: {
        background: { type: ColorType.Solid, color: 'transparent' },
        fontFamily: getComputedStyle(document.body).fontFamily,
        fontSize: 11,
        // Its logo brings an inline style that the content security policy refuses; the footer has the notice and the link.
        attributionLogo: false,
      },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.12, bottom: 0.22 } },
      timeScale: { borderVisible: false, timeVisible: true, rightOffset: RIGHT_OFFSET, barSpacing: 9, minBarSpacing: 1.5, minimumHeight: 28 },
      crosshair: { mode: CrosshairMode.Normal },
      handleScroll: { vertTouchDrag: false },
    })
    this.candles = this.chart.addSeries(CandlestickSeries, { borderVisible: false, priceLineStyle: 1 })
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: '', priceFormat: { type: 'volume' }, lastValueVisible: false, priceLineVisible: false,
    })
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.86, bottom: 0 } })
    this.chart.subscribeCrosshairMove((event: MouseEventParams) => {
      const at = typeof event.time === 'number' && event.point ? event.time * 1000 : undefined
      if (at === this.hovered) return
      this.hovered = at
      onChange()
    })
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (!range) return
      if (range.from < NEAR_LEFT) onLeft()
      const atNewest = this.chart.timeScale().scrollPosition() > -1
      if (atNewest === this.atNewest) return
      this.atNewest = atNewest
      onChange()
    })
    element.addEventListener('keydown', (event) => this.press(event))
    this.retime()
    this.paint()
  }

  /** Shows another series; what it holds is drawn with the next draw(). */
  show(bars: Bars, period: Period, decimals: number): void {
    this.bars = bars
    this.period = period
    this.redraw = this.follows = true
    this.hovered = undefined
    const priceFormat = {
      type: 'custom' as const,
      minMove: 10 ** -decimals,
      formatter: (value: number) => price(value, decimals),
    }
    this.candles.applyOptions({ priceFormat })
    this.retime()
    // Room for six integer digits and two separators, so that the axis keeps its width while prices move.
    this.candles.priceScale().applyOptions({ autoScale: true, minimumWidth: Math.ceil((decimals + 8) * AXIS_DIGIT_PX) + 20 })
  }

  /** Prints times anew: the zone, or the period, changed. */
  retime(): void {
    const days = isDays(this.period)
    const seconds = this.period === '1s'
    this.chart.applyOptions({
      localization: { timeFormatter: (time: Time) => `${this.clock.stamp(Number(time) * 1000, days).slice(0, seconds || days ? undefined : -3)}` },
      timeScale: {
        secondsVisible: seconds,
        tickMarkFormatter: (time: Time, mark: TickMarkType) => {
          const ms = Number(time) * 1000
          if (mark === TickMarkType.Year) return new Date(ms).toISOString().slice(0, 4)
          if (mark === TickMarkType.Month) return days ? MONTHS[new Date(ms).getUTCMonth()] as string : this.clock.day(ms)
          if (mark === TickMarkType.DayOfMonth) return days ? String(new Date(ms).getUTCDate()) : this.clock.day(ms)
          return mark === TickMarkType.TimeWithSeconds ? this.clock.time(ms) : this.clock.minute(ms)
        },
      },
    })
  }

  /** Brings the newest bar back into sight. */
  toNewest(): void {
    this.chart.timeScale().scrollToPosition(RIGHT_OFFSET, false)
  }

  private press(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const scale = this.chart.timeScale()
    const range = scale.getVisibleLogicalRange()
    if (!range) return
    const zoom = (by: number) => scale.setVisibleLogicalRange({ from: range.to - (range.to - range.from) * by, to: range.to })
    switch (event.key) {
      case 'ArrowLeft': scale.scrollToPosition(scale.scrollPosition() - SCROLL_BARS, false); break
      case 'ArrowRight': scale.scrollToPosition(Math.min(RIGHT_OFFSET, scale.scrollPosition() + SCROLL_BARS), false); break
      case 'End': this.toNewest(); break
      case '+': case '=': zoom(1 / ZOOM); break
      case '-': zoom(ZOOM); break
      default: return
    }
    event.preventDefault()
  }

  /** Takes the theme's colours from the style sheet's variables. */
  paint(): void {
    const c = (this.colours = readColours())
    this.chart.applyOptions({
      layout: { textColor: c.text },
      grid: { vertLines: { color: c.line }, horzLines: { color: c.line } },
      crosshair: {
        vertLine: { color: c.crosshair, labelBackgroundColor: c.label },
        horzLine: { color: c.crosshair, labelBackgroundColor: c.label },
      },
    })
    this.candles.applyOptions({ upColor: c.up, downColor: c.down, wickUpColor: c.up, wickDownColor: c.down })
    this.redraw = true
  }

  draw(): void {
    const bars = this.bars
    if (!bars) return
    const change = bars.take()
    if (!change && !this.redraw) return
    const first = change && bars.list[change.from]
    if (!first || this.redraw || this.drawnTo === undefined || change.rewritten || first.t < this.drawnTo) return this.set(bars)
    for (let i = change.from; i < bars.list.length; i++) {
      const bar = bars.list[i] as Bar
      for (const t of missing(this.period, this.drawnTo, bar.t)) this.candles.update({ time: seconds(t) })
      this.candles.update(this.candle(bar))
      this.volume.update(this.column(bar))
      this.drawnTo = bar.t
    }
  }

  get shown(): Bars | undefined {
    return this.bars
  }

  private set(bars: Bars): void {
    const candles: (CandlestickData | WhitespaceData)[] = []
    let before: number | undefined
    for (const bar of bars.list) {
      if (before !== undefined) for (const t of missing(this.period, before, bar.t)) candles.push({ time: seconds(t) })
      candles.push(this.candle(bar))
      before = bar.t
    }
    this.candles.setData(candles)
    this.volume.setData(bars.list.map((bar) => this.column(bar)))
    this.drawnTo = before
    this.redraw = false
    if (this.follows && before !== undefined) {
      this.follows = false
      this.chart.timeScale().resetTimeScale()
    }
  }

  private candle(bar: Bar): CandlestickData {
    return { time: seconds(bar.t), open: bar.open, high: bar.high, low: bar.low, close: bar.close }
  }

  private column(bar: Bar): HistogramData {
    const color = bar.close >= bar.open ? this.colours.upVolume : this.colours.downVolume
    return { time: seconds(bar.t), value: bar.volume, color }
  }
}

function readColours(): Colours {
  const style = getComputedStyle(document.documentElement)
  const read = (name: string) => style.getPropertyValue(name).trim()
  return {
    text: read('--muted'),
    line: read('--grid'),
    crosshair: read('--crosshair'),
    label: read('--crosshair-label'),
    up: read('--up'),
    down: read('--down'),
    upVolume: read('--up-volume'),
    downVolume: read('--down-volume'),
  }
}
