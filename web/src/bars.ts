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
  /** Version of the message; zeros for what only history has told. */
  epoch: number
  seq: number
  /** The round in which a message told it; 0: history. */
  round: number
}

/** A bar that history has told. */
export type Past = Pick<Bar, 't' | 'T' | 'open' | 'high' | 'low' | 'close' | 'volume' | 'trades' | 'closed'>

/** How many bars one period of one contract may hold, and how many go when it is full. */
export const MAX_BARS = 10_000
const TRIM = 500

/**
 * The bars of one period, in order of open time, from messages in any order:
 * per open time the greater (epoch, seq) stays, whether it came as newest
 * state or as closed candle. History has no versions: it fills what is missing
 * and replaces what was told before the messages last broke off.
 */
export class Bars {
  readonly list: Bar[] = []
  /** Counts the times since which messages came without a break. */
  private round = 1
  /** First index changed since take(), or the list's length. */
  private changedFrom = 0
  private rewritten = false
  /** Up to this open time no bar is doubtful. */
  private sound = -Infinity

  /** False when what is held is not older. */
  upsert(candle: Candle): boolean {
    const at = this.search(candle.t)
    const held = this.list[at]
    const bar = toBar(candle, this.round)
    if (held && held.t === candle.t) {
      if (!newer(bar, held)) return false
      // History can be ahead of the messages by a few trades: they will come.
      if (held.round === 0 && !bar.closed && bar.trades < held.trades) return false
    }
    this.put(at, bar)
    if (this.list.length > MAX_BARS) this.drop(TRIM)
    return true
  }

  /** Joins bars of the history, in order of open time. What the running round of messages has told stays. */
  merge(past: Past[]): void {
    for (const bar of past) {
      const at = this.search(bar.t)
      const held = this.list[at]?.t === bar.t ? this.list[at] : undefined
      if (held && held.round === this.round) continue
      if (held && same(held, bar)) continue
      this.put(at, { ...bar, epoch: held?.epoch ?? 0, seq: held?.seq ?? 0, round: 0 })
    }
  }

  /** Messages broke off: what is held is no longer known to be the newest. */
  broke(): void {
    this.round++
  }

  /** What is older than `t` goes. */
  dropBefore(t: number): void {
    this.drop(this.search(t))
  }

  /**
   * The first open time of what needs a look into the history: a hole behind
   * it, or it never closed though a later one has begun. Holes up to `known`
   * are the history's own and no reason to ask.
   */
  doubtful(known: number): number | undefined {
    for (let i = this.search(this.sound); i + 1 < this.list.length; i++) {
      const [bar, next] = [this.list[i] as Bar, this.list[i + 1] as Bar]
      if (next.t > known && (next.t !== bar.T + 1 || !bar.closed)) return bar.t
      this.sound = next.t
    }
    return undefined
  }

  get last(): Bar | undefined {
    return this.list[this.list.length - 1]
  }

  at(t: number): Bar | undefined {
    const bar = this.list[this.search(t)]
    return bar?.t === t ? bar : undefined
  }

  /** What changed since the last take(); undefined when nothing did. `rewritten`: bars left, or came, at the front. */
  take(): { from: number; rewritten: boolean } | undefined {
    if (this.changedFrom >= this.list.length && !this.rewritten) return undefined
    const change = { from: this.changedFrom, rewritten: this.rewritten }
    this.changedFrom = this.list.length
    this.rewritten = false
    return change
  }

  private put(at: number, bar: Bar): void {
    if (this.list[at]?.t === bar.t) this.list[at] = bar
    else {
      if (at < this.list.length) {
        this.rewritten = true
        this.sound = Math.min(this.sound, this.list[at - 1]?.t ?? -Infinity)
      }
      this.list.splice(at, 0, bar)
    }
    this.changedFrom = Math.min(this.changedFrom, at)
  }

  private drop(count: number): void {
    if (count <= 0) return
    this.list.splice(0, count)
    this.changedFrom = 0
    this.rewritten = true
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

function same(a: Past, b: Past): boolean {
  return a.closed === b.closed && a.trades === b.trades && a.volume === b.volume &&
    a.open === b.open && a.high === b.high && a.low === b.low && a.close === b.close
}

function toBar(candle: Candle, round: number): Bar {
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
    round,
  }
}
