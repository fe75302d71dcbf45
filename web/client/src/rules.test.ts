import { describe, expect, it } from 'vitest'
import { Backoff } from './backoff.ts'
import { candleTopic, closedTopic, filterMatches, parseTopic, statusTopic, PERIODS } from './topics.ts'
import { CLOSED_REMEMBERED, ClosedRule, StateRule, compareVersions } from './version.ts'

const v = (epoch: number, t: number, seq: number) => ({ epoch, t, seq })

describe('topics', () => {
  it('builds what it parses, for every period', () => {
    for (const period of PERIODS) {
      expect(parseTopic(candleTopic('BTCUSDT', period))).toEqual({ product: 'candle', period, contract: 'BTCUSDT' })
      expect(parseTopic(closedTopic('BTCUSDT.BINANCE', period))).toEqual({ product: 'closed', period, contract: 'BTCUSDT.BINANCE' })
    }
    expect(parseTopic(statusTopic('binance', 'source'))).toEqual({ product: 'status', scope: 'binance', kind: 'source' })
  })

  it.each([
    '', 'candle', 'candle/1s', 'candle/2s/BTCUSDT', 'candle/1s/BTCUSDT/open', 'candle/1s/BTCUSDT/closed/x',
    'candle/1s/', 'candle/1s/a+b', 'status/x', 'status/x/y/z', 'ticker/BTCUSDT', 'CANDLE/1s/BTCUSDT',
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
