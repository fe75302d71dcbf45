import { caught, contractOf, decimalText, envelope, integer, type Decoded, type Envelope } from './fields.ts'
import type { ContractTopic } from './topics.ts'

/** The rolling 24 hours, in Binance's letters. */
export interface Ticker extends Envelope {
  /** Open, high and low of the window; zeros when nothing was traded in it. */
  o: string
  h: string
  l: string
  /** The last price, also when nothing was traded. */
  c: string
  /** Base and quote volume. */
  v: string
  qv: string
  /** Change of the price, and in percent (3 decimals). */
  p: string
  P: string
  /** Average price weighted by quantity (8 decimals). */
  w: string
  /** Number of trades; first and last id, -1 without trades. */
  n: number
  f: number
  L: number
  /** Open and close time of the window, ms. */
  O: number
  C: number
}

/** Never throws for a payload, whatever it holds. */
export function decodeTicker(topic: ContractTopic, payload: string): Decoded<Ticker> {
  return caught(() => {
    const { fields, head } = envelope(payload)
    contractOf(head, topic.contract)
    const value: Ticker = {
      ...head,
      o: decimalText(fields, 'o'),
      h: decimalText(fields, 'h'),
      l: decimalText(fields, 'l'),
      c: decimalText(fields, 'c'),
      v: decimalText(fields, 'v'),
      qv: decimalText(fields, 'qv'),
      p: decimalText(fields, 'p'),
      P: decimalText(fields, 'P'),
      w: decimalText(fields, 'w'),
      n: integer(fields, 'n'),
      f: integer(fields, 'f'),
      L: integer(fields, 'L'),
      O: integer(fields, 'O'),
      C: integer(fields, 'C'),
    }
    return { ok: true, value, version: { epoch: head.epoch, t: 0, seq: head.seq } }
  })
}
