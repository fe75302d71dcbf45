/** Orders the messages of one topic. `t` is the candle's open time in ms, 0 for status. */
export interface Version {
  epoch: number
  t: number
  seq: number
}

/** Negative, zero or positive, as `a` is older than, equal to or newer than `b`. */
export function compareVersions(a: Version, b: Version): number {
  return a.epoch - b.epoch || a.t - b.t || a.seq - b.seq
}

/** What decides whether a message of one topic is kept; an accepted version is remembered. */
export interface VersionRule {
  accept(v: Version): boolean
}

/** The rule of topics that hold one value: only a greater version replaces it. */
export class StateRule implements VersionRule {
  private held: Version | undefined

  accept(v: Version): boolean {
    if (this.held && compareVersions(v, this.held) <= 0) return false
    this.held = v
    return true
  }
}

/** How many open times a closed topic remembers; the bridge remembers as many. */
export const CLOSED_REMEMBERED = 128

/**
 * The rule of `…/closed` topics: a version is compared with the one held for
 * the same `t`, so that a revision of an older candle passes. What is older
 * than all the remembered open times cannot be judged and is refused.
 */
export class ClosedRule implements VersionRule {
  private readonly held = new Map<number, Version>()
  private oldest = Infinity

  accept(v: Version): boolean {
    const known = this.held.get(v.t)
    if (known && compareVersions(v, known) <= 0) return false
    if (!known && this.held.size >= CLOSED_REMEMBERED) {
      if (v.t < this.oldest) return false
      this.held.delete(this.oldest)
      this.oldest = Math.min(...this.held.keys())
    }
    this.held.set(v.t, v)
    this.oldest = Math.min(this.oldest, v.t)
    return true
  }
}
