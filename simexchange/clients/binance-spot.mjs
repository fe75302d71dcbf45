import { Spot } from '@binance/spot';
import { base, bookSymbol, collect, mailbox, passed, sameBooks, sameKlines, sameTickers, sameTrades, symbol, wanted, ws } from './compare.mjs';

const client = new Spot({
  configurationRestAPI: { basePath: base, apiKey: '', apiSecret: '' },
  configurationWebsocketStreams: { wsURL: ws },
});
const connection = await client.websocketStreams.connect();
const trades = collect(wanted.trades);
const klines = collect(wanted.klines);
connection.aggTrade({ symbol }).on('message', (t) => trades.add({ id: Number(t.a), p: t.p, q: t.q, f: Number(t.f), l: Number(t.l), T: Number(t.T), m: t.m }));
connection.kline({ symbol, interval: '1s' }).on('message', ({ k }) => {
  if (k.x) klines.add([Number(k.t), k.o, k.h, k.l, k.c, k.v, Number(k.T), k.q, Number(k.n), k.V, k.Q]);
});
const streamedTrades = await trades.full;
const streamedKlines = await klines.full;

const rest = client.restAPI;
const aggTrades = await (await rest.aggTrades({ symbol, fromId: streamedTrades[0].id, limit: 1000 })).data();
sameTrades(streamedTrades, aggTrades.map((t) => ({ id: Number(t.a), p: t.p, q: t.q, f: Number(t.f), l: Number(t.l), T: Number(t.T), m: t.m })));
const rows = await (await rest.klines({ symbol, interval: '1s', startTime: streamedKlines[0][0], limit: 10 })).data();
sameKlines(streamedKlines, rows.map((r) => r.slice(0, 11)));
const info = await (await rest.exchangeInfo({ symbol })).data();
const days = await (await rest.klines({ symbol, interval: '1d', limit: 1000 })).data();
const singles = await (await rest.getTrades({ symbol, limit: 10 })).data();

// The book, joined as Binance prescribes ("How to manage a local order book correctly").
const diffs = mailbox();
connection.diffBookDepth({ symbol: bookSymbol, updateSpeed: '100ms' }).on('message', (d) => diffs.put(d));
let diff = await diffs.next();
const snapshot = await (await rest.depth({ symbol: bookSymbol, limit: 5000 })).data();
const book = { id: Number(snapshot.lastUpdateId), bids: new Map(snapshot.bids), asks: new Map(snapshot.asks) };
while (Number(diff.u) <= book.id) diff = await diffs.next();
const updateID = await sameBooks(async () => {
  if (Number(diff.U) > book.id + 1) throw new Error(`diff ${diff.U} to ${diff.u} after ${book.id}`);
  for (const [side, changes] of [[book.bids, diff.b], [book.asks, diff.a]]) {
    for (const [price, quantity] of changes) Number(quantity) === 0 ? side.delete(price) : side.set(price, quantity);
  }
  book.id = Number(diff.u);
  diff = await diffs.next();
  return { id: book.id, bids: [...book.bids], asks: [...book.asks] };
});
const tops = mailbox();
connection.bookTicker({ symbol: bookSymbol }).on('message', (t) => tops.put(t));
connection.ticker({ symbol: bookSymbol }).on('message', (t) => tops.put(t));
connection.partialBookDepth({ symbol: bookSymbol, levels: 5 }).on('message', (t) => tops.put(t));
for (const seen = new Set(); seen.size < 3;) {
  const t = await tops.next();
  const [bid, ask] = t.bids ? [t.bids[0][0], t.asks[0][0]] : [t.b, t.a];
  if (!(Number(bid) < Number(ask))) throw new Error(`crossed: ${JSON.stringify(t)}`);
  seen.add(t.bids ? 'partial' : t.e ?? 'bookTicker');
}
const asTicker = (t) => ({ last: t.lastPrice, open: t.openPrice, high: t.highPrice, low: t.lowPrice, volume: t.volume, change: t.priceChange,
  percent: t.priceChangePercent, average: t.weightedAvgPrice, bid: t.bidPrice, ask: t.askPrice });
await sameTickers(async () => asTicker(await (await rest.ticker24hr({ symbol: bookSymbol })).data()));
const best = await (await rest.tickerBookTicker({ symbol: bookSymbol })).data();
const price = await (await rest.tickerPrice({ symbol: bookSymbol })).data();
if (!(Number(best.bidPrice) < Number(best.askPrice) && Number(price.price) > 0)) throw new Error(JSON.stringify([best, price]));
await connection.disconnect();
passed({ updateID, trades: streamedTrades.length, klines: streamedKlines.length, symbols: info.symbols.length, days: days.length, singles: singles.length });
