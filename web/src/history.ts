import type { Period } from '@tickcast/client'
import type { Past } from './bars.ts'

/** A trade of the past, as the tape shows it. */
export interface PastTrade {
  id: number
  price: string
  quantity: string
  timeMs: number
  buy: boolean
}

/** The public REST API, in Binance's shape. Every call rejects when there is no answer in time, or not a good one. */
export interface History {
  /** The newest candles, or the newest that opened at or before `endMs`; oldest first. Fewer than `limit`: there are no older ones. */
  klines(contract: string, period: Period, limit: number, endMs?: number): Promise<Past[]>
  /** The newest trades, oldest first. */
  trades(contract: string, limit: number): Promise<PastTrade[]>
}

/** The API's own limit per request. */
export const MOST_KLINES = 1_000

const TIMEOUT_MS = 8_000

export class RestHistory implements History {
  private readonly base: string

  /** `base` is empty for the page's own server. */
  constructor(base = '') {
    this.base = base
  }

  async klines(contract: string, period: Period, limit: number, endMs?: number): Promise<Past[]> {
    const query = new URLSearchParams({ symbol: contract, interval: period, limit: String(limit) })
    if (endMs !== undefined) query.set('endTime', String(endMs))
    return parseKlines(await get(`${this.base}/api/v3/klines?${query}`), endMs !== undefined)
  }

  async trades(contract: string, limit: number): Promise<PastTrade[]> {
    return parseTrades(await get(`${this.base}/api/v3/aggTrades?${new URLSearchParams({ symbol: contract, limit: String(limit) })}`))
  }
}

async function get(path: string): Promise<unknown> {
  const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), cache: 'no-store' })
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.json()
}

/** [openTime, o, h, l, c, v, closeTime, qv, n, bv, bqv, "0"]. The newest one is under way, unless the page ends in the past. */
export function parseKlines(json: unknown, past: boolean): Past[] {
  if (!Array.isArray(json)) throw new Error('klines are not a list')
  const bars = json.map((row: unknown): Past => {
    if (!Array.isArray(row)) throw new Error('a kline is not a list')
    const [t, o, h, l, c, v, T, , trades] = row
    const [open, high, low, close, volume] = [o, h, l, c, v].map(Number) as [number, number, number, number, number]
    if (![t, T, trades, open, high, low, close, volume].every(Number.isFinite) || T < t) throw new Error(`not a kline: ${JSON.stringify(row)}`)
    return { t, T, open, high, low, close, volume, trades, closed: true }
  })
  for (let i = 1; i < bars.length; i++) if ((bars[i] as Past).t <= (bars[i - 1] as Past).t) throw new Error('klines are not in order')
  const last = bars[bars.length - 1]
  if (last && !past) last.closed = false
  return bars
}

/** {a, p, q, f, l, T, m, M} */
export function parseTrades(json: unknown): PastTrade[] {
  if (!Array.isArray(json)) throw new Error('trades are not a list')
  return json.map((trade: { a?: unknown; p?: unknown; q?: unknown; T?: unknown; m?: unknown }) => {
    const { a, p, q, T, m } = trade
    if (!Number.isSafeInteger(a) || !Number.isSafeInteger(T) || typeof p !== 'string' || typeof q !== 'string' || typeof m !== 'boolean') {
      throw new Error(`not a trade: ${JSON.stringify(trade)}`)
    }
    return { id: a as number, price: p, quantity: q, timeMs: T as number, buy: !m }
  })
}
