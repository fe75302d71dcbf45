import type { Trade } from './trade.ts'

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
export interface VersionRule<T = unknown> {
  accept(v: Version, value: T): boolean
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

/** How many trades an event topic remembers by id. */
export const TRADES_REMEMBERED = 512

/**
 * The rule of trade topics: every event once. Within an epoch `seq` only
 * rises. Where the counting begins again, the trades around that moment can
 * come a second time under new numbers: they are known by id and content.
 */
export class EventRule implements VersionRule<Trade> {
  private readonly order = new StateRule()
  private readonly known = new Map<string, number>()
  private lastId: number | undefined
  private epoch: number | undefined
  /** How many trades are missing before the accepted one, as the ids say: 0 when none is, or when nothing can be said. */
  missed = 0

  accept(v: Version, trade: Trade): boolean {
    if (!this.order.accept(v)) return false
    this.missed = 0
    const key = trade.k === 'bust' ? `bust ${trade.a}` : `${trade.k} ${trade.a} ${trade.ts} ${trade.p} ${trade.qty}`
    if ((this.known.get(key) ?? v.epoch) !== v.epoch) return false
    this.known.set(key, v.epoch)
    for (const oldest of this.known.keys()) {
      if (this.known.size <= TRADES_REMEMBERED) break
      this.known.delete(oldest)
    }
    if (trade.k !== 'trade') return true
    if (this.epoch === v.epoch && this.lastId !== undefined) this.missed = Math.max(0, trade.a - this.lastId - 1)
    this.lastId = trade.a
    this.epoch = v.epoch
    return true
  }
}
