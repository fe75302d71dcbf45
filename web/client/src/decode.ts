import { decodeBbo, decodeBook, type Bbo, type Book } from './book.ts'
import { decodeCandle, type Candle } from './candle.ts'
import type { Decoded } from './fields.ts'
import { decodeStatus, type Status } from './status.ts'
import { decodeTicker, type Ticker } from './ticker.ts'
import type { Topic } from './topics.ts'
import { decodeTrade, type Trade } from './trade.ts'

export type Message = Candle | Ticker | Bbo | Book | Trade | Status

/** Never throws for a payload, whatever it holds. */
export function decode(topic: Topic, payload: string): Decoded<Message> {
  switch (topic.product) {
    case 'candle': case 'closed': return decodeCandle(topic, payload)
    case 'ticker': return decodeTicker(topic, payload)
    case 'bbo': return decodeBbo(topic, payload)
    case 'orderbook': return decodeBook(topic, payload)
    case 'trade': return decodeTrade(topic, payload)
    case 'status': return decodeStatus(topic, payload)
  }
}
