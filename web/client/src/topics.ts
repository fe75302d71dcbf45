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

export interface StatusTopic {
  product: 'status'
  scope: string
  kind: string
}

export type Topic = CandleTopic | StatusTopic

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

/** `status/BTCUSDT/feed`, `status/BTCUSDT/clock`, `status/binance/source`, or a filter with `+`. */
export function statusTopic(scope: string, kind: string): string {
  return `status/${filterLevel(scope)}/${filterLevel(kind)}`
}

/** Undefined for a topic that this module does not know. */
export function parseTopic(topic: string): Topic | undefined {
  const [first, a, b, last, ...rest] = topic.split('/')
  if (a === undefined || b === undefined || rest.length > 0 || !isLevel(a) || !isLevel(b)) return undefined
  if (first === 'status' && last === undefined) return { product: 'status', scope: a, kind: b }
  if (first !== 'candle' || !isPeriod(a)) return undefined
  if (last === undefined) return { product: 'candle', period: a, contract: b }
  return last === 'closed' ? { product: 'closed', period: a, contract: b } : undefined
}

/** Whether a filter matches a topic; `+` is the only wildcard used here. */
export function filterMatches(filter: string, topic: string): boolean {
  const f = filter.split('/')
  const t = topic.split('/')
  return f.length === t.length && f.every((part, i) => part === '+' || part === t[i])
}
