import {
  PERIODS, bboTopic, bookTopic, candleTopic, closedTopic, statusTopic, tickerTopic, tradeTopic, type Period,
} from '../client/src/topics.ts'
import type { FakeEdge } from './fake-edge.ts'
import { FakeHistory, type Row } from './fake-history.ts'
import { nextMs, openMs } from './fake-periods.ts'
import { randomBook } from './random-book.ts'

export interface TestContract {
  id: string
  base: string
  quote: string
  tick: string
  step: string
  books: string[]
  source: string
  /** Price, trades per second and change of 24 hours in percent to begin with. */
  price: number
  rate: number
  change: number
}

const at = (id: string, base: string, quote: string, tick: string, step: string, books: string[], price: number, rate: number, change: number, source = 'binance'): TestContract =>
  ({ id, base, quote, tick, step, books, price, rate, change, source })

export const CONTRACTS: TestContract[] = [
  at('BTCUSDT', 'BTC', 'USDT', '0.01', '0.00001', ['0.01', '1', '10'], 97_412.55, 12, 2.31),
  at('ETHUSDT', 'ETH', 'USDT', '0.01', '0.0001', ['0.01', '0.1', '1'], 3_412.07, 8, -1.08),
  at('SOLUSDT', 'SOL', 'USDT', '0.01', '0.001', ['0.01', '0.1', '1'], 231.44, 5, 4.9),
  at('BTC-PERP', 'BTC', 'PERP', '0.1', '0.001', ['0.1', '1', '10'], 97_420.5, 6, 2.28, 'engine'),
  at('XRPUSDT', 'XRP', 'USDT', '0.0001', '0.1', ['0.0001', '0.001'], 1.4471, 4, -0.62),
  at('DOGEUSDT', 'DOGE', 'USDT', '0.00001', '1', ['0.00001', '0.0001'], 0.41233, 2, -7.44),
  at('ETHBTC', 'ETH', 'BTC', '0.00001', '0.0001', ['0.00001', '0.0001'], 0.03503, 0.3, 0.02),
]

/** What the server says on /app.json. */
export function appJSON(port: number): string {
  const contracts = CONTRACTS.map(({ id, base, quote, tick, step, books, source }) => ({
    id, source, simulated: source !== 'engine', base, quote, tick, step, books, periods: PERIODS,
  }))
  return JSON.stringify({ version: 'dev', ws: { port, path: '/mqtt' }, contracts })
}

function decimals(tick: string): number {
  return tick.includes('.') ? tick.length - tick.indexOf('.') - 1 : 0
}

