import { describe, expect, it } from 'vitest'
import type { Status } from './status.ts'
import { judge, type FreshnessInputs } from './freshness.ts'

const report = (kind: string, state: string) => ({ kind, state }) as Status
const NOW = 1_000_000

function judged(change: Partial<FreshnessInputs>) {
  const inputs: FreshnessInputs = {
    connection: 'connected', connectedMs: NOW - 60_000, heardMs: NOW - 900, movedMs: NOW - 900, beat: 'candle',
    feed: report('feed', 'SYNCED'), clock: report('clock', 'live'), clockMs: NOW - 50_000, ...change,
  }
  const { state, cause } = judge(inputs, NOW)
  return cause ? `${state}: ${cause}` : state
}

describe('freshness', () => {
  it.each<[string, Partial<FreshnessInputs>, string]>([
    ['candles come', {}, 'live'],
    ['not yet three seconds', { heardMs: NOW - 2_999 }, 'live'],
    ['three seconds of silence', { heardMs: NOW - 3_000 }, 'stale: silence'],
    ['silence, and the bridge says why', { heardMs: NOW - 3_000, movedMs: NOW - 3_000, clock: report('clock', 'stale'), clockMs: NOW }, 'stale: clock'],
    ['silence because the feed is down', { heardMs: NOW - 9_000, feed: report('feed', 'DOWN') }, 'stale: feed'],
    ['silence in a gap', { heardMs: NOW - 9_000, feed: report('feed', 'GAP') }, 'stale: feed'],
    ['a gap that does not hold the clock', { feed: report('feed', 'GAP') }, 'live'],
    ['down before the silence', { feed: report('feed', 'DOWN') }, 'stale: feed'],
    ['clock stopped a moment ago', { clock: report('clock', 'stale'), clockMs: NOW - 100 }, 'stale: clock'],
    ['clock moved again, its report is overtaken', { clock: report('clock', 'stale'), clockMs: NOW - 5_000, movedMs: NOW - 200 }, 'live'],
    ['snapshot only, clock stopped long ago', { clock: report('clock', 'stale'), clockMs: NOW - 400, heardMs: NOW - 400, movedMs: undefined }, 'stale: clock'],
    ['connection lost', { connection: 'waiting' }, 'stale: connection'],
    ['connecting again', { connection: 'connecting' }, 'stale: connection'],
    ['first connection', { connection: 'connecting', heardMs: undefined }, 'waiting'],
    ['first connection failed', { connection: 'waiting', heardMs: undefined }, 'stale: connection'],
    ['just connected, nothing yet', { connectedMs: NOW - 500, heardMs: undefined }, 'waiting'],
    ['connected, and never anything', { connectedMs: NOW - 3_000, heardMs: undefined }, 'stale: silence'],
    ['back after an hour: silence counts from now', { connectedMs: NOW - 500, heardMs: NOW - 3_600_000 }, 'live'],
    ['a quiet ticker', { beat: 'ticker', heardMs: NOW - 6_999 }, 'live'],
    ['a ticker that is not even sent again', { beat: 'ticker', heardMs: NOW - 7_000 }, 'stale: silence'],
    ['a contract without 1s candles', { beat: 'none', heardMs: undefined }, 'live'],
    ['the same, its clock stopped', { beat: 'none', heardMs: undefined, movedMs: undefined, clock: report('clock', 'stale') }, 'stale: clock'],
  ])('%s', (_, change, expected) => expect(judged(change)).toBe(expected))
})
