// Shared by the scripts: each reads trades and klines of one symbol over WebSocket and REST and compares them. Output: one line of JSON.
import assert from 'node:assert/strict';

export const base = process.argv[2];
export const ws = base.replace(/^http/, 'ws');
export const symbol = 'BTCUSDT';
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

export function passed(what) {
  console.log(JSON.stringify(what));
  process.exit(0);
}
