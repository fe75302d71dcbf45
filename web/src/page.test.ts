import type { Candle } from '@tickcast/client'
import { describe, expect, it } from 'vitest'
import { Bars, MAX_BARS } from './bars.ts'
import { brokerURL, parseConfig } from './config.ts'
import { amount, atScale, compact, decimalsOf, duration, grouped, latency, percentOf, price, signOf, signedPercent, signedText } from './format.ts'
import { MAX_HOLE, missing } from './gaps.ts'
import { LatencyWindow } from './latency.ts'
import { periodName, periodOfKey } from './periods.ts'

function candle(t: number, seq: number, change: Partial<Candle> = {}): Candle {
  return {
    sv: 1, s: 'BTCUSDT', src: 'binance', sim: false, epoch: 1, seq, ts: t, tsc: t, q: 'ok', i: '1m', t, T: t + 59_999,
    o: '1', h: '2', l: '1', c: '2', v: '3', qv: '4', n: 1, bv: '0', bqv: '0', f: 1, L: 1, x: false, rev: 0, fill: false, ...change,
  }
}

describe('bars', () => {
  const times = (bars: Bars) => bars.list.map((bar) => bar.t)

  it('stay in order of open time, whatever order they come in', () => {
    const bars = new Bars()
    for (const t of [180, 60, 120, 240, 0]) bars.upsert(candle(t, 1))
    expect(times(bars)).toEqual([0, 60, 120, 180, 240])
    expect(bars.at(120)?.t).toBe(120)
    expect(bars.at(121)).toBeUndefined()
    expect(bars.last?.t).toBe(240)
  })

  it('keep the newer version of an open time, and the closed one of two equals', () => {
    const bars = new Bars()
    const steps: [number, Partial<Candle>, boolean][] = [
      [5, {}, true], [4, {}, false], [5, {}, false], [5, { x: true }, true], [5, {}, false], [6, { c: '1.5' }, true],
      [1, { epoch: 2 }, true], [99, {}, false],
    ]
    for (const [seq, change, kept] of steps) expect(bars.upsert(candle(0, seq, change))).toBe(kept)
    expect(bars.list).toHaveLength(1)
  })

  it('say from where the chart has to draw', () => {
    const bars = new Bars()
    expect(bars.take()).toBeUndefined()
    for (const t of [0, 60, 120]) bars.upsert(candle(t, 1))
    expect(bars.take()).toEqual({ from: 0, rewritten: false })
    expect(bars.take()).toBeUndefined()
    bars.upsert(candle(120, 2))
    bars.upsert(candle(180, 2))
    expect(bars.take()).toEqual({ from: 2, rewritten: false })
    bars.upsert(candle(60, 3, { rev: 1 }))
    expect(bars.take()).toEqual({ from: 1, rewritten: false })
  })

  it('are bounded, and forget the oldest', () => {
    const bars = new Bars()
    for (let t = 0; t <= MAX_BARS; t++) bars.upsert(candle(t, 1))
    expect(bars.list.length).toBeLessThanOrEqual(MAX_BARS)
    expect(bars.last?.t).toBe(MAX_BARS)
    expect(bars.take()).toMatchObject({ rewritten: true })
  })
})

describe('holes', () => {
  it('are the open times between, bounded; months have none', () => {
    expect(missing('1m', 0, 60_000)).toEqual([])
    expect(missing('1m', 0, 180_000)).toEqual([60_000, 120_000])
    expect(missing('1s', 0, 3_600_000)).toHaveLength(MAX_HOLE)
    expect(missing('1M', 0, 9e9)).toEqual([])
  })
})

describe('latency', () => {
  it('gives nearest ranks of the last minute', () => {
    const window = new LatencyWindow(60_000)
    expect(window.summary(0)).toBeUndefined()
    window.add(0, 9_999)
    for (let i = 1; i <= 100; i++) window.add(1_000, i)
    expect(window.summary(60_500)).toEqual({ p50: 50, p99: 99, count: 100 })
    expect(window.summary(61_000)).toBeUndefined()
  })

  it('keeps negative samples (a clock that is behind) and a bounded number', () => {
    const window = new LatencyWindow(60_000, 3)
    for (const ms of [1, -40, -30, -20]) window.add(0, ms)
    expect(window.summary(1)).toEqual({ p50: -30, p99: -20, count: 3 })
  })
})

