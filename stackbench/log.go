//go:build linux

package stackbench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// clockEachMs: a clock record comes at most so long after a trade, and before the first trade of a new second, as from ingest.
const clockEachMs = 250

// contractLog writes one contract's log of trades as ingest would: a beginning with seeds, trades, clock records, sequence numbers without holes.
type contractLog struct {
	id      string
	epoch   int64 // also the writer's id
	seq     int64
	trades  int64
	price   int64
	clockMs int64 // of the last clock record
	random  *rand.Rand
	rec     market.Record
	value   []byte
	write   func(*contractLog) error // takes rec, and its JSON in value
}

// newLogs makes so many contracts. The writer gets one record at a time, and must copy what it keeps.
func newLogs(prefix string, n int, epoch int64, write func(*contractLog) error) []*contractLog {
	logs := make([]*contractLog, n)
	for i := range logs {
		logs[i] = &contractLog{id: fmt.Sprintf("%s%d", prefix, i), epoch: epoch, price: 6_183_763, random: rand.New(rand.NewPCG(1, uint64(i))), write: write}
	}
	return logs
}

func (l *contractLog) add(k market.Kind, eventMs int64, fill func(*market.Record)) error {
	const priceScale, qtyScale = 2, 5
	l.seq++
	l.rec = market.Record{Kind: k, Contract: l.id, Source: "binance", Simulated: true, Writer: l.epoch, Epoch: l.epoch, Seq: l.seq, EventMs: eventMs, PriceScale: priceScale, QtyScale: qtyScale}
	if fill != nil {
		fill(&l.rec)
	}
	l.value = l.rec.AppendJSON(l.value[:0])
	return l.write(l)
}

// begin writes the beginning, with seeds for a day and a minute before: from minuteMs on the log holds every trade.
func (l *contractLog) begin(minuteMs int64) error {
	l.clockMs = minuteMs
	if err := l.add(market.KindOpen, minuteMs, nil); err != nil {
		return err
	}
	unit := func(scale int) market.Unit { return market.Unit{Scale: scale, Size: 1} }
	err := l.add(market.KindContract, minuteMs, func(r *market.Record) {
		r.Spec = market.Spec{Seeds: 2, Contract: market.Contract{ID: l.id, Source: "binance", Symbol: l.id, Base: l.id, Quote: "USDT", Tick: unit(2), Step: unit(5), Period: market.Periods()}}
	})
	if err != nil {
		return err
	}
	if err := l.seed(market.Period1d, market.Period1d.OpenMs(minuteMs)-market.DayMs); err != nil {
		return err
	}
	return l.seed(market.Period1m, minuteMs-market.MinuteMs)
}

func (l *contractLog) seed(p market.Period, openMs int64) error {
	l.trades++
	return l.add(market.KindSeed, openMs, func(r *market.Record) {
		qty := int64(100_000)
		r.Seed = market.Candle{Period: p, OpenMs: openMs, Open: l.price, High: l.price + 30, Low: l.price - 20, Close: l.price + 10, Volume: market.Int128From(2 * qty), Trades: 1,
			QuoteVolume: market.Mul(l.price, 2*qty), BuyVolume: market.Int128From(qty), BuyQuoteVolume: market.Mul(l.price, qty), FirstID: l.trades, LastID: l.trades}
	})
}

// clock writes a clock record if one is due.
func (l *contractLog) clock(nowMs int64) error {
	second := market.Period1s.OpenMs(nowMs)
	if nowMs-l.clockMs < clockEachMs && second <= l.clockMs {
		return nil
	}
	l.clockMs = nowMs
	return l.add(market.KindClock, nowMs, nil)
}

// trade writes one trade, and before it the clock record that is due.
func (l *contractLog) trade(nowMs int64) error {
	if err := l.clock(nowMs); err != nil {
		return err
	}
	l.trades++
	l.price += l.random.Int64N(101) - 50
	return l.add(market.KindTrade, nowMs, func(r *market.Record) {
		r.Trade = market.Trade{Price: l.price, Qty: 1 + l.random.Int64N(2_000_000), BuyerMaker: l.random.IntN(2) == 0, AggID: l.trades, FirstID: l.trades, LastID: l.trades}
	})
}

// produce writes the record at hand to market.trades, with the headers that ingest gives.
func (l *contractLog) produce(ctx context.Context, p *kafka.Producer) error {
	return p.Produce(ctx, catalog.MarketTrades, []byte(l.id), l.value, kafka.Header{Key: catalog.KindName, Value: []byte(l.rec.Kind.String())},
		kafka.Header{Key: catalog.VersionName, Value: l.rec.Version().Bytes()})
}
