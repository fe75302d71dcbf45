// Shared by the scripts: each reads trades and klines of one symbol, the book and the ticker of another, over WebSocket and REST and compares them.
// Output: one line of JSON.
import assert from 'node:assert/strict';

export const base = process.argv[2];
export const ws = base.replace(/^http/, 'ws');
export const symbol = 'BTCUSDT';
export const bookSymbol = 'ETHUSDT'; // a quiet one: between two diffs there are moments in which REST says what the diffs say
export const wanted = { trades: 30, klines: 2 };

const limitMs = 60_000;
setTimeout(() => {
  console.error(`not enough within ${limitMs} ms`);
  process.exit(2);
}, limitMs).unref();

/** A promise that is kept when add has been called n times; its value are the arguments. Later calls change nothing. */
export function collect(n) {
  const items = [];
  let done;
  const full = new Promise((resolve) => (done = resolve));
  return {
    add(item) {
      if (items.length === n) return; // what comes later is not awaited, and REST is asked meanwhile
      items.push(item);
      if (items.length === n) done(items);
    },
    full,
  };
}

/** Both are lists of objects with an id; those of `streamed` must be contiguous, and be answered by REST alike. */
export function sameTrades(streamed, answered) {
  const byID = new Map(answered.map((t) => [t.id, t]));
  streamed.forEach((t, i) => {
    if (i > 0) assert.equal(t.id, streamed[i - 1].id + 1, 'a hole in the stream');
    assert.deepEqual(t, byID.get(t.id), `trade ${t.id}`);
  });
}

/** Klines as [open time, o, h, l, c, v], texts or numbers. */
export function sameKlines(streamed, answered) {
  const byTime = new Map(answered.map((k) => [k[0], k]));
  for (const k of streamed) assert.deepEqual(k, byTime.get(k[0]), `kline ${k[0]}`);
}

const levels = (side, descending) => [...side].map(([p, q]) => [Number(p), Number(q)]).sort((a, b) => (descending ? b[0] - a[0] : a[0] - b[0]));

/**
 * The client's book is the exchange's, whenever both stand at the same update id, three times. nextBook waits for the client's next change of its book:
 * { id, bids, asks }, sides as lists or maps from price to quantity.
 */
export async function sameBooks(nextBook) {
  let equal = 0;
  let book = await nextBook();
  for (let tries = 0; equal < 3; tries++) {
    assert.ok(tries < 60, `${equal} moments with the same update id in ${tries}`);
    const answered = await (await fetch(`${base}/api/v3/depth?symbol=${bookSymbol}&limit=1000`)).json();
    while (book.id < answered.lastUpdateId) book = await nextBook();
    if (book.id !== answered.lastUpdateId) continue;
    assert.deepEqual(levels(book.bids, true), levels(answered.bids, true), `bids at ${book.id}`);
    assert.deepEqual(levels(book.asks, false), levels(answered.asks, false), `asks at ${book.id}`);
    assert.ok(answered.bids.length > 50 && answered.asks.length > 50, 'a thin book');
    equal++;
    book = await nextBook();
  }
  return book.id;
}

/** Waits in turn for what a callback hands over. */
export function mailbox() {
  const waiting = [];
  const items = [];
  return {
    put(item) {
      if (waiting.length > 0) waiting.shift()(item);
      else items.push(item);
    },
    next: () => (items.length > 0 ? Promise.resolve(items.shift()) : new Promise((resolve) => waiting.push(resolve))),
  };
}

/** Both as { last, open, high, low, volume, change, percent, average, bid, ask }, texts or numbers; asked again until no trade came between. */
export async function sameTickers(ask) {
  for (let tries = 0; ; tries++) {
    const [ours, theirs] = [await ask(), await (await fetch(`${base}/api/v3/ticker/24hr?symbol=${bookSymbol}`)).json()];
    const want = { last: theirs.lastPrice, open: theirs.openPrice, high: theirs.highPrice, low: theirs.lowPrice, volume: theirs.volume,
      change: theirs.priceChange, percent: theirs.priceChangePercent, average: theirs.weightedAvgPrice, bid: theirs.bidPrice, ask: theirs.askPrice };
    for (const k of Object.keys(want)) [ours[k], want[k]] = [Number(ours[k]), Number(want[k])];
    try {
      assert.deepEqual(ours, want);
      return;
    } catch (err) {
      if (tries === 20) throw err;
    }
  }
}

export function passed(what) {
  console.log(JSON.stringify(what));
  process.exit(0);
}
