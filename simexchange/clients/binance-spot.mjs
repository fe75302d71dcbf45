import { Spot } from '@binance/spot';
import { base, collect, passed, sameKlines, sameTrades, symbol, wanted, ws } from './compare.mjs';

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
await connection.disconnect();
passed({ trades: streamedTrades.length, klines: streamedKlines.length, symbols: info.symbols.length, days: days.length, singles: singles.length });
