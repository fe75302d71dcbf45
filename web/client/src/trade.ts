import { Bad, caught, contractOf, decimalText, envelope, flag, integer, text, type Decoded, type Envelope } from './fields.ts'
import type { ContractTopic } from './topics.ts'

interface TradeHead extends Envelope {
  /** Id of the (aggregate) trade; counts without holes at its source. */
  a: number
}

/** A trade, or what a trade is replaced with. */
export interface Execution extends TradeHead {
  k: 'trade' | 'correction'
  p: string
  qty: string
  /** The buyer was the maker: the taker sold. */
  m: boolean
  /** First and last id of the trades that are aggregated here. */
  f: number
  l: number
}

/** The trade with this id is taken back. */
export interface Bust extends TradeHead {
  k: 'bust'
}

/** Told apart by `k`. `seq` has holes: the log holds more than trades. */
export type Trade = Execution | Bust

/** Never throws for a payload, whatever it holds. */
export function decodeTrade(topic: ContractTopic, payload: string): Decoded<Trade> {
  return caught((): Decoded<Trade> => {
    const { fields, head } = envelope(payload)
    contractOf(head, topic.contract)
    const k = text(fields, 'k')
    const a = integer(fields, 'a')
    const version = { epoch: head.epoch, t: 0, seq: head.seq }
    if (k === 'bust') return { ok: true, value: { ...head, k, a }, version }
    if (k !== 'trade' && k !== 'correction') throw new Bad('field', `kind ${k}`)
    const value: Execution = {
      ...head, k, a,
      p: decimalText(fields, 'p'),
      qty: decimalText(fields, 'qty'),
      m: flag(fields, 'm'),
      f: integer(fields, 'f'),
      l: integer(fields, 'l'),
    }
    return { ok: true, value, version }
  })
}