/** Units to decimal text. */
function scaled(units: number | bigint, digits: number): string {
  const sign = units < 0 ? '-' : ''
  const text = units.toString().replace('-', '').padStart(digits + 1, '0')
  return sign + (digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`)
}

interface Bar {
  t: number
  o: number; h: number; l: number; c: number
  v: number; qv: bigint; bv: number; bqv: bigint; n: number; f: number; L: number
  dirty: boolean
}

/** A random walk in the product's messages, from wall-clock time. */
export class RandomMarket {
  readonly history: FakeHistory
  /** Trades, corrections and busts are numbered like this. */
  id = 100_000
  private readonly bars = new Map<Period, Bar>()
  private readonly epoch: number
  private readonly day: { o: number; h: number; l: number; v: number; qv: bigint; n: number }
  private price: number
  private seq = 1
  private bookSeq = 1
  private drift = 0
  /** What messages of books say of themselves. */
  bookQuality = 'ok'

  constructor(private readonly edge: FakeEdge, readonly contract: TestContract, nowMs: number) {
    this.price = Math.round(contract.price * 10 ** this.pd)
    this.epoch = nowMs
    this.history = new FakeHistory(contract.id, this.price, this.pd, this.qd, nowMs)
    const o = Math.round(this.price / (1 + contract.change / 100))
    const wide = Math.abs(this.price - o) * 0.4 + this.price * 0.004
    const volume = Math.round(40_000_000 / contract.price * 10 ** this.qd)
    this.day = { o, h: Math.round(Math.max(o, this.price) + wide), l: Math.round(Math.min(o, this.price) - wide), v: volume, qv: BigInt(volume) * BigInt(this.price), n: 312_455 }
    for (const period of PERIODS) this.open(period, openMs(period, nowMs))
    this.status(nowMs, 'feed', 'SYNCED')
    this.status(nowMs, 'clock', 'live')
    this.ticker(nowMs)
    this.book(nowMs)
  }

  private get pd(): number { return decimals(this.contract.tick) }
  private get qd(): number { return decimals(this.contract.step) }

  private head(nowMs: number, seq: number, q = 'ok') {
    const { id, source } = this.contract
    return { sv: 1, s: id, src: source, sim: source !== 'engine', epoch: this.epoch, seq, ts: nowMs, tsc: Date.now(), q }
  }

  status(nowMs: number, kind: 'feed' | 'clock', state: string, reason = ''): void {
    this.edge.publish(statusTopic(this.contract.id, kind), JSON.stringify({
      ...this.head(nowMs, ++this.seq), epoch: nowMs, tsc: undefined, kind, state, since: nowMs, reason, last_id: this.id, missing: 0,
    }), 1)
  }

  trade(nowMs: number): void {
    this.tick(nowMs)
    this.drift = this.drift * 0.97 + (Math.random() - 0.5) * 0.3
    const size = Math.max(1, this.price * 0.00004)
    this.price = Math.max(1, this.price + Math.round((Math.random() - 0.5 + this.drift * 0.25) * size))
    const qty = Math.ceil(Math.exp(Math.random() * 6) * 10 ** Math.max(0, this.qd - 3))
    const buy = Math.random() < 0.5 + this.drift * 0.2
    const quote = BigInt(this.price) * BigInt(qty)
    const id = ++this.id
    this.seq++
    this.say({ ...this.head(nowMs, this.seq), k: 'trade', p: scaled(this.price, this.pd), qty: scaled(qty, this.qd), m: !buy, a: id, f: id, l: id })
    for (const [period, bar] of this.bars) {
      if (bar.n === 0) [bar.o, bar.h, bar.l, bar.f] = [this.price, this.price, this.price, id]
      bar.h = Math.max(bar.h, this.price)
      bar.l = Math.min(bar.l, this.price)
      bar.c = this.price
      bar.v += qty
      bar.qv += quote
      if (buy) [bar.bv, bar.bqv] = [bar.bv + qty, bar.bqv + quote]
      bar.n++
      bar.L = id
      bar.dirty = true
      if (period === '1s' || period === '1m') this.send(period, bar, nowMs, false)
    }
    const { day } = this
    day.h = Math.max(day.h, this.price)
    day.l = Math.min(day.l, this.price)
    day.v += qty
    day.qv += quote
    day.n++
    this.ticker(nowMs)
  }

  /** Takes the trade with this id back, or replaces it. */
  amend(nowMs: number, k: 'bust' | 'correction', a: number): void {
    const change = k === 'bust' ? {} : { p: scaled(this.price, this.pd), qty: scaled(1, this.qd), m: true, f: a, l: a }
    this.say({ ...this.head(nowMs, ++this.seq), k, a, ...change })
  }

  /** The clock: closes what has ended, and sends longer candles that have changed. */
  tick(nowMs: number): void {
    for (const period of PERIODS) {
      for (let bar = this.bars.get(period) as Bar; nextMs(period, bar.t) <= nowMs; bar = this.bars.get(period) as Bar) {
        this.seq++
        this.send(period, bar, nowMs, true)
        this.open(period, nextMs(period, bar.t))
        if (period === '1s') this.send(period, this.bars.get(period) as Bar, nowMs, false)
      }
      const bar = this.bars.get(period) as Bar
      if (bar.dirty) this.send(period, bar, nowMs, false)
    }
  }

  book(nowMs: number): void {
    const { id, books, price } = this.contract
    const seq = ++this.bookSeq
    const size = Math.max(2, Math.round((3_000 / price) * 10 ** this.qd))
    const text = (levels: [number, number][]) => levels.map(([p, q]) => [scaled(p, this.pd), scaled(q, this.qd)])
    const shape = { price: this.price, turn: seq, depth: 50, size }
    const top = randomBook({ ...shape, bucket: 1, depth: 1 })
    const [[b, B], [a, A]] = [text(top.bids)[0]!, text(top.asks)[0]!] as [string[], string[]]
    const head = this.head(nowMs, seq, this.bookQuality)
    this.edge.publish(bboTopic(id), JSON.stringify({ ...head, b, B, a, A, u: seq }))
    for (const res of books) {
      if (seq > 2 && !this.edge.wanted(bookTopic(id, res))) continue
      const { bids, asks } = randomBook({ ...shape, bucket: Math.round(Number(res) * 10 ** this.pd) })
      this.edge.publish(bookTopic(id, res), JSON.stringify({ ...head, res, u: seq, b: text(bids), a: text(asks) }))
    }
  }

  private say(trade: object): void {
    this.edge.event(tradeTopic(this.contract.id), JSON.stringify({ ...trade, tsc: undefined }))
    this.history.trade(trade as never)
  }

  ticker(nowMs: number): void {
    const { day, pd, qd, price } = this
    const change = price - day.o
    this.edge.publish(tickerTopic(this.contract.id), JSON.stringify({
      ...this.head(nowMs, this.seq),
      o: scaled(day.o, pd), h: scaled(day.h, pd), l: scaled(day.l, pd), c: scaled(price, pd), v: scaled(day.v, qd), qv: scaled(day.qv, pd + qd),
      p: scaled(change, pd), P: ((change / day.o) * 100).toFixed(3), w: `${scaled(Math.round((day.h + day.l) / 2), pd)}${pd === 0 ? '.' : ''}`.padEnd(20, '0').slice(0, 16).replace(/\.$/, ''),
      n: day.n, f: this.id - day.n, L: this.id, O: nowMs - 86_400_000, C: nowMs,
    }))
  }

  private open(period: Period, t: number): void {
    const p = this.price
    this.bars.set(period, { t, o: p, h: p, l: p, c: p, v: 0, qv: 0n, bv: 0, bqv: 0n, n: 0, f: -1, L: -1, dirty: false })
    this.history.row(period, this.row(period, this.bars.get(period) as Bar))
  }

  private row(period: Period, bar: Bar): Row {
    const { pd, qd } = this
    return [
      bar.t, scaled(bar.o, pd), scaled(bar.h, pd), scaled(bar.l, pd), scaled(bar.c, pd), scaled(bar.v, qd), nextMs(period, bar.t) - 1,
      scaled(bar.qv, pd + qd), bar.n, scaled(bar.bv, qd), scaled(bar.bqv, pd + qd), '0',
    ]
  }

  private send(period: Period, bar: Bar, nowMs: number, closed: boolean): void {
    bar.dirty = false
    const row = this.row(period, bar)
    this.history.row(period, row)
    const [t, o, h, l, c, v, T, qv, n, bv, bqv] = row
    const { id } = this.contract
    const payload = JSON.stringify({
      ...this.head(nowMs, this.seq, closed && n === 0 ? 'filled' : 'ok'),
      i: period, t, T, o, h, l, c, v, qv, n, bv, bqv, f: bar.f, L: bar.L, x: closed, rev: 0, fill: n === 0,
    })
    if (closed) this.edge.publish(closedTopic(id, period), payload, 1)
    else this.edge.publish(candleTopic(id, period), payload)
  }
}

/** Books change this often per second, each contract. */
const BOOKS_PER_SECOND = 12.5

export interface Running {
  markets: RandomMarket[]
  stop(): void
}

/** Runs all contracts until stopped. `factor` multiplies the rates of trades and books. */
export function runMarkets(edge: FakeEdge, factor = 1): Running {
  const markets = CONTRACTS.map((contract) => new RandomMarket(edge, contract, Date.now()))
  const timers = markets.map((market) => {
    let [trades, books, before] = [0, 0, Date.now()]
    return setInterval(() => {
      const now = Date.now()
      const seconds = Math.min(1, (now - before) / 1000)
      before = now
      trades += Math.random() * 2 * market.contract.rate * factor * seconds
      books += BOOKS_PER_SECOND * factor * seconds
      for (; trades >= 1; trades--) market.trade(now)
      for (; books >= 1; books--) market.book(now)
    }, 10)
  })
  timers.push(setInterval(() => markets.forEach((market) => market.tick(Date.now())), 250))
  timers.push(setInterval(() => markets.forEach((market) => market.ticker(Date.now())), 3_000))
  return { markets, stop: () => timers.forEach((timer) => clearInterval(timer)) }
}
