// Follows one contract: candle, closed candles, order book, trades.
// node follow.mjs [edge] [rest] [contract] [period] [resolution]
import mqtt from 'mqtt'

const [edge = 'mqtt://localhost:1883', rest = 'http://localhost:8080', contract = 'BTCUSDT', period = '1m', resolution = '1'] = process.argv.slice(2)
const candleTopic = `candle/${period}/${contract}`
const closedTopic = `${candleTopic}/closed`
const bookTopic = `orderbook/${resolution}/${contract}`
const tradeTopic = `trade/${contract}`

const held = new Map() // by topic: the newest message
const closed = new Map() // by open time: version and close
let asked = true // REST was asked for closed candles since the connection began
let newest // the newest closed candle
let lastId // of the newest trade

const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
const plain = (decimal) => (decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal) // REST has 8 decimals
const isNewer = (m, than) => !than || (m.epoch - than.epoch || (m.t ?? 0) - (than.t ?? 0) || m.seq - than.seq) > 0

function receive(topic, m) {
  if (topic === closedTopic) return receiveClosed(m)
  if (!isNewer(m, held.get(topic))) return
  held.set(topic, m)
  if (topic === candleTopic) console.log('candle', m.epoch, m.t, m.seq, m.c)
  if (topic === bookTopic) console.log('book', m.epoch, m.seq, m.b[0]?.[0], m.a[0]?.[0])
  if (topic === tradeTopic) receiveTrade(m)
}

function receiveClosed(m) {
  if (!isNewer(m, closed.get(m.t))) return // the rule holds per t
  closed.set(m.t, { epoch: m.epoch, t: m.t, seq: m.seq, close: plain(m.c) })
  console.log('closed', m.t, m.c, 'live')
  if (!asked || (newest && m.t > newest.T + 1)) {
    asked = true
    fillCandles((newest ?? m).t - 11 * 60_000, m) // candles up to ten minutes old may have been revised meanwhile
  }
  if (!newest || m.t >= newest.t) newest = m
}

async function fillCandles(from, message) {
  const { epoch, t: until, seq } = message
  while (from < until) {
    const rows = await ask('klines', { symbol: contract, interval: period, startTime: from, endTime: until, limit: 1000 })
    for (const [t, , , , close] of rows.slice(0, -1)) { // the last row may still be open
      const known = closed.get(t)
      const row = { epoch, t, seq, close: plain(close) } // it is as new as the message that made us ask
      if (!isNewer(row, known)) continue
      closed.set(t, row)
      if (known?.close !== row.close) console.log('closed', t, close, 'rest')
    }
    const end = rows.at(-1)?.[0] ?? from
    if (end <= from) await sleep(500) // REST is a moment behind
    from = end
  }
}

function receiveTrade(m) {
  if (m.k !== 'trade') return console.log(m.k, m.a) // a bust or a correction of trade a
  if (lastId !== undefined && m.a > lastId + 1) fillTrades(lastId + 1, m.a)
  lastId = m.a
  console.log('trade', m.a, m.p, 'live')
}

async function fillTrades(from, until) {
  while (from < until) {
    const rows = await ask('aggTrades', { symbol: contract, fromId: from, limit: Math.min(until - from, 1000) })
    for (const { a, p } of rows) if (a < until) console.log('trade', a, p, 'rest')
    if (rows.length > 0) from = rows.at(-1).a + 1
    else await sleep(500) // REST is a moment behind
  }
}

async function ask(what, query) {
  for (;;) {
    const res = await fetch(`${rest}/api/v3/${what}?${new URLSearchParams(query)}`).catch(() => undefined)
    if (res?.ok) return res.json()
    if (res && res.status < 429) throw new Error(`${what}: ${await res.text()}`)
    await sleep(1000 * Number(res?.headers.get('Retry-After') ?? 1)) // too many requests, or the server is away
  }
}

const client = mqtt.connect(edge, { protocolVersion: 5, clean: true, keepalive: 20, reconnectPeriod: 1000, resubscribe: false })
client.on('connect', () => {
  asked = false
  client.subscribe([candleTopic, closedTopic, bookTopic, tradeTopic], { qos: 1 }, (err, granted) => {
    for (const { topic, qos } of granted ?? []) if (qos > 2) throw new Error(`${topic} was refused, reason code ${qos}`)
  })
})
client.on('message', (topic, payload) => {
  if (payload.length > 0) receive(topic, JSON.parse(payload)) // empty: the contract was delisted
})
client.on('error', (err) => console.error(err.message))
