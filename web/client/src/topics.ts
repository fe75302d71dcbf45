/** The candle periods, shortest first; UTC, weeks begin on Monday, 3d is counted from 1970-01-01. */
export const PERIODS = [
  '1s', '1m', '3m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d', '1w', '1M',
] as const

export type Period = (typeof PERIODS)[number]

const periodSet: ReadonlySet<string> = new Set(PERIODS)

export function isPeriod(text: string): text is Period {
  return periodSet.has(text)
}

/** `closed` topics carry final candles in order, `candle` topics the newest state. */
export interface CandleTopic {
  product: 'candle' | 'closed'
  period: Period
  contract: string
}

export interface ContractTopic {
  product: 'ticker' | 'bbo' | 'trade'
  contract: string
}

/** `resolution` is the height of a price bucket, as the catalogue writes it. */
export interface BookTopic {
  product: 'orderbook'
  resolution: string
  contract: string
}

export interface StatusTopic {
  product: 'status'
  scope: string
  kind: string
}

export type Topic = CandleTopic | ContractTopic | BookTopic | StatusTopic

/** A name that may be one topic level: no separator, wildcard or control character. */
function isLevel(text: string): boolean {
  return text !== '' && !/[/+#\u0000-\u001f]/.test(text)
}

/** A filter's level: a name, or `+` for all. */
function filterLevel(text: string): string {
  if (text !== '+' && !isLevel(text)) throw new RangeError(`not a topic level: ${JSON.stringify(text)}`)
  return text
}

/** The topic (or, with `+`, the filter) of the newest candle. */
export function candleTopic(contract: string, period: Period | '+'): string {
  return `candle/${filterLevel(period)}/${filterLevel(contract)}`
}

/** The topic (or, with `+`, the filter) of closed candles. */
export function closedTopic(contract: string, period: Period | '+'): string {
  return `${candleTopic(contract, period)}/closed`
}

/** The topic (or, with `+`, the filter) of the rolling 24 hours. */
export function tickerTopic(contract: string): string {
  return `ticker/${filterLevel(contract)}`
}

/** The topic (or, with `+`, the filter) of best bid and ask. */
export function bboTopic(contract: string): string {
  return `bbo/${filterLevel(contract)}`
}

/** The topic (or, with `+`, the filter) of the order book at a price resolution. */
export function bookTopic(contract: string, resolution: string): string {
  return `orderbook/${filterLevel(resolution)}/${filterLevel(contract)}`
}

/** The topic (or, with `+`, the filter) of trades, corrections and busts. */
export function tradeTopic(contract: string): string {
  return `trade/${filterLevel(contract)}`
}

/** `status/BTCUSDT/feed`, `status/BTCUSDT/clock`, `status/binance/source`, or a filter with `+`. */
export function statusTopic(scope: string, kind: string): string {
  return `status/${filterLevel(scope)}/${filterLevel(kind)}`
}

/** Undefined for a topic that this module does not know. */
export function parseTopic(topic: string): Topic | undefined {
  const [product, ...levels] = topic.split('/')
  if (!levels.every(isLevel)) return undefined
  const [a, b, last] = levels as [string, string, string]
  switch (product) {
    case 'ticker': case 'bbo': case 'trade':
      return levels.length === 1 ? { product, contract: a } : undefined
    case 'orderbook':
      return levels.length === 2 ? { product, resolution: a, contract: b } : undefined
    case 'status':
      return levels.length === 2 ? { product, scope: a, kind: b } : undefined
    case 'candle':
      if (levels.length < 2 || !isPeriod(a)) return undefined
      if (levels.length === 2) return { product, period: a, contract: b }
      return levels.length === 3 && last === 'closed' ? { product: 'closed', period: a, contract: b } : undefined
    default:
      return undefined
  }
}

/** Whether a filter matches a topic; `+` is the only wildcard used here. */
export function filterMatches(filter: string, topic: string): boolean {
  const f = filter.split('/')
  const t = topic.split('/')
  return f.length === t.length && f.every((part, i) => part === '+' || part === t[i])
}
