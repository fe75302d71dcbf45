import ccxt from 'ccxt';
import { base, bookSymbol, passed, sameBooks, sameKlines, sameTickers, sameTrades, symbol, wanted, ws } from './compare.mjs';

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

// The book: ccxt joins snapshot and diffs itself.
const other = Object.values(markets).find((m) => m.id === bookSymbol).symbol;
const updateID = await sameBooks(async () => {
  const { nonce, bids, asks } = await exchange.watchOrderBook(other, 1000);
  return { id: nonce, bids: [...bids], asks: [...asks] };
});
const fetched = await exchange.fetchOrderBook(other, 5);
if (fetched.bids.length !== 5 || !(fetched.bids[0][0] < fetched.asks[0][0])) throw new Error(`fetchOrderBook: ${JSON.stringify(fetched)}`);
const asTicker = (t) => ({ last: t.last, open: t.open, high: t.high, low: t.low, volume: t.baseVolume, change: t.change, percent: t.percentage,
  average: t.vwap, bid: t.bid, ask: t.ask });
await sameTickers(async () => asTicker(await exchange.fetchTicker(other)));
const watched = await exchange.watchTicker(other);
if (!(watched.last > 0 && watched.high >= watched.low)) throw new Error(`watchTicker: ${JSON.stringify(watched)}`);
await exchange.close();
passed({ updateID, version: ccxt.version, trades: trades.length, klines: 2, minutes: minutes.length, markets: Object.keys(markets).length });
