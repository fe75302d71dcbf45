import type { Candle, Period } from '@tickcast/client'
import { Bars, MAX_BARS, type Bar } from './bars.ts'
import { MOST_KLINES, type History } from './history.ts'

/** Bars asked for to begin with, and per look to the left. */
const PAGE = 500
/** Waits between attempts when the history does not answer, or has not yet what is asked of it. */
const RETRY_MS = [500, 1_000, 2_000, 5_000, 15_000, 30_000]

/**
 * One period of one contract: live candles and their history, one series
 * without a seam. Live candles alone are shown when there is no history; holes
 * are asked for until they are closed. tend() is to be called now and then.
 */
export class Series {
  readonly bars = new Bars()
  readonly period: Period
  /** `away`: the last attempt failed. */
  state: 'new' | 'ready' | 'away' = 'new'
  private readonly contract: string
  private readonly history: History
  private readonly onChange: () => void
  /** The newest part has to be asked for, whatever is held. */
  private due = true
  private asking = false
  private attempts = 0
  private notBeforeMs = 0
  /** Holes up to here are the history's own. */
  private known = -Infinity
  private exhausted = false

  constructor(contract: string, period: Period, history: History, onChange: () => void) {
    this.contract = contract
    this.period = period
    this.history = history
    this.onChange = onChange
  }

  apply(candle: Candle): void {
    this.bars.upsert(candle)
  }

  /** Messages broke off, and begin again now. */
  broke(): void {
    this.bars.broke()
    this.due = true
    this.attempts = 0
    this.notBeforeMs = 0
  }

  /** Asks the history for what is missing at the right, if anything is, and not too often. */
  tend(nowMs: number): void {
    if (this.asking || nowMs < this.notBeforeMs) return
    const from = this.due ? undefined : this.bars.doubtful(this.known)
    if (!this.due && from === undefined) {
      this.attempts = 0
      return
    }
    const round = from === undefined ? PAGE : this.reach(from)
    this.ask(round, undefined, nowMs)
  }

  /** The reader has come near the left end. */
  older(nowMs: number): void {
    const first = this.bars.list[0]
    if (this.asking || this.exhausted || this.state !== 'ready' || !first || nowMs < this.notBeforeMs) return
    if (this.bars.list.length + PAGE > MAX_BARS - PAGE) return
    this.ask(PAGE, first.t - 1, nowMs)
  }

  /** How many bars back from the newest, and a few more. */
  private reach(t: number): number {
    const last = this.bars.last as Bar
    const bars = (last.t - t) / Math.max(1, last.T + 1 - last.t)
    return Math.min(MOST_KLINES, Math.ceil(bars) + 10)
  }

  private ask(limit: number, endMs: number | undefined, nowMs: number): void {
    this.asking = true
    const due = this.due
    if (endMs === undefined) this.due = false
    this.notBeforeMs = nowMs + (RETRY_MS[Math.min(this.attempts++, RETRY_MS.length - 1)] as number)
    this.history.klines(this.contract, this.period, limit, endMs).then((past) => {
      this.state = 'ready'
      const [first, last] = [past[0], past[past.length - 1]]
      if (endMs !== undefined) {
        this.attempts = 0
        this.notBeforeMs = 0
      }
      if (past.length < limit) this.exhausted = this.exhausted || !this.bars.list[0] || !first || first.t <= this.bars.list[0].t || endMs !== undefined
      if (!first || !last) return
      // What is held is too far back to be reached: it can be asked for again by scrolling there.
      if (endMs === undefined && past.length === limit && this.endsBefore(first.t)) {
        this.bars.dropBefore(first.t)
        this.exhausted = false
      }
      this.bars.merge(past)
      if (endMs === undefined) this.known = Math.max(this.known, last.t)
    }).catch(() => {
      if (this.state === 'new' || due) this.state = 'away'
      if (due) this.due = true
    }).finally(() => {
      this.asking = false
      this.onChange()
    })
  }

  /** Whether there is a hole between what was held before and `t`. */
  private endsBefore(t: number): boolean {
    let before: Bar | undefined
    for (const bar of this.bars.list) {
      if (bar.t >= t) break
      before = bar
    }
    return before !== undefined && before.T + 1 < t
  }
}
