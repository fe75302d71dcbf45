import type { IncomingMessage, ServerResponse } from 'node:http'
import { isPeriod, type Period } from '../client/src/topics.ts'
import { lengthMs, nextMs, openMs } from './fake-periods.ts'
import { noise } from './random-book.ts'

/** A kline as Binance's REST has it. */
export type Row = [t: number, o: string, h: string, l: string, c: string, v: string, T: number, qv: string, n: number, bv: string, bqv: string, ignored: string]

interface Execution {
  k: 'trade' | 'correction' | 'bust'
  a: number; p: string; qty: string; f: number; l: number; ts: number; m: boolean
}

/** So many candles there are from before the market began. */
const BEFORE = 2_500
/** So many of those that the market has made are kept. */
const KEPT = 5_000

/** What the history of one contract would answer: a made-up past that leads to the first price, then what the market did. */
export class FakeHistory {
  private readonly rows = new Map<Period, Map<number, Row>>()
  private readonly past = new Map<Period, Row[]>()
  private readonly trades: Execution[] = []

  constructor(private readonly id: string, private readonly price: number, private readonly pd: number, private readonly qd: number, private readonly beganMs: number) {
    const market = [...id].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 9973
    for (let i = 40; i > 0; i--) {
      const price = this.text(this.price * (1 + (noise(market, i) - 0.5) * 0.00008))
      this.trades.push({ k: 'trade', a: 100_001 - i, p: price, qty: (0.002 + noise(i, market) * 0.4).toFixed(this.qd), f: 1, l: 1, ts: beganMs - i * 731, m: noise(i, 5) > 0.5 })
    }
  }

  private text(price: number): string {
    return (Math.max(1, Math.round(price)) / 10 ** this.pd).toFixed(this.pd)
  }

  row(period: Period, row: Row): void {
    let rows = this.rows.get(period)
    if (!rows) this.rows.set(period, (rows = new Map()))
    rows.set(row[0], row)
    for (const oldest of rows.keys()) {
      if (rows.size <= KEPT) break
      rows.delete(oldest)
    }
  }

  trade(trade: Execution): void {
    if (trade.k === 'trade') this.trades.push(trade)
    if (this.trades.length > 2_000) this.trades.splice(0, 1_000)
  }

  /** All candles, oldest first; the last one is under way. */
  klines(period: Period): Row[] {
    let past = this.past.get(period)
    if (!past) this.past.set(period, (past = this.invent(period)))
    return past.concat([...(this.rows.get(period)?.values() ?? [])])
  }

  aggTrades(limit: number): object[] {
    return this.trades.slice(-limit).map(({ a, p, qty, f, l, ts, m }) => ({ a, p, q: qty, f, l, T: ts, m, M: true }))
  }

  private invent(period: Period): Row[] {
    const salt = [...(this.id + period)].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 100_003, 7)
    const first = openMs(period, this.beganMs)
    const step = 0.00006 * Math.sqrt(lengthMs(period) / 1000)
    const rows: Row[] = []
    for (let k = 1, close = this.price, drift = 0; k <= BEFORE; k++) {
      drift = drift * 0.94 + (noise(k, salt) - 0.5) * 0.5
      const open = close * Math.exp(-Math.max(-0.12, Math.min(0.12, (noise(salt, k) - 0.5 + drift * 0.5) * step)))
      const [high, low] = [Math.max(open, close) * (1 + noise(k, 2) * step * 0.4), Math.min(open, close) * (1 - noise(k, 4) * step * 0.4)]
      const t = nextMs(period, first, -k)
      const n = 1 + Math.floor(noise(k, 6) * 12 * Math.sqrt(lengthMs(period) / 1000))
      const volume = n * (0.2 + noise(k, 8)) * (0.05 + Math.abs(open - close) / (close * step))
      const quote = (volume * close) / 10 ** this.pd
      rows.push([
        t, this.text(open), this.text(high), this.text(low), this.text(close), volume.toFixed(this.qd), nextMs(period, t) - 1,
        quote.toFixed(this.pd + this.qd), n, (volume / 2).toFixed(this.qd), (quote / 2).toFixed(this.pd + this.qd), '0',
      ])
      close = open
    }
    return rows.reverse()
  }
}

/** Answers /api/v3/klines and /api/v3/aggTrades as Binance does; false for other paths. */
export function answerHistory(request: IncomingMessage, response: ServerResponse, of: (symbol: string) => FakeHistory | undefined): boolean {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x')
  if (!pathname.startsWith('/api/')) return false
  const answer = (status: number, body: unknown) => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
    return true
  }
  const history = of(searchParams.get('symbol') ?? '')
  if (!history) return answer(400, { code: -1121, msg: 'Invalid symbol.' })
  const limit = Math.min(1_000, Number(searchParams.get('limit') ?? 500))
  if (pathname === '/api/v3/aggTrades') return answer(200, history.aggTrades(limit))
  if (pathname !== '/api/v3/klines') return answer(404, {})
  const interval = searchParams.get('interval') ?? ''
  if (!isPeriod(interval)) return answer(400, { code: -1120, msg: 'Invalid interval.' })
  const end = Number(searchParams.get('endTime') ?? Infinity)
  const start = Number(searchParams.get('startTime') ?? -Infinity)
  const rows = history.klines(interval).filter(([t]) => t >= start && t <= end)
  return answer(200, start === -Infinity ? rows.slice(-limit) : rows.slice(0, limit))
}
