import ccxt from 'ccxt';
import { base, passed, sameKlines, sameTrades, symbol, wanted, ws } from './compare.mjs';

const api = base + '/api/v3';
const exchange = new ccxt.pro.binance({
  options: { defaultType: 'spot', fetchMarkets: { types: ['spot'] } },
  urls: { api: { public: api, private: api, v1: base + '/api/v1', sapi: base + '/sapi/v1', ws: { spot: ws + '/ws', margin: ws + '/ws' } } },
});
exchange.has.fetchCurrencies = false;
exchange.newUpdates = true;
await exchange.loadHttpProxyAgent(); // without it ccxt refuses ws://
const markets = await exchange.loadMarkets();
const market = Object.values(markets).find((m) => m.id === symbol).symbol;
const asTrade = (t) => ({ id: Number(t.id), timestamp: t.timestamp, price: t.price, amount: t.amount, side: t.side });

async function watch(name) {
  const got = [];
  while (got.length < wanted.trades) got.push(...(await exchange.watchTrades(market, undefined, undefined, { name })).map(asTrade));
  return got;
}

const trades = await watch('aggTrade');
sameTrades(trades, (await exchange.fetchTrades(market, undefined, 1000, { fetchTradesMethod: 'publicGetAggTrades', fromId: trades[0].id })).map(asTrade));

// Klines: the last update of a minute and the REST answer are of one log; the open one moves on, so the closed one is compared.
const first = (await exchange.watchOHLCV(market, '1s'))[0];
let second = first;
while (second[0] === first[0]) second = (await exchange.watchOHLCV(market, '1s'))[0];
const ohlcv = await exchange.fetchOHLCV(market, '1s', first[0], 10);
sameKlines([first, second], ohlcv);
const minutes = await exchange.fetchOHLCV(market, '1m', undefined, 500);
await exchange.close();
passed({ version: ccxt.version, trades: trades.length, klines: 2, minutes: minutes.length, markets: Object.keys(markets).length });
