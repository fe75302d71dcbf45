export interface BackoffOptions {
  /** The first delay, before jitter. */
  minMs: number
  /** No delay is longer. */
  maxMs: number
  /** A connection that lived this long ends the row of failures. */
  stableMs: number
}

export const DEFAULT_BACKOFF: BackoffOptions = { minMs: 500, maxMs: 15_000, stableMs: 10_000 }

/** Doubles from minMs to maxMs; jitter takes up to half off, so that clients do not return in step. */
export class Backoff {
  private failures = 0
  private readonly options: BackoffOptions
  private readonly random: () => number

  constructor(options: BackoffOptions, random: () => number = Math.random) {
    this.options = options
    this.random = random
  }

  /** The delay before the next attempt; `livedMs` is how long the connection that just ended had lived. */
  nextMs(livedMs: number): number {
    if (livedMs >= this.options.stableMs) this.failures = 0
    const full = Math.min(this.options.maxMs, this.options.minMs * 2 ** Math.min(this.failures, 20))
    this.failures++
    return Math.round(full * (0.5 + this.random() / 2))
  }
}
