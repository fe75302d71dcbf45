import { describe, expect, it } from 'vitest'
import { decodeCandle } from './candle.ts'
import { decodeStatus } from './status.ts'
import type { CandleTopic, StatusTopic } from './topics.ts'

const topic: CandleTopic = { product: 'candle', period: '1m', contract: 'BTCUSDT' }
const candle =
  '{"sv":1,"s":"BTCUSDT","src":"binance","sim":true,"epoch":1763900000000,"seq":123,"ts":1763900012345,"tsc":1763900012346,"q":"ok",' +
  '"i":"1m","t":1763899980000,"T":1763900039999,"o":"7139.89","h":"7140.00","l":"7139.00","c":"7139.50","v":"0.067023",' +
  '"qv":"478.53684747","n":1,"bv":"0.000000","bqv":"0.00000000","f":222825297,"L":222825297,"x":false,"rev":0,"fill":false}'

const with_ = (change: object) => JSON.stringify({ ...JSON.parse(candle), ...change })

describe('candles', () => {
  it('keeps decimals as text and takes the version from epoch, t and seq', () => {
    const decoded = decodeCandle(topic, candle)
    expect(decoded).toMatchObject({
      ok: true,
      version: { epoch: 1763900000000, t: 1763899980000, seq: 123 },
      value: { o: '7139.89', v: '0.067023', sim: true, n: 1, x: false },
    })
  })

  it('takes absent sim as false, absent tsc as 0, and unknown fields as nothing', () => {
    const decoded = decodeCandle(topic, with_({ sim: undefined, tsc: undefined, later: 1 }))
    expect(decoded).toMatchObject({ ok: true, value: { sim: false, tsc: 0 } })
  })

  it.each([
    ['json', ''], ['json', '{"sv":1'], ['json', 'null'], ['json', '[]'], ['json', '7'],
    ['schema', with_({ sv: 2 })], ['schema', '{}'],
    ['mismatch', with_({ s: 'ETHUSDT' })], ['mismatch', with_({ i: '1s' })],
    ['field', with_({ o: 7139.89 })], ['field', with_({ o: '' })], ['field', with_({ o: '1e3' })], ['field', with_({ o: 'NaN' })],
    ['field', with_({ v: '1,5' })], ['field', with_({ t: '1' })], ['field', with_({ t: 1.5 })], ['field', with_({ seq: 2 ** 60 })],
    ['field', with_({ q: 'fine' })], ['field', with_({ x: 1 })], ['field', with_({ epoch: null })], ['field', with_({ T: 0 })],
    ['field', with_({ l: '7139.60' })], ['field', with_({ h: '7139.60' })],
  ])('refuses for %s: %s', (reason, payload) => {
    expect(decodeCandle(topic, payload)).toMatchObject({ ok: false, reason })
  })
})

describe('status', () => {
  const feed: StatusTopic = { product: 'status', scope: 'BTCUSDT', kind: 'feed' }
  const head = '{"sv":1,"s":"BTCUSDT","src":"binance","epoch":1763900000000,"seq":7,"ts":1763900000000,"q":"degraded","kind":"feed","state":"GAP","since":1763900000000,'

  it('knows missing from unknown, and no last id from one', () => {
    expect(decodeStatus(feed, `${head}"reason":"a \\"quoted\\" word","last_id":42,"missing":3}`)).toMatchObject({
      ok: true, version: { epoch: 1763900000000, t: 0, seq: 7 }, value: { state: 'GAP', lastId: 42, missing: 3, reason: 'a "quoted" word' },
    })
    expect(decodeStatus(feed, `${head}"reason":"","last_id":0}`)).toMatchObject({ ok: true, value: { lastId: undefined, missing: undefined } })
  })

  it('refuses a report of another kind or scope', () => {
    expect(decodeStatus({ ...feed, kind: 'clock' }, `${head}"reason":""}`)).toMatchObject({ ok: false, reason: 'mismatch' })
    expect(decodeStatus({ ...feed, scope: 'ETHUSDT' }, `${head}"reason":""}`)).toMatchObject({ ok: false, reason: 'mismatch' })
  })
})
