import { describe, expect, it } from 'vitest'
import { decode } from './decode.ts'
import { parseTopic, type Topic } from './topics.ts'

const head = '"s":"BTCUSDT","src":"binance","sim":true,"epoch":1763900000000,"seq":123,"ts":1763900012345,"q":"ok"'
const ticker = `{"sv":1,${head},"tsc":1763900012346,"o":"60000.00","h":"61000.00","l":"59000.50","c":"60500.10","p":"500.10","P":"0.834",` +
  '"w":"60210.12345678","v":"1234.56789","qv":"74333555.1234567","n":81234,"f":5,"L":81238,"O":1763813640000,"C":1763900012345}'
const bbo = `{"sv":1,${head},"tsc":1,"b":"60000.00","B":"0.50000","a":"60000.01","A":"1.25000","u":77}`
const book = `{"sv":1,${head},"tsc":1,"res":"1","u":77,"b":[["60000.00","0.50000"],["59999.00","2.00000"]],"a":[["60001.00","1.25000"]]}`
const trade = `{"sv":1,"k":"trade",${head},"w":1763800000000,"p":"60000.01","qty":"0.00300","m":true,"a":9,"f":11,"l":12}`

const at = (name: string) => parseTopic(name) as Topic
const version = { epoch: 1763900000000, t: 0, seq: 123 }
const change = (payload: string, to: object) => JSON.stringify({ ...JSON.parse(payload), ...to })

describe('the products', () => {
  it.each([
    ['ticker/BTCUSDT', ticker, { c: '60500.10', P: '0.834', n: 81234, O: 1763813640000 }],
    ['ticker/BTCUSDT', change(ticker, { p: '-500.10', P: '-0.834', f: -1, L: -1 }), { P: '-0.834', f: -1 }],
    ['bbo/BTCUSDT', bbo, { b: '60000.00', A: '1.25000', u: 77 }],
    ['bbo/BTCUSDT', change(bbo, { b: null, B: null }), { b: null, B: null, a: '60000.01' }],
    ['orderbook/1/BTCUSDT', book, { res: '1', b: [['60000.00', '0.50000'], ['59999.00', '2.00000']], a: [['60001.00', '1.25000']] }],
    ['orderbook/1/BTCUSDT', change(book, { b: [], a: [], q: 'stale' }), { q: 'stale', b: [], a: [] }],
    ['trade/BTCUSDT', trade, { k: 'trade', p: '60000.01', qty: '0.00300', m: true, a: 9, tsc: 0 }],
    ['trade/BTCUSDT', change(trade, { k: 'correction' }), { k: 'correction', a: 9 }],
    ['trade/BTCUSDT', `{"sv":1,"k":"bust",${head},"w":1,"a":9}`, { k: 'bust', a: 9 }],
  ])('reads %s: %s', (topic, payload, value) => {
    expect(decode(at(topic), payload)).toMatchObject({ ok: true, version, value })
  })

  it.each([
    ['ticker/BTCUSDT', 'mismatch', change(ticker, { s: 'ETHUSDT' })],
    ['ticker/BTCUSDT', 'field', change(ticker, { w: 1 })],
    ['ticker/BTCUSDT', 'field', change(ticker, { O: undefined })],
    ['bbo/BTCUSDT', 'mismatch', change(bbo, { s: 'ETHUSDT' })],
    ['bbo/BTCUSDT', 'field', change(bbo, { b: null })],
    ['bbo/BTCUSDT', 'field', change(bbo, { b: '60000.01' })],
    ['orderbook/1/BTCUSDT', 'mismatch', change(book, { res: '10' })],
    ['orderbook/1/BTCUSDT', 'field', change(book, { b: undefined })],
    ['orderbook/1/BTCUSDT', 'field', change(book, { b: [['60000.00']] })],
    ['orderbook/1/BTCUSDT', 'field', change(book, { a: [['60001.00', 1]] })],
    ['orderbook/1/BTCUSDT', 'field', change(book, { a: [['60000.00', '1']] })],
    ['orderbook/1/BTCUSDT', 'json', '[['],
    ['trade/BTCUSDT', 'field', change(trade, { k: 'clock' })],
    ['trade/BTCUSDT', 'field', change(trade, { m: 'true' })],
    ['trade/BTCUSDT', 'field', change(trade, { k: 'bust', a: undefined })],
    ['trade/BTCUSDT', 'schema', change(trade, { sv: 2 })],
  ])('refuses on %s for %s: %s', (topic, reason, payload) => {
    expect(decode(at(topic), payload)).toMatchObject({ ok: false, reason })
  })
})
