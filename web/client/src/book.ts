import {
  Bad, caught, contractOf, decimalText, envelope, integer, isDecimal, text, type Decoded, type Envelope, type Fields,
} from './fields.ts'
import type { BookTopic, ContractTopic } from './topics.ts'

/** Best bid and offer; a side without orders is null. */
export interface Bbo extends Envelope {
  /** Price and quantity of the best bid. */
  b: string | null
  B: string | null
  /** Price and quantity of the best ask. */
  a: string | null
  A: string | null
  /** The source's update id. */
  u: number
}

/** Price and quantity. */
export type Level = readonly [price: string, quantity: string]

/**
 * The whole order book at one price resolution, in each message. Quantities
 * are sums per bucket, bids rounded down and asks up; best first. With `q`
 * `stale` it is what was known before updates were lost.
 */
export interface Book extends Envelope {
  res: string
  /** The source's update id. */
  u: number
  b: Level[]
  a: Level[]
}

function side(fields: Fields, price: string, quantity: string): [string | null, string | null] {
  if (fields[price] === null && fields[quantity] === null) return [null, null]
  return [decimalText(fields, price), decimalText(fields, quantity)]
}

/** Never throws for a payload, whatever it holds. */
export function decodeBbo(topic: ContractTopic, payload: string): Decoded<Bbo> {
  return caught(() => {
    const { fields, head } = envelope(payload)
    contractOf(head, topic.contract)
    const [b, B] = side(fields, 'b', 'B')
    const [a, A] = side(fields, 'a', 'A')
    notCrossed(b, a)
    return { ok: true, value: { ...head, b, B, a, A, u: integer(fields, 'u') }, version: { epoch: head.epoch, t: 0, seq: head.seq } }
  })
}

function levels(fields: Fields, name: string): Level[] {
  const list = fields[name]
  if (!Array.isArray(list)) throw new Bad('field', `${name} is not a list`)
  for (const level of list) {
    if (!Array.isArray(level) || level.length !== 2 || !isDecimal(level[0]) || !isDecimal(level[1])) {
      throw new Bad('field', `${name} has a level that is not [price, quantity]`)
    }
  }
  return list as Level[]
}

function notCrossed(bid: string | null | undefined, ask: string | null | undefined): void {
  if (bid && ask && Number(bid) >= Number(ask)) throw new Bad('field', `bid ${bid} is not under ask ${ask}`)
}

/** Never throws for a payload, whatever it holds. */
export function decodeBook(topic: BookTopic, payload: string): Decoded<Book> {
  return caught(() => {
    const { fields, head } = envelope(payload)
    contractOf(head, topic.contract)
    const res = text(fields, 'res')
    if (res !== topic.resolution) throw new Bad('mismatch', `resolution ${res} on the topic of ${topic.resolution}`)
    const value: Book = { ...head, res, u: integer(fields, 'u'), b: levels(fields, 'b'), a: levels(fields, 'a') }
    notCrossed(value.b[0]?.[0], value.a[0]?.[0])
    return { ok: true, value, version: { epoch: head.epoch, t: 0, seq: head.seq } }
  })
}
