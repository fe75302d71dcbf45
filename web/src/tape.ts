import type { Trade } from '@tickcast/client'
import type { PastTrade } from './history.ts'

/** One line of the tape. */
export interface Print extends PastTrade {
  mark: 'none' | 'corrected' | 'busted'
  /** So many trades before it are missing. */
  missed: number
}

/** How many trades are kept. */
export const MAX_PRINTS = 200

/** The latest trades of one contract, newest first. */
export class Tape {
  readonly prints: Print[] = []
  /** Rises with each change. */
  version = 0

  add(trade: Trade, missed: number): void {
    this.version++
    if (trade.k === 'trade') {
      const print: Print = { id: trade.a, price: trade.p, quantity: trade.qty, timeMs: trade.ts, buy: !trade.m, mark: 'none', missed }
      const again = this.prints.findIndex(({ id, timeMs }) => id === print.id && timeMs === print.timeMs)
      if (again >= 0) this.prints[again] = print // history has told it already
      else this.prints.unshift(print)
      if (this.prints.length > MAX_PRINTS) this.prints.length = MAX_PRINTS
      return
    }
    const at = this.prints.findIndex((print) => print.id === trade.a)
    const held = this.prints[at]
    if (!held) return
    if (trade.k === 'bust') this.prints[at] = { ...held, mark: 'busted' }
    else this.prints[at] = { ...held, price: trade.p, quantity: trade.qty, buy: !trade.m, mark: 'corrected' }
  }

  /** Puts trades of the past under those that are there, and into the holes between them. */
  merge(past: PastTrade[]): void {
    const known = new Set(this.prints.map(({ id }) => id))
    const fresh = past.filter(({ id }) => !known.has(id))
    if (fresh.length === 0) return
    this.version++
    this.prints.push(...fresh.map((trade): Print => ({ ...trade, mark: 'none', missed: 0 })))
    this.prints.sort((a, b) => b.timeMs - a.timeMs || b.id - a.id)
    if (this.prints.length > MAX_PRINTS) this.prints.length = MAX_PRINTS
    for (const [i, print] of this.prints.entries()) {
      const before = this.prints[i + 1]
      if (print.missed > 0 && before) print.missed = Math.min(print.missed, Math.max(0, print.id - before.id - 1))
    }
  }

  clear(): void {
    this.prints.length = 0
    this.version++
  }
}
