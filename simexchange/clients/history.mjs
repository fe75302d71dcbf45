// ccxt asks the exchange and Tickcast's history API the same questions about the same market, and must get the same answers.
// Arguments: URL of the exchange, URL of the history. Output: one line of JSON.
import assert from 'node:assert/strict';
import ccxt from 'ccxt';
import { base, bookSymbol, passed, symbol } from './compare.mjs';

const connect = async (url) => {
  const api = url + '/api/v3';
  const exchange = new ccxt.binance({
    options: { defaultType: 'spot', fetchMarkets: { types: ['spot'] } }, enableRateLimit: false,
    urls: { api: { public: api, private: api, v1: url + '/api/v1', sapi: url + '/sapi/v1' } },
  });
  exchange.has.fetchCurrencies = false;
  await exchange.loadMarkets();
  return exchange;
};
const [theirs, ours] = [await connect(base), await connect(process.argv[3])];
const both = (ask) => Promise.all([ask(theirs), ask(ours)]);

/** Asks until nothing changed between the two answers. */
async function same(what, ask, of = (x) => x) {
  for (let tries = 0; ; tries++) {
    const [want, got] = (await both(ask)).map(of);
    try {
      assert.deepEqual(got, want, what);
      return got;
    } catch (err) {
      if (tries === 100) throw err;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

let markets = 0;
for (const m of Object.values(theirs.markets)) {
  const mine = ours.markets[m.symbol];
  for (const k of ['id', 'base', 'quote', 'active', 'spot', 'precision']) assert.deepEqual(mine[k], m[k], `market ${m.symbol}: ${k}`);
  assert.equal(mine.limits.price.min, m.limits.price.min);
  assert.equal(mine.limits.amount.min, m.limits.amount.min);
  markets++;
}
assert.ok(markets >= 3);
const name = (id) => Object.values(theirs.markets).find((m) => m.id === id).symbol;
const quiet = name(bookSymbol);

// Candles: all that are closed. The newest one is under way, and the two ask at different moments.
let candles = 0;
for (const [period, limit] of [['1s', 5], ['1m', 500], ['1m', 1000], ['5m', 200], ['1h', 23], ['1d', 50], ['1w', 5]]) {
  for (const id of [symbol, bookSymbol]) {
    const [want, got] = (await both((x) => x.fetchOHLCV(name(id), period, undefined, limit))).map((rows) => rows.slice(0, -1));
    const known = new Map(want.map((row) => [row[0], row]));
    const shared = got.filter((row) => known.has(row[0]));
    assert.ok(shared.length >= limit - 3, `${id} ${period}: ${shared.length} of ${limit} candles are in both answers`);
    for (const row of shared) assert.deepEqual(row, known.get(row[0]), `${id} ${period} ${row[0]}`);
    for (let i = 1; i < got.length; i++) assert.equal(got[i][0] - got[i - 1][0], got[1][0] - got[0][0], `${id} ${period}: a hole or a double at ${got[i][0]}`);
    candles += shared.length;
  }
}
const since = Math.floor(Date.now() / 60_000) * 60_000 - 20 * 60_000;
const from = await same('klines since', (x) => x.fetchOHLCV(quiet, '1m', since, 10));
assert.equal(from.length, 10);
assert.equal(from[0][0], since);

// Trades, as rows of aggTrades.
const asTrades = (rows) => rows.map((t) => [t.id, t.timestamp, t.price, t.amount, t.side]);
const newest = await ours.fetchTrades(name(symbol), undefined, 20, { fetchTradesMethod: 'publicGetAggTrades' });
const trades = await same('aggTrades', (x) => x.fetchTrades(name(symbol), undefined, 20, { fetchTradesMethod: 'publicGetAggTrades', fromId: newest[0].id }), (rows) =>
  asTrades(rows).slice(0, newest.length));
assert.equal(trades.length, newest.length);

// The ticker, the best prices and the book, between two changes of the market.
const ticker = await same('ticker', (x) => x.fetchTicker(quiet), (t) => {
  const { last, open, high, low, baseVolume, quoteVolume, change, percentage, vwap, bid, ask, bidVolume, askVolume } = t;
  return { last, open, high, low, baseVolume, quoteVolume, change, percentage, vwap, bid, ask, bidVolume, askVolume };
});
assert.ok(ticker.last > 0 && ticker.bid < ticker.ask);
await same('bookTicker', (x) => x.fetchBidsAsks([quiet]), (t) => [t[quiet].bid, t[quiet].bidVolume, t[quiet].ask, t[quiet].askVolume]);
await same('price', (x) => x.fetchLastPrices([quiet]), (t) => t[quiet].price);
const book = await same('depth', (x) => x.fetchOrderBook(quiet, 20), (b) => [b.nonce, b.bids, b.asks]);
assert.equal(book[1].length, 20);

// Errors have the same names.
for (const [what, ask] of Object.entries({
  symbol: (x) => x.publicGetKlines({ symbol: 'NOPE', interval: '1m' }),
  interval: (x) => x.publicGetKlines({ symbol, interval: '7m' }),
  mandatory: (x) => x.publicGetKlines({ interval: '1m' }),
  illegal: (x) => x.publicGetAggTrades({ symbol, fromId: 'x' }),
  combination: (x) => x.publicGetAggTrades({ symbol, fromId: 1, startTime: 1 }),
  limit: (x) => x.publicGetDepth({ symbol, limit: 0 }),
})) {
  const [want, got] = await both((x) => ask(x).then(() => 'no error', (err) => `${err.constructor.name} ${err.message}`));
  assert.ok(want !== 'no error', what);
  assert.equal(got, want, what);
}
passed({ version: ccxt.version, markets, candles, trades: trades.length });
