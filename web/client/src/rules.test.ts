import { describe, expect, it } from 'vitest'
import { Backoff } from './backoff.ts'
import {
  PERIODS, bboTopic, bookTopic, candleTopic, closedTopic, filterMatches, parseTopic, statusTopic, tickerTopic, tradeTopic,
} from './topics.ts'
import type { Trade } from './trade.ts'
import { CLOSED_REMEMBERED, ClosedRule, EventRule, StateRule, TRADES_REMEMBERED, compareVersions } from './version.ts'

const v = (epoch: number, t: number, seq: number) => ({ epoch, t, seq })

describe('topics', () => {
  it('builds what it parses, for every period', () => {
    for (const period of PERIODS) {
      expect(parseTopic(candleTopic('BTCUSDT', period))).toEqual({ product: 'candle', period, contract: 'BTCUSDT' })
      expect(parseTopic(closedTopic('BTCUSDT.BINANCE', period))).toEqual({ product: 'closed', period, contract: 'BTCUSDT.BINANCE' })
    }
    expect(parseTopic(tickerTopic('BTC-PERP'))).toEqual({ product: 'ticker', contract: 'BTC-PERP' })
    expect(parseTopic(bboTopic('BTCUSDT'))).toEqual({ product: 'bbo', contract: 'BTCUSDT' })
    expect(parseTopic(tradeTopic('BTCUSDT'))).toEqual({ product: 'trade', contract: 'BTCUSDT' })
    expect(parseTopic(bookTopic('BTCUSDT', '0.01'))).toEqual({ product: 'orderbook', resolution: '0.01', contract: 'BTCUSDT' })
    expect(parseTopic(statusTopic('binance', 'source'))).toEqual({ product: 'status', scope: 'binance', kind: 'source' })
  })

  it.each([
    '', 'candle', 'candle/1s', 'candle/2s/BTCUSDT', 'candle/1s/BTCUSDT/open', 'candle/1s/BTCUSDT/closed/x',
    'candle/1s/', 'candle/1s/a+b', 'status/x', 'status/x/y/z', 'ticker/BTCUSDT/x', 'ticker/', 'trade/+', 'orderbook/BTCUSDT', 'orderbook/0.01/BTCUSDT/x', 'refprice/BTC', 'CANDLE/1s/BTCUSDT',
  ])('does not know %j', (topic) => expect(parseTopic(topic)).toBeUndefined())

  it.each(['', 'a/b', '#', 'a+', 'a\u0000'])('builds no topic of %j', (name) => {
    expect(() => candleTopic(name, '1m')).toThrow(RangeError)
    expect(() => statusTopic('BTCUSDT', name)).toThrow(RangeError)
  })

  it('matches filters level by level', () => {
    expect(filterMatches('candle/+/BTCUSDT', 'candle/1m/BTCUSDT')).toBe(true)
    expect(filterMatches('candle/+/BTCUSDT', 'candle/1m/BTCUSDT/closed')).toBe(false)
    expect(filterMatches('candle/+/BTCUSDT/closed', 'candle/1m/BTCUSDT/closed')).toBe(true)
    expect(filterMatches('candle/1s/BTCUSDT', 'candle/1s/ETHUSDT')).toBe(false)
  })
})

