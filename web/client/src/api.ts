import type { Bbo, Book } from './book.ts'
import type { Candle } from './candle.ts'
import type { BadReason } from './fields.ts'
import type { Beat, Freshness } from './freshness.ts'
import type { Connection, LinkOptions } from './link.ts'
import type { Status } from './status.ts'
import type { Ticker } from './ticker.ts'
import type { Period } from './topics.ts'
import type { Trade } from './trade.ts'

export interface Options extends LinkOptions {
  /** What a developer should see: refused payloads and filters. Default: nothing. */
  onWarning?: (text: string) => void
}

export interface Meta {
  topic: string
  /** ms of Date.now(). */
  receivedMs: number
  /** What a subscription begins with, not something that has just happened. */
  snapshot: boolean
  /** Trades: how many ids are missing before this one. A slow client's oldest trades are dropped, and nothing is kept for one that is away. */
  missed: number
}

export type Listener<T> = (value: T, meta: Meta) => void

/** The broker took the topic's retained value back: the contract, the period or the resolution is gone. */
export type Cleared = (topic: string) => void

export interface CandleListener {
  onCandle?: Listener<Candle>
  /** Closed candles in order; a revision of an older one may come between. */
  onClosed?: Listener<Candle>
  onCleared?: Cleared
}

/** close() ends it; the broker is told when the last listener of a filter has left. */
export interface Subscription {
  close(): void
}

/** Nothing is dropped silently: whatever is not delivered is counted here. */
export interface Counters {
  received: number
  delivered: number
  /** Refused by the version rule. */
  notNewer: number
  /** Trades that never came, as their ids say. */
  missedTrades: number
  bad: Record<BadReason, number>
  refusedFilters: number
}

/** Contract, period, resolution, scope and kind may be `+`, for all. */
export interface Client {
  candles(contract: string, period: Period | '+', listener: CandleListener): Subscription
  ticker(contract: string, listener: Listener<Ticker>, onCleared?: Cleared): Subscription
  bbo(contract: string, listener: Listener<Bbo>, onCleared?: Cleared): Subscription
  /** The whole book in each message; `resolution` as the catalogue writes it. */
  book(contract: string, resolution: string, listener: Listener<Book>, onCleared?: Cleared): Subscription
  /** From now on: trades are events, nothing of the past comes. */
  trades(contract: string, listener: Listener<Trade>): Subscription
  /** `status('BTCUSDT', 'feed', …)` */
  status(scope: string, kind: string, listener: Listener<Status>): Subscription
  /** Called at once and at each change. It subscribes to its beat: 1s candles unless told otherwise. */
  freshness(contract: string, listener: (freshness: Freshness) => void, beat?: Beat): Subscription
  /** Called at once and at each change. */
  connection(listener: (connection: Connection) => void): Subscription
  readonly counters: Counters
  /** The network or the page came back: dial now, or probe. */
  retryNow(): void
  close(): void
}
