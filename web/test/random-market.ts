import { PERIODS, candleTopic, closedTopic, statusTopic, type Period } from '../client/src/topics.ts'
import type { FakeEdge } from './fake-edge.ts'

export interface TestContract {
  id: string
  base: string
  quote: string
  tick: string
  step: string
  /** Price and trades per second to begin with. */
  price: number
  rate: number
}

export const CONTRACTS: TestContract[] = [
  { id: 'BTCUSDT', base: 'BTC', quote: 'USDT', tick: '0.01', step: '0.00001', price: 97_412.55, rate: 12 },
  { id: 'ETHUSDT', base: 'ETH', quote: 'USDT', tick: '0.01', step: '0.0001', price: 3_412.07, rate: 8 },
  { id: 'SOLUSDT', base: 'SOL', quote: 'USDT', tick: '0.01', step: '0.001', price: 231.44, rate: 5 },
  { id: 'BNBUSDT', base: 'BNB', quote: 'USDT', tick: '0.1', step: '0.001', price: 661.3, rate: 3 },
  { id: 'XRPUSDT', base: 'XRP', quote: 'USDT', tick: '0.0001', step: '0.1', price: 1.4471, rate: 4 },
  { id: 'ADAUSDT', base: 'ADA', quote: 'USDT', tick: '0.0001', step: '0.1', price: 0.9713, rate: 1 },
  { id: 'DOGEUSDT', base: 'DOGE', quote: 'USDT', tick: '0.00001', step: '1', price: 0.41233, rate: 2 },
  { id: 'ETHBTC', base: 'ETH', quote: 'BTC', tick: '0.00001', step: '0.0001', price: 0.03503, rate: 0.3 },
]

/** What the server says on /app.json. */
export function appJSON(port: number): string {
  const contracts = CONTRACTS.map(({ id, base, quote, tick, step }) => ({
    id, source: 'binance', simulated: true, base, quote, tick, step, periods: PERIODS,
  }))
  return JSON.stringify({ version: 'dev', ws: { port, path: '/mqtt' }, contracts })
}

const LENGTH_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const MONDAY_MS = 4 * 86_400_000 // 1970-01-05

function openMs(period: Period, ms: number): number {
  if (period === '1M') return Date.UTC(new Date(ms).getUTCFullYear(), new Date(ms).getUTCMonth(), 1)
  const length = Number(period.slice(0, -1)) * (LENGTH_MS[period.slice(-1)] as number)
  const offset = period === '1w' ? MONDAY_MS : 0
  return Math.floor((ms - offset) / length) * length + offset
}

function nextMs(period: Period, open: number): number {
  if (period === '1M') return Date.UTC(new Date(open).getUTCFullYear(), new Date(open).getUTCMonth() + 1, 1)
  return open + Number(period.slice(0, -1)) * (LENGTH_MS[period.slice(-1)] as number)
}

function decimals(tick: string): number {
  return tick.includes('.') ? tick.length - tick.indexOf('.') - 1 : 0
}

/** Units to decimal text. */
function scaled(units: number | bigint, digits: number): string {
  const text = units.toString().padStart(digits + 1, '0')
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`
}

interface Bar {
  t: number
  o: number; h: number; l: number; c: number
  v: number; qv: bigint; bv: number; bqv: bigint; n: number; f: number; L: number
  dirty: boolean
}

/** A random walk in SPEC's messages: all periods of one contract, from wall-clock time. */
export class RandomMarket {
  private readonly bars = new Map<Period, Bar>()
  private readonly epoch: number
  private price: number
  private seq = 1
  private id = 100_000
  private drift = 0

  constructor(private readonly edge: FakeEdge, readonly contract: TestContract, nowMs: number) {
    this.price = Math.round(contract.price * 10 ** this.pd)
    this.epoch = nowMs
    for (const period of PERIODS) this.open(period, openMs(period, nowMs))
    this.status(nowMs, 'feed', 'SYNCED')
    this.status(nowMs, 'clock', 'live')
  }

  private get pd(): number { return decimals(this.contract.tick) }
  private get qd(): number { return decimals(this.contract.step) }

  status(nowMs: number, kind: 'feed' | 'clock', state: string, reason = ''): void {
    const { id } = this.contract
    this.edge.publish(statusTopic(id, kind), JSON.stringify({
      sv: 1, s: id, src: 'binance', sim: true, epoch: nowMs, seq: ++this.seq, ts: nowMs, q: 'ok',
      kind, state, since: nowMs, reason, last_id: this.id, missing: 0,
    }), 1)
  }

  trade(nowMs: number): void {
    this.tick(nowMs)
    this.drift = this.drift * 0.97 + (Math.random() - 0.5) * 0.3
    const size = Math.max(1, this.price * 0.00004)
    this.price = Math.max(1, this.price + Math.round((Math.random() - 0.5 + this.drift * 0.25) * size))
    const qty = Math.ceil(Math.exp(Math.random() * 4) * 10 ** Math.max(0, this.qd - 2))
    const buy = Math.random() < 0.5 + this.drift * 0.2
    const quote = BigInt(this.price) * BigInt(qty)
    const id = ++this.id
    this.seq++
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

  private open(period: Period, t: number): void {
    const p = this.price
    this.bars.set(period, { t, o: p, h: p, l: p, c: p, v: 0, qv: 0n, bv: 0, bqv: 0n, n: 0, f: -1, L: -1, dirty: false })
  }

  private send(period: Period, bar: Bar, nowMs: number, closed: boolean): void {
    bar.dirty = false
    const { id } = this.contract
    const both = this.pd + this.qd
    const payload = JSON.stringify({
      sv: 1, s: id, src: 'binance', sim: true, epoch: this.epoch, seq: this.seq, ts: nowMs, tsc: Date.now(),
      q: closed && bar.n === 0 ? 'filled' : 'ok',
      i: period, t: bar.t, T: nextMs(period, bar.t) - 1,
      o: scaled(bar.o, this.pd), h: scaled(bar.h, this.pd), l: scaled(bar.l, this.pd), c: scaled(bar.c, this.pd),
      v: scaled(bar.v, this.qd), qv: scaled(bar.qv, both), n: bar.n, bv: scaled(bar.bv, this.qd), bqv: scaled(bar.bqv, both),
      f: bar.f, L: bar.L, x: closed, rev: 0, fill: bar.n === 0,
    })
    if (closed) this.edge.publish(closedTopic(id, period), payload, 1)
    else this.edge.publish(candleTopic(id, period), payload)
  }
}

/** Runs all contracts until the answer is called. `factor` multiplies the rates of trades. */
export function runMarkets(edge: FakeEdge, factor = 1): () => void {
  const markets = CONTRACTS.map((contract) => new RandomMarket(edge, contract, Date.now()))
  const timers = markets.map((market) => {
    let owed = 0
    return setInterval(() => {
      owed += Math.random() * 2 * market.contract.rate * factor * 0.02
      for (; owed >= 1; owed--) market.trade(Date.now())
    }, 20)
  })
  timers.push(setInterval(() => markets.forEach((market) => market.tick(Date.now())), 250))
  return () => timers.forEach((timer) => clearInterval(timer))
}
