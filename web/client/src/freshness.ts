import type { Status } from './status.ts'
import type { Connection } from './link.ts'

/** What a contract's life is read from. `none`: only status and connection say something. */
export type Beat = 'candle' | 'ticker' | 'none'

/**
 * After this long without its beat a contract is stale. A 1s candle comes every
 * second, trades or not; a ticker with each trade, and unchanged every 3 s.
 */
export const SILENCE_MS: Record<Exclude<Beat, 'none'>, number> = { candle: 3_000, ticker: 7_000 }

/** Why a contract is not live; the first one is the most telling. */
export type StaleCause = 'connection' | 'feed' | 'clock' | 'silence'

export interface Freshness {
  /** `waiting`: nothing was received yet, and nothing says that it should have been. */
  state: 'waiting' | 'live' | 'stale'
  cause: StaleCause | undefined
  /** When the contract's beat was last heard, ms of Date.now(); undefined: never. */
  heardMs: number | undefined
  feed: Status | undefined
  clock: Status | undefined
}

export interface FreshnessInputs {
  connection: Connection['state']
  /** When this connection began: silence is not counted from before it. */
  connectedMs: number
  heardMs: number | undefined
  beat: Beat
  /** When a beat last came that was new, and not what a subscription begins with. */
  movedMs: number | undefined
  feed: Status | undefined
  clock: Status | undefined
  /** When `clock` was received. */
  clockMs: number
}

/** A stopped clock that moves again for this long was not stopped: its report is overtaken. */
const OVERTAKEN_MS = 1_500

/** Feed states in which what is shown can be older than the market. */
const FEED_LATE: ReadonlySet<string> = new Set(['DOWN', 'GAP', 'RECOVERING', 'INIT', 'BUFFERING'])

/** Pure: the same inputs at the same time give the same answer. */
export function judge(inputs: FreshnessInputs, nowMs: number): Freshness {
  const { heardMs, feed, clock } = inputs
  const as = (state: Freshness['state'], cause?: StaleCause): Freshness => ({ state, cause, heardMs, feed, clock })
  if (inputs.connection !== 'connected') {
    return heardMs === undefined && inputs.connection === 'connecting' ? as('waiting') : as('stale', 'connection')
  }
  const silent = inputs.beat !== 'none' && nowMs - Math.max(heardMs ?? 0, inputs.connectedMs) >= SILENCE_MS[inputs.beat]
  const stopped = clock?.state === 'stale' && (inputs.movedMs ?? 0) <= inputs.clockMs + OVERTAKEN_MS
  if (silent || stopped) {
    if (feed && FEED_LATE.has(feed.state)) return as('stale', 'feed')
    return as('stale', stopped ? 'clock' : 'silence')
  }
  if (feed?.state === 'DOWN') return as('stale', 'feed')
  return heardMs === undefined && inputs.beat !== 'none' ? as('waiting') : as('live')
}

export function sameFreshness(a: Freshness, b: Freshness): boolean {
  return a.state === b.state && a.cause === b.cause && a.feed === b.feed && a.clock === b.clock
}
