import { Bad, caught, decimalText, envelope, flag, integer, text, type Decoded, type Envelope } from './fields.ts'
import type { CandleTopic, Period } from './topics.ts'

/** Prices and quantities stay decimal strings: whoever must calculate decides how. */
export interface Candle extends Envelope {
  i: Period
  /** Open and close time, ms: T is the next open time less 1. */
  t: number
  T: number
  o: string
  h: string
  l: string
  c: string
  /** Base volume, quote volume, number of trades, taker buy base and quote volume. */
  v: string
  qv: string
  n: number
  bv: string
  bqv: string
  /** First and last trade id, -1 without trades. */
  f: number
  L: number
  /** Closed. */
  x: boolean
  rev: number
  /** A period without trades, filled with the last close. */
  fill: boolean
}

/** Never throws for a payload, whatever it holds. */
export function decodeCandle(topic: CandleTopic, payload: string): Decoded<Candle> {
  return caught(() => {
    const { fields, head } = envelope(payload)
    const period = text(fields, 'i')
    if (head.s !== topic.contract || period !== topic.period) {
      throw new Bad('mismatch', `${head.s} ${period} on the topic of ${topic.contract} ${topic.period}`)
    }
    const value: Candle = {
      ...head,
      i: topic.period,
      t: integer(fields, 't'),
      T: integer(fields, 'T'),
      o: decimalText(fields, 'o'),
      h: decimalText(fields, 'h'),
      l: decimalText(fields, 'l'),
      c: decimalText(fields, 'c'),
      v: decimalText(fields, 'v'),
      qv: decimalText(fields, 'qv'),
      n: integer(fields, 'n'),
      bv: decimalText(fields, 'bv'),
      bqv: decimalText(fields, 'bqv'),
      f: integer(fields, 'f'),
      L: integer(fields, 'L'),
      x: flag(fields, 'x'),
      rev: integer(fields, 'rev'),
      fill: flag(fields, 'fill'),
    }
    if (value.T < value.t) throw new Bad('field', 'T before t')
    const [o, h, l, c] = [Number(value.o), Number(value.h), Number(value.l), Number(value.c)]
    if (l > Math.min(o, c) || h < Math.max(o, c)) throw new Bad('field', 'open or close outside of low and high')
    return { ok: true, value, version: { epoch: head.epoch, t: value.t, seq: head.seq } }
  })
}
