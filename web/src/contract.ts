import type { Bbo, Book, Candle, Freshness, Period, Status, Ticker } from '@tickcast/client'
import type { ContractInfo } from './config.ts'
import { decimalsOf } from './format.ts'
import type { History } from './history.ts'
import { Series } from './series.ts'
import { Tape } from './tape.ts'

export type Direction = 'up' | 'down' | 'flat'

/** All that the page knows of one contract. */
export class Contract {
  readonly info: ContractInfo
  readonly decimals: number
  readonly tape = new Tape()
  last: string | undefined
  direction: Direction = 'flat'
  /** Counts the changes of the last price. */
  moves = 0
  ticker: Ticker | undefined
  bbo: Bbo | undefined
  book: Book | undefined
  bookStatus: Status | undefined
  source: string
  /** Undefined until it is known. */
  simulated: boolean | undefined
  quality: Candle['q'] = 'ok'
  freshness: Freshness = { state: 'waiting', cause: undefined, heardMs: undefined, feed: undefined, clock: undefined }
  delisted = false
  private lastOrder = { epoch: 0, t: 0, seq: 0 }
  private readonly periods = new Map<Period, Series>()
  private readonly history: History
  private readonly onHistory: () => void

  /** `onHistory` is called when the history has told something. */
  constructor(info: ContractInfo, history: History, onHistory: () => void) {
    this.info = info
    this.history = history
    this.onHistory = onHistory
    this.decimals = decimalsOf(info.tick)
    this.source = info.source
    this.simulated = info.simulated
  }

  /** What traders call it: BTC/USDT; a contract that is not its pair has its own name. */
  get name(): string {
    const { id, base, quote } = this.info
    return id === base + quote ? `${base}/${quote}` : id
  }

  /** The shortest period that the contract has: its close is the last price. */
  get beat(): Period {
    return this.info.periods[0] ?? '1s'
  }

  series(period: Period): Series {
    let series = this.periods.get(period)
    if (!series) this.periods.set(period, (series = new Series(this.info.id, period, this.history, this.onHistory)))
    return series
  }

  /** The beat's newest candle: last price, source and quality. */
  price(candle: Candle): void {
    if (!this.belongs(candle)) return
    this.delisted = false
    const { epoch, t, seq } = candle
    const held = this.lastOrder
    if (epoch < held.epoch || (epoch === held.epoch && (t < held.t || (t === held.t && seq <= held.seq)))) return
    this.lastOrder = { epoch, t, seq }
    this.quality = candle.q
    if (candle.c === this.last) return
    if (this.last !== undefined) this.direction = Number(candle.c) > Number(this.last) ? 'up' : 'down'
    this.last = candle.c
    this.moves++
  }

  /** A candle of a period that is shown. */
  apply(candle: Candle): void {
    if (this.belongs(candle)) this.series(candle.i).apply(candle)
  }

  /** Another source is another market: its candles do not belong in one chart with the old ones. */
  private belongs(candle: Candle): boolean {
    this.simulated ??= candle.sim
    if (candle.src === this.source && candle.sim === this.simulated) return true
    if (candle.epoch < this.lastOrder.epoch) return false
    this.periods.clear()
    this.tape.clear()
    this.ticker = undefined
    this.source = candle.src
    this.simulated = candle.sim
    return true
  }
}
