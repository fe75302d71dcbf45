import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeEdge } from '../../test/fake-edge.ts'
import type { Client, Options } from './api.ts'
import { connect } from './client.ts'
import type { Candle } from './candle.ts'
import type { Status } from './status.ts'
import type { Freshness } from './freshness.ts'
import { candleTopic, closedTopic, statusTopic, tradeTopic, type Period } from './topics.ts'

let edge: FakeEdge
const clients: Client[] = []

beforeEach(async () => {
  edge = await FakeEdge.listen()
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await edge.close()
})

function client(options: Partial<Options> = {}): Client {
  const made = connect({ url: edge.url, backoff: { minMs: 5, maxMs: 20 }, ...options })
  clients.push(made)
  return made
}

function candle(seq: number, t = 60_000, change: Partial<Candle> = {}, i: Period = '1m'): string {
  return JSON.stringify({
    sv: 1, s: 'BTCUSDT', src: 'binance', epoch: 1, seq, ts: t, tsc: t, q: 'ok', i, t, T: t + 59_999,
    o: '1.00', h: '1.00', l: '1.00', c: '1.00', v: '0', qv: '0', n: 0, bv: '0', bqv: '0', f: -1, L: -1, x: false, rev: 0, fill: true, ...change,
  })
}

function feed(seq: number, state: string): string {
  return JSON.stringify({ sv: 1, s: 'BTCUSDT', src: 'binance', epoch: 1, seq, ts: 1, q: 'ok', kind: 'feed', state, since: 1, reason: '', last_id: 1 })
}

/** Waits for what must come; a busy machine may take its time. */
const soon = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 20 })

const m1 = candleTopic('BTCUSDT', '1m')
const m1closed = closedTopic('BTCUSDT', '1m')