describe('the version rule', () => {
  it('orders by epoch, then t, then seq', () => {
    const sorted = [v(1, 0, 9), v(1, 60, 1), v(1, 60, 2), v(2, 0, 0)]
    for (let i = 0; i < sorted.length; i++) {
      for (let j = 0; j < sorted.length; j++) {
        expect(Math.sign(compareVersions(sorted[i]!, sorted[j]!))).toBe(Math.sign(i - j))
      }
    }
  })

  it('keeps on state topics only what is greater', () => {
    const rule = new StateRule()
    const steps: [ReturnType<typeof v>, boolean][] = [
      [v(1, 60, 5), true], [v(1, 60, 5), false], [v(1, 0, 9), false], [v(1, 60, 6), true], [v(2, 0, 1), true], [v(1, 120, 7), false],
    ]
    for (const [version, kept] of steps) expect(rule.accept(version)).toBe(kept)
  })

  it('judges closed candles per open time', () => {
    const rule = new ClosedRule()
    const steps: [ReturnType<typeof v>, boolean][] = [
      [v(1, 60, 5), true], [v(1, 120, 9), true], [v(1, 60, 5), false],
      [v(1, 60, 12), true], // a revision of an older candle
      [v(1, 120, 9), false], // the newest sent again after it
      [v(2, 60, 1), true], [v(1, 60, 99), false],
    ]
    for (const [version, kept] of steps) expect(rule.accept(version)).toBe(kept)
  })

  it('remembers the newest 128 open times and refuses what it cannot judge', () => {
    const rule = new ClosedRule()
    for (let t = 1; t <= CLOSED_REMEMBERED; t++) expect(rule.accept(v(1, t, t))).toBe(true)
    expect(rule.accept(v(9, 0, 9))).toBe(false)
    expect(rule.accept(v(1, 1, 2))).toBe(true) // the oldest is still known
    expect(rule.accept(v(1, 200, 200))).toBe(true)
    expect(rule.accept(v(9, 1, 9))).toBe(false) // forgotten for it
    expect(rule.accept(v(9, 2, 9))).toBe(true)
  })

  it('fills a hole between remembered open times', () => {
    const rule = new ClosedRule()
    for (let t = 10; t < 10 + 2 * CLOSED_REMEMBERED; t += 2) rule.accept(v(1, t, 1))
    expect(rule.accept(v(1, 101, 1))).toBe(true)
    expect(rule.accept(v(1, 10, 2))).toBe(false)
    expect(rule.accept(v(1, 12, 1))).toBe(false)
    expect(rule.accept(v(1, 12, 2))).toBe(true)
  })
})

describe('the rule of trades', () => {
  const trade = (epoch: number, seq: number, a: number, change: Partial<Trade> = {}) => {
    const value = { k: 'trade', epoch, seq, a, ts: a, p: '1', qty: '1', ...change } as Trade
    return [v(epoch, 0, seq), value] as const
  }

  it('takes every event once, and counts by id what is missing before it', () => {
    const rule = new EventRule()
    const steps: [ReturnType<typeof trade>, boolean, number][] = [
      [trade(1, 5, 70), true, 0], [trade(1, 9, 71), true, 0], [trade(1, 9, 71), false, 0], [trade(1, 5, 70), false, 0],
      [trade(1, 12, 75), true, 3],
      [trade(1, 13, 71, { k: 'correction', p: '2' } as Partial<Trade>), true, 0],
      [trade(1, 14, 71, { k: 'correction', p: '3' } as Partial<Trade>), true, 0],
      [trade(1, 15, 71, { k: 'correction', p: '2' } as Partial<Trade>), true, 0], // back again
      [trade(1, 16, 71, { k: 'bust' }), true, 0],
      [trade(1, 17, 76), true, 0],
    ]
    for (const [[version, value], kept, missed] of steps) {
      expect(rule.accept(version, value)).toBe(kept)
      if (kept) expect(rule.missed).toBe(missed)
    }
  })

  it('knows a trade again where the counting begins again, and another trade under its id', () => {
    const rule = new EventRule()
    rule.accept(...trade(1, 500, 70))
    expect(rule.accept(...trade(2, 1, 70))).toBe(false)
    expect(rule.accept(...trade(2, 2, 90))).toBe(true)
    expect(rule.missed).toBe(0) // nothing can be said across epochs
    expect(rule.accept(...trade(3, 1, 70, { p: '7' } as Partial<Trade>))).toBe(true)
  })

  it('remembers a bounded number', () => {
    const rule = new EventRule()
    for (let a = 0; a <= TRADES_REMEMBERED; a++) rule.accept(...trade(1, a, a))
    expect(rule.accept(...trade(2, 0, 0))).toBe(true) // forgotten
    expect(rule.accept(...trade(2, 1, TRADES_REMEMBERED))).toBe(false)
  })
})

describe('backoff', () => {
  it('doubles to its limit, takes up to half off, and begins again after a stable connection', () => {
    const options = { minMs: 100, maxMs: 1_000, stableMs: 5_000 }
    const high = new Backoff(options, () => 1)
    expect([0, 0, 0, 0, 0].map((lived) => high.nextMs(lived))).toEqual([100, 200, 400, 800, 1_000])
    expect(high.nextMs(4_999)).toBe(1_000)
    expect(high.nextMs(5_000)).toBe(100)
    expect(new Backoff(options, () => 0).nextMs(0)).toBe(50)
  })
})
