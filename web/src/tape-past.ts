import type { History } from './history.ts'
import { MAX_PRINTS, type Tape } from './tape.ts'

/** Waits between questions, longer while there is no answer. */
const RETRY_MS = [2_000, 2_000, 5_000, 15_000, 30_000]

/** Fills a tape with the trades that messages did not bring: those from before, and those that were missed. */
export class TapePast {
  private due = true
  private asking = false
  private attempts = 0
  private notBeforeMs = 0
  private readonly contract: string
  private readonly tape: Tape
  private readonly history: History
  private readonly onChange: () => void

  constructor(contract: string, tape: Tape, history: History, onChange: () => void) {
    this.contract = contract
    this.tape = tape
    this.history = history
    this.onChange = onChange
  }

  /** Trades are missing. */
  missed(): void {
    this.due = true
  }

  /** Messages broke off, and begin again now. */
  broke(): void {
    this.due = true
    this.attempts = 0
    this.notBeforeMs = 0
  }

  /** Asks, if there is something to ask for, and not too often. */
  tend(nowMs: number): void {
    if (!this.due || this.asking || nowMs < this.notBeforeMs) return
    this.due = false
    this.asking = true
    this.notBeforeMs = nowMs + (RETRY_MS[Math.min(this.attempts++, RETRY_MS.length - 1)] as number)
    this.history.trades(this.contract, MAX_PRINTS).then((past) => {
      this.tape.merge(past)
      this.attempts = 0
    }).catch(() => {
      this.due = true // the browser's console has the failed request
    }).finally(() => {
      this.asking = false
      this.onChange()
    })
  }
}
