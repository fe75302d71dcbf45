import Binance from 'node-binance-api';
import { base, bookSymbol, collect, mailbox, passed, sameBooks, sameKlines, sameTickers, sameTrades, symbol, wanted, ws } from './compare.mjs';

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

// The book: depthCache joins snapshot and diffs itself.
const books = mailbox();
client.depthCacheStream(bookSymbol, (_, { bids, asks }, context) => {
  if (context) books.put({ id: context.lastEventUpdateId, bids: Object.entries(bids), asks: Object.entries(asks) });
}, 1000);
const updateID = await sameBooks(books.next);
const asTicker = (t) => ({ last: t.lastPrice, open: t.openPrice, high: t.highPrice, low: t.lowPrice, volume: t.volume, change: t.priceChange,
  percent: t.priceChangePercent, average: t.weightedAvgPrice, bid: t.bidPrice, ask: t.askPrice });
await sameTickers(async () => asTicker(await client.prevDay(bookSymbol)));
const days = mailbox();
client.prevDayStream(bookSymbol, (_, t) => days.put(t));
const day = await days.next();
if (day.symbol !== bookSymbol || !(Number(day.high) >= Number(day.low))) throw new Error(`prevDayStream: ${JSON.stringify(day)}`);
passed({ updateID, trades: streamedTrades.length, klines: streamedKlines.length, symbols: info.symbols.length });
