import Binance from 'node-binance-api';
import { base, collect, passed, sameKlines, sameTrades, symbol, wanted, ws } from './compare.mjs';

const client = new Binance({
  urls: { base: base + '/api/', stream: ws + '/ws/', combineStream: ws + '/stream?streams=' },
  reconnect: false,
  log: () => {},
});
const trades = collect(wanted.trades);
const klines = collect(wanted.klines);
const asTrade = (t) => ({ id: t.a, p: t.p, q: t.q, f: t.f, l: t.l, T: t.T, m: t.m });
client.aggTradesStream(symbol, (t) => trades.add(asTrade(t))); // raw: /ws/<stream>
client.candlesticksStream([symbol], '1s', ({ k }) => { // combined
  if (k.x) klines.add([k.t, k.o, k.h, k.l, k.c, k.v]);
});
const streamedTrades = await trades.full;
const streamedKlines = await klines.full;
await client.useServerTime();
const answered = await client.aggTrades(symbol, { fromId: streamedTrades[0].id, limit: 1000 });
sameTrades(streamedTrades, answered.map((t) => (
  { id: t.aggId, p: t.price, q: t.quantity, f: t.firstId, l: t.lastId, T: t.timestamp, m: t.isBuyerMaker })));
const bars = await client.candlesticks(symbol, '1s', { startTime: streamedKlines[0][0], limit: 10 });
sameKlines(streamedKlines, bars.map((b) => [b.openTime, b.open, b.high, b.low, b.close, b.volume]));
const info = await client.exchangeInfo();
passed({ trades: streamedTrades.length, klines: streamedKlines.length, symbols: info.symbols.length });
