import type { Candle } from '@tickcast/client'

/** A candle as the chart draws it. Numbers are for pixels; what is read as text is printed at the tick's decimals. */
export interface Bar {
  /** Open time, ms. */
  t: number
  /** Close time, ms: the next open time less 1. */
  T: number
  open: number
  high: number
  low: number
  close: number
  volume: number
  trades: number
  closed: boolean
  epoch: number
  seq: number
}

/** How many bars one period of one contract may hold, and how many go when it is full. */
export const MAX_BARS = 5_000
const TRIM = 500

/**
 * The bars of one period, in order of open time, from messages in any order:
 * per open time the greater (epoch, seq) stays, whether it came as newest
 * state or as closed candle.
 */
export class Bars {
  readonly list: Bar[] = []
  /** First index changed since take(), or the list's length. */
  private changedFrom = 0
  private trimmed = false

  /** False when what is held is not older. */
  upsert(candle: Candle): boolean {
    const at = this.search(candle.t)
    const held = this.list[at]
    const bar = toBar(candle)
    if (held && held.t === candle.t) {
      if (!newer(bar, held)) return false
      this.list[at] = bar
    } else {
      this.list.splice(at, 0, bar)
    }
    this.changedFrom = Math.min(this.changedFrom, at)
    if (this.list.length > MAX_BARS) {
      this.list.splice(0, TRIM)
      this.changedFrom = 0
      this.trimmed = true
    }
    return true
  }

  get last(): Bar | undefined {
    return this.list[this.list.length - 1]
  }

  at(t: number): Bar | undefined {
    const bar = this.list[this.search(t)]
    return bar?.t === t ? bar : undefined
  }

  /** What changed since the last take(); undefined when nothing did. `rewritten`: bars left at the front. */
  take(): { from: number; rewritten: boolean } | undefined {
    if (this.changedFrom >= this.list.length) return undefined
    const change = { from: this.changedFrom, rewritten: this.trimmed }
    this.changedFrom = this.list.length
    this.trimmed = false
    return change
  }

  /** The index of t, or where it belongs. New bars come at the end, so that is looked at first. */
  private search(t: number): number {
    const last = this.list[this.list.length - 1]
    if (!last || t > last.t) return this.list.length
    let low = 0
    let high = this.list.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.list[middle] as Bar).t < t) low = middle + 1
      else high = middle
    }
    return low
  }
}

function newer(a: Bar, b: Bar): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch
  if (a.seq !== b.seq) return a.seq > b.seq
  return a.closed && !b.closed
}

function toBar(candle: Candle): Bar {
  return {
    t: candle.t,
    T: candle.T,
    open: Number(candle.o),
    high: Number(candle.h),
    low: Number(candle.l),
    close: Number(candle.c),
    volume: Number(candle.v),
    trades: candle.n,
    closed: candle.x,
    epoch: candle.epoch,
    seq: candle.seq,
  }
}
