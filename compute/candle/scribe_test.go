package candle

import (
	"bytes"
	"fmt"
	"time"

	"github.com/tickcast/tickcast/market"
)

// scribe writes the log of a contract, as ingest would.
type scribe struct {
	text    bytes.Buffer
	records []market.Record

	contract           string
	writer, epoch, seq int64
	trades             int64
	priceScale         int
	qtyScale           int
}

func (l *scribe) begin(about string) {
	l.contract, l.writer, l.epoch, l.priceScale, l.qtyScale = "BTCUSDT", 1, 1577977000000, 2, 6
	if about != "" {
		fmt.Fprintf(&l.text, "# %s\nstart 0\n", about)
	}
}

func (l *scribe) note(format string, args ...any) {
	fmt.Fprintf(&l.text, "# "+format+"\n", args...)
}

func ms(s string) int64 {
	for _, layout := range []string{"2006-01-02T15:04:05.000", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli()
		}
	}
	panic("not a time: " + s)
}

func (l *scribe) add(k market.Kind, eventMs int64, f func(*market.Record)) {
	l.seq++
	r := market.Record{Kind: k, Contract: l.contract, Source: "binance", Writer: l.writer, Epoch: l.epoch, Seq: l.seq, EventMs: eventMs, PriceScale: l.priceScale, QtyScale: l.qtyScale}
	if f != nil {
		f(&r)
	}
	l.records = append(l.records, r)
	fmt.Fprintf(&l.text, "%s\n", r.AppendJSON(nil))
}

func (l *scribe) open(eventMs int64)  { l.add(market.KindOpen, eventMs, nil) }
func (l *scribe) clock(eventMs int64) { l.add(market.KindClock, eventMs, nil) }

func (l *scribe) spec(eventMs int64, seeds int, periods ...market.Period) {
	if len(periods) == 0 {
		periods = market.Periods()
	}
	l.add(market.KindContract, eventMs, func(r *market.Record) {
		r.Spec = market.Spec{Seeds: seeds, Contract: market.Contract{ID: l.contract, Source: "binance", Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT",
			Tick: market.Unit{Scale: l.priceScale, Size: 1}, Step: market.Unit{Scale: l.qtyScale, Size: 1}, Period: periods}}
	})
}

// delist writes the contract's end.
func (l *scribe) delist(eventMs int64) {
	l.spec(eventMs, 0)
	r := &l.records[len(l.records)-1]
	before := r.AppendJSON(nil)
	r.Spec.Delisted = true
	l.text.Truncate(l.text.Len() - len(before) - 1)
	l.line("%s", r.AppendJSON(nil))
}

// trade writes a trade of one single trade; prices are in units of the scale.
func (l *scribe) trade(eventMs, price, qty int64, maker bool) {
	l.trades++
	id := l.trades
	l.add(market.KindTrade, eventMs, func(r *market.Record) {
		r.Trade = market.Trade{Price: price, Qty: qty, BuyerMaker: maker, AggID: id, FirstID: id, LastID: id}
	})
}

// seed writes a closed candle made of few numbers.
func (l *scribe) seed(p market.Period, openMs, price, qty int64) {
	l.add(market.KindSeed, openMs, func(r *market.Record) {
		c := &r.Seed
		*c = market.Candle{Period: p, OpenMs: openMs, Open: price, High: price + 30, Low: price - 20, Close: price + 10, Volume: market.Int128From(2 * qty), Trades: 2,
			QuoteVolume: market.Mul(price, 2*qty), BuyVolume: market.Int128From(qty), BuyQuoteVolume: market.Mul(price, qty)}
		l.trades += 2
		c.FirstID, c.LastID = l.trades-1, l.trades
	})
}

// minuteBefore writes a block of one day and one minute: the contract begins at minuteMs, with candles over a minute that lack the rest of the day.
func (l *scribe) minuteBefore(minuteMs int64, periods ...market.Period) {
	l.open(minuteMs)
	l.spec(minuteMs, 2, periods...)
	l.seed(market.Period1d, market.Period1d.OpenMs(minuteMs)-market.DayMs, 700000, 5000000)
	l.seed(market.Period1m, minuteMs-market.MinuteMs, 713900, 100000)
}

func (l *scribe) line(format string, args ...any) { fmt.Fprintf(&l.text, format+"\n", args...) }

// id sets the next trade's id.
func (l *scribe) id(n int64) *scribe {
	l.trades = n - 1
	return l
}

func (l *scribe) bust(eventMs, aggID int64) {
	l.add(market.KindBust, eventMs, func(r *market.Record) { r.Trade.AggID = aggID })
}

func (l *scribe) quality(eventMs int64, q market.Quality) {
	l.add(market.KindQuality, eventMs, func(r *market.Record) { r.Quality = q })
}