describe('a client', () => {
  it('gets the retained value first, then what is newer, and never an older one', async () => {
    edge.publish(m1, candle(5))
    const got: string[] = []
    const tc = client()
    tc.candles('BTCUSDT', '1m', { onCandle: (c, meta) => got.push(`${c.seq}${meta.snapshot ? ' snapshot' : ''}`) })
    await soon(() => expect(got).toEqual(['5 snapshot']))
    for (const seq of [6, 4, 6, 7]) edge.publish(m1, candle(seq))
    await soon(() => expect(got).toEqual(['5 snapshot', '6', '7']))
    expect(tc.counters).toMatchObject({ received: 5, delivered: 3, notNewer: 2 })
  })

  it('gets a revision of an older closed candle', async () => {
    const got: number[][] = []
    const tc = client()
    tc.candles('BTCUSDT', '1m', { onClosed: (c) => got.push([c.t, c.rev]) })
    await soon(() => expect(edge.asked).toEqual([m1closed]))
    edge.publish(m1closed, candle(1, 60_000, { x: true }), 1)
    edge.publish(m1closed, candle(2, 120_000, { x: true }), 1)
    edge.publish(m1closed, candle(3, 60_000, { x: true, rev: 1 }), 1)
    edge.publish(m1closed, candle(2, 120_000, { x: true }), 1) // the newest is sent again behind it
    await soon(() => expect(tc.counters.received).toBe(4))
    expect(got).toEqual([[60_000, 0], [120_000, 0], [60_000, 1]])
  })

  it('counts what it cannot read, warns, and goes on', async () => {
    const warnings: string[] = []
    const got: number[] = []
    const tc = client({ onWarning: (text) => warnings.push(text) })
    tc.candles('BTCUSDT', '+', { onCandle: (c) => got.push(c.seq) })
    await soon(() => expect(edge.asked).toHaveLength(1))
    edge.publish(m1, 'not json')
    edge.publish(m1, candle(1).replace('"sv":1', '"sv":9'))
    edge.publish(m1, candle(1).replace('"c":"1.00"', '"c":"x"'))
    edge.publish(m1, candle(1).replace('BTCUSDT', 'ETHUSDT'))
    edge.publish('candle/7m/BTCUSDT', candle(1))
    edge.publish(m1, candle(2))
    await soon(() => expect(got).toEqual([2]))
    expect(tc.counters.bad).toEqual({ json: 1, schema: 1, field: 1, mismatch: 1, topic: 1 })
    expect(warnings).toHaveLength(5)
  })

  it('serves a second listener from what it holds, across filters', async () => {
    edge.publish(m1, candle(5))
    const tc = client()
    const first: number[] = []
    tc.candles('BTCUSDT', '1m', { onCandle: (c) => first.push(c.seq) })
    await soon(() => expect(first).toEqual([5]))
    const all: string[] = []
    tc.candles('BTCUSDT', '+', { onCandle: (c, meta) => all.push(`${c.seq} ${meta.snapshot}`) })
    await soon(() => expect(all).toEqual(['5 true']))
    edge.publish(m1, candle(6))
    await soon(() => expect(first).toEqual([5, 6]))
    expect(all).toEqual(['5 true', '6 false'])
  })

  it('leaves a filter with its last listener, and takes it up again with its retained value', async () => {
    const tc = client()
    const got: number[] = []
    const listener = { onCandle: (c: Candle) => void got.push(c.seq) }
    edge.publish(m1, candle(5))
    const one = tc.candles('BTCUSDT', '1m', listener)
    const two = tc.candles('BTCUSDT', '1m', {})
    await soon(() => expect(got).toEqual([5]))
    one.close()
    two.close()
    tc.candles('BTCUSDT', '1m', listener)
    await soon(() => expect(got).toEqual([5, 5]))
    expect(edge.asked).toEqual([m1, m1])
  })

  it('comes back after a cut, subscribes again and swallows what it has', async () => {
    const tc = client()
    const states: string[] = []
    const got: number[] = []
    tc.connection((c) => states.push(c.state))
    tc.candles('BTCUSDT', '1m', { onCandle: (c) => got.push(c.seq) })
    await soon(() => expect(edge.asked).toEqual([m1]))
    edge.publish(m1, candle(5))
    await soon(() => expect(got).toEqual([5]))
    edge.cut()
    await soon(() => expect(edge.asked).toEqual([m1, m1]))
    edge.publish(m1, candle(6))
    await soon(() => expect(got).toEqual([5, 6]))
    expect(states).toEqual(['connecting', 'connected', 'waiting', 'connecting', 'connected'])
    expect(tc.counters.notNewer).toBe(1) // the retained value of the second subscription
  })

  it('dials until there is somebody', async () => {
    const { port, url } = edge
    await edge.close()
    const tc = client({ url })
    const states: string[] = []
    tc.connection((c) => states.push(c.state))
    await soon(() => expect(states.filter((s) => s === 'waiting').length).toBeGreaterThan(2))
    edge = await FakeEdge.listen(port)
    await soon(() => expect(states.at(-1)).toBe('connected'))
  })

  it('hears of a refused filter and of a cleared topic', async () => {
    edge.refuse = (filter) => filter.startsWith('status/')
    const tc = client()
    const cleared: string[] = []
    tc.status('BTCUSDT', 'feed', () => {})
    tc.candles('BTCUSDT', '1m', { onCandle: () => {}, onCleared: (topic) => cleared.push(topic) })
    await soon(() => expect(tc.counters.refusedFilters).toBe(1))
    edge.publish(m1, candle(5))
    edge.publish(m1, '')
    await soon(() => expect(cleared).toEqual([m1]))
  })

  it('tells live from stale', async () => {
    const tc = client()
    const told: string[] = []
    tc.freshness('BTCUSDT', (f: Freshness) => told.push(f.cause ? `${f.state} ${f.cause}` : f.state))
    await soon(() => expect(edge.asked).toHaveLength(2))
    const second = (n: number) => edge.publish(candleTopic('BTCUSDT', '1s'), candle(n, n * 1_000, {}, '1s'))
    second(1)
    await soon(() => expect(told).toContain('live'))
    edge.publish(statusTopic('BTCUSDT', 'feed'), feed(1, 'DOWN'), 1)
    await soon(() => expect(told).toContain('stale feed'))
    edge.publish(statusTopic('BTCUSDT', 'feed'), feed(2, 'SYNCED'), 1)
    second(2)
    await soon(() => expect(told.lastIndexOf('live')).toBeGreaterThan(told.indexOf('stale feed')))
    await soon(() => expect(told.at(-1)).toBe('stale silence'))
    await edge.close()
    await soon(() => expect(told.at(-1)).toBe('stale connection'))
    edge = await FakeEdge.listen()
    expect(told[0]).toBe('waiting')
  })

  it('gives up a connection that takes everything and answers nothing', async () => {
    const tc = client()
    const reasons: string[] = []
    tc.connection((c) => reasons.push(c.reason))
    await soon(() => expect(edge.connects).toBe(1))
    edge.mute = true
    await soon(() => expect(reasons).toContain('no answer from the broker'))
  })

  it('delivers status', async () => {
    edge.publish(statusTopic('BTCUSDT', 'feed'), feed(1, 'SYNCED'), 1)
    const got: Status[] = []
    client().status('+', 'feed', (s) => got.push(s))
    await soon(() => expect(got.map((s) => s.state)).toEqual(['SYNCED']))
  })
  it('delivers trades as events: nothing of the past, none twice, and how many are missing', async () => {
    const trade = (seq: number, a: number, k = 'trade') => JSON.stringify({
      sv: 1, k, s: 'BTCUSDT', src: 'binance', epoch: 1, seq, ts: a, q: 'ok', p: '1.00', qty: '2', m: false, a, f: a, l: a,
    })
    const topic = tradeTopic('BTCUSDT')
    const tc = client()
    const got: string[] = []
    tc.trades('BTCUSDT', (t, meta) => got.push(`${t.k} ${t.a} ${meta.missed} ${meta.snapshot}`))
    await vi.waitFor(() => expect(edge.asked).toEqual([topic]))
    edge.event(topic, trade(1, 7))
    edge.event(topic, trade(3, 8))
    edge.event(topic, trade(3, 8))
    await vi.waitFor(() => expect(tc.counters.received).toBe(3))
    const late: number[] = []
    tc.trades('+', (t) => late.push(t.a))
    await vi.waitFor(() => expect(edge.asked).toHaveLength(2))
    edge.event(topic, trade(9, 12))
    edge.event(topic, trade(10, 8, 'bust'))
    await vi.waitFor(() => expect(late).toEqual([12, 8]))
    expect(got).toEqual(['trade 7 0 false', 'trade 8 0 false', 'trade 12 3 false', 'bust 8 0 false'])
    expect(tc.counters).toMatchObject({ missedTrades: 3, notNewer: 1 })
  })

  it('counts accepted connections, so that an owner knows when to ask history', async () => {
    const generations: number[] = []
    client().connection((c) => generations.push(c.generation))
    await vi.waitFor(() => expect(generations.at(-1)).toBe(1))
    edge.cut()
    await vi.waitFor(() => expect(generations.at(-1)).toBe(2))
  })
})
