package orderbook

import (
	"bytes"
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// scribe writes the log of a contract's books, as ingest would. Prices are in cents, quantities in thousandths.
type scribe struct {
	text    bytes.Buffer
	records []market.Record

	contract           string
	writer, epoch, seq int64
	update             int64
	priceScale         int
	books              []market.Unit
	depth              int
}

// at0 is the beginning of most scenarios.
const at0 = int64(1723161255000) // 2024-08-08T23:54:15Z

func (l *scribe) begin(about string) {
	l.contract, l.writer, l.epoch, l.update, l.priceScale, l.depth = "BTCUSDT", 1, 1723161250000, 100, 2, 3
	l.books = []market.Unit{{Scale: 2, Size: 1}, {Size: 1}, {Size: 10}}
	if about != "" {
		fmt.Fprintf(&l.text, "# %s\nstart 0\n", about)
	}
}

func (l *scribe) note(format string, args ...any) { fmt.Fprintf(&l.text, "# "+format+"\n", args...) }
func (l *scribe) line(format string, args ...any) { fmt.Fprintf(&l.text, format+"\n", args...) }

func (l *scribe) add(k market.Kind, eventMs int64, f func(*market.Record)) {
	l.seq++
	r := market.Record{Kind: k, Contract: l.contract, Source: "binance", Writer: l.writer, Epoch: l.epoch, Seq: l.seq, EventMs: eventMs, PriceScale: l.priceScale, QtyScale: 3}
	if f != nil {
		f(&r)
	}
	l.records = append(l.records, r)
	fmt.Fprintf(&l.text, "%s\n", r.AppendJSON(nil))
}

func (l *scribe) open(eventMs int64)  { l.add(market.KindOpen, eventMs, nil) }
func (l *scribe) clock(eventMs int64) { l.add(market.KindClock, eventMs, nil) }

func (l *scribe) quality(eventMs int64, q market.Quality) {
	l.add(market.KindQuality, eventMs, func(r *market.Record) { r.Quality = q })
}

func (l *scribe) spec(eventMs int64, delisted bool) {
	l.add(market.KindContract, eventMs, func(r *market.Record) {
		r.Spec = market.Spec{Delisted: delisted, Contract: market.Contract{ID: l.contract, Source: "binance", Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT",
			Tick: market.Unit{Scale: l.priceScale, Size: 1}, Step: market.Unit{Scale: 3, Size: 1}, Period: market.Periods(), Books: l.books, Depth: l.depth}}
	})
}

// pairs makes levels of price, quantity, price, quantity, …
func pairs(ns []int64) (ls []market.Level) {
	for i := 0; i < len(ns); i += 2 {
		ls = append(ls, market.Level{Price: ns[i], Qty: ns[i+1]})
	}
	return ls
}

type side []int64

func (l *scribe) snapshot(eventMs int64, b, a side) {
	l.add(market.KindSnapshot, eventMs, func(r *market.Record) {
		r.Book = market.BookChange{FirstID: l.update, LastID: l.update, Bids: pairs(b), Asks: pairs(a)}
	})
}

// diff is one of so many updates.
func (l *scribe) diff(eventMs, updates int64, b, a side) {
	first := l.update + 1
	l.update += updates
	l.add(market.KindDiff, eventMs, func(r *market.Record) {
		r.Book = market.BookChange{FirstID: first, LastID: l.update, Bids: pairs(b), Asks: pairs(a)}
	})
}

func (l *scribe) gap(eventMs, updates int64) {
	first := l.update + 1
	l.update += updates
	l.add(market.KindGap, eventMs, func(r *market.Record) { r.GapFrom, r.GapTo = first, l.update })
}

// usual opens the log with a small book around 100.00.
func (l *scribe) usual() {
	l.open(at0)
	l.spec(at0, false)
	l.snapshot(at0, side{9999, 1000, 9998, 2000, 9950, 500, 9901, 100, 9899, 50, 9000, 7}, side{10001, 1500, 10002, 100, 10100, 300, 10101, 20, 10999, 10})
}