describe('text', () => {
  it.each([
    [decimalsOf('0.01'), 2], [decimalsOf('1'), 0], [decimalsOf('0.00001'), 5],
    [grouped('97412.55'), '97,412.55'], [grouped('0.00123456'), '0.00123456'], [grouped('1234567'), '1,234,567'], [grouped('-1000.5'), '-1,000.5'],
    [price(97412.5, 2), '97,412.50'], [price(0.035, 5), '0.03500'],
    [compact(0), '0'], [compact(0.04213), '0.0421'], [compact(12.468), '12.47'], [compact(1234.5), '1.234K'], [compact(48_200_000), '48.20M'],
    [signedPercent(1.237), '+1.24%'], [signedPercent(-0.03), '−0.03%'], [signedPercent(-0.001), '0.00%'],
    [signedText('1762.38'), '+1,762.38'], [signedText('-0.40'), '−0.40'], [signedText('-0.00'), '0.00'],
    [percentOf(0.0004), '<0.001%'], [percentOf(0.0123), '0.012%'], [percentOf(0), '0.000%'],
    [atScale('91370.00', 0), '91370'], [atScale('64762.30000000', 1), '64762.3'], [atScale('12', 2), '12'],
    [amount(0.16041, 5), '0.16041'], [amount(12345.6, 1), '12,345.6'], [amount(85_714.2857, 4), '85.71K'],
    [signOf('+1%'), 'up'], [signOf('−1%'), 'down'], [signOf('0.00%'), 'none'],
    [latency(12.4), '12 ms'], [latency(1240), '1.24 s'], [latency(-35), '−35 ms'], [latency(61_000), '61.0 s'],
    [duration(4_900), '4 s'], [duration(180_000), '3 min'], [duration(7_200_000), '2 h'], [duration(5 * 86_400_000), '5 d'],
    [periodName('15m'), '15 minutes'], [periodName('1M'), '1 month'],
    [periodOfKey('1'), '1s'], [periodOfKey('0'), '6h'], [periodOfKey('a'), undefined],
  ])('%j', (got, wanted) => expect(got).toEqual(wanted))
})

describe('app.json', () => {
  const contract = { id: 'BTCUSDT', source: 'binance', simulated: true, base: 'BTC', quote: 'USDT', tick: '0.01', step: '0.00001', books: ['0.01'], periods: ['1m', '1s', '9x'] }
  const app = { version: 'v1', ws: { port: 8083, path: '/mqtt' }, contracts: [contract] }

  it('is read strictly, with the periods in order', () => {
    expect(parseConfig(app).contracts[0]).toEqual({ ...contract, periods: ['1s', '1m'] })
  })

  it('may leave open whether a market is simulated', () => {
    expect(parseConfig({ ...app, contracts: [{ ...contract, simulated: undefined }] }).contracts[0]?.simulated).toBeUndefined()
  })

  it.each([
    ['app.json is not an object', null],
    ['ws is not an object', { ...app, ws: undefined }],
    ['ws.port is not a number', { ...app, ws: { port: '8083', path: '/mqtt' } }],
    ['contracts is not a list', { ...app, contracts: {} }],
    ['tick is not a string', { ...app, contracts: [{ ...contract, tick: 0.01 }] }],
  ])('%s', (message, json) => expect(() => parseConfig(json)).toThrow(message))

  it('leads to the broker on the host of the page', () => {
    const parsed = parseConfig(app)
    expect(brokerURL(parsed, { protocol: 'http:', hostname: 'localhost' })).toBe('ws://localhost:8083/mqtt')
    expect(brokerURL(parsed, { protocol: 'https:', hostname: 'md.example' })).toBe('wss://md.example:8083/mqtt')
  })
})
