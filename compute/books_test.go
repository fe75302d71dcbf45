package compute

import (
	"maps"
	"os"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/market"
)

// bookWriter counts a contract's log of books.
type bookWriter struct{ logWriter }

func (l *bookWriter) begin(atMs int64) []market.Record {
	open, contract := l.record(market.KindOpen, atMs), l.contractRecord(atMs, false)
	snapshot := l.record(market.KindSnapshot, atMs)
	snapshot.Book = market.BookChange{FirstID: 1, LastID: 1}
	for i := range int64(100) {
		snapshot.Book.Bids = append(snapshot.Book.Bids, market.Level{Price: 9999 - i, Qty: 10 + i})
		snapshot.Book.Asks = append(snapshot.Book.Asks, market.Level{Price: 10001 + i, Qty: 10 + i})
	}
	l.id = 1
	return []market.Record{open, contract, snapshot}
}

func (l *bookWriter) contractRecord(atMs int64, delisted bool) market.Record {
	r := l.record(market.KindContract, atMs)
	r.Spec = market.Spec{Delisted: delisted, Contract: market.Contract{ID: l.contract, Source: "binance", Tick: market.Unit{Scale: 2, Size: 1}, Step: market.Unit{Scale: 5, Size: 1},
		Period: market.Periods(), Books: []market.Unit{{Scale: 2, Size: 1}, {Size: 1}}, Depth: 5}}
	return r
}

func (l *bookWriter) diff(eventMs int64) market.Record {
	r := l.record(market.KindDiff, eventMs)
	l.id++
	r.Book = market.BookChange{FirstID: l.id, LastID: l.id, Bids: []market.Level{{Price: 9999 - l.id%7, Qty: 1 + l.id}}}
	return r
}

// both writes trades and books of the same time.
func (b *bench) both(trades []*logWriter, books []*bookWriter, from, n int64) (ts, bs []market.Record) {
	b.t.Helper()
	for i := from; i < from+n; i++ {
		at := minute0 + i*70
		for k := range books {
			bs = append(bs, books[k].diff(at))
			if i%10 == 0 {
				bs = append(bs, books[k].record(market.KindClock, at+1))
				ts = append(ts, trades[k].record(market.KindClock, at/1000*1000), trades[k].trade(at, 200+i%13))
			}
		}
	}
	b.write(ts...)
	b.writeTo(catalog.MarketBooks, bs...)
	return ts, bs
}

// statesOf is the newest value of each key that the core of a log alone gives, by topic and key.
func statesOf(t *testing.T, log string, records []market.Record) map[string]string {
	t.Helper()
	states, versions, machines := map[string]string{}, map[string]market.Version{}, map[string]machine{}
	for _, p := range products {
		if p.log != log {
			continue
		}
		for i := range records {
			r := &records[i]
			m := machines[r.Contract]
			if m == nil {
				m = p.core(r.Contract, 0, func(o *core.Output) {
					if id := o.Topic + " " + string(o.Key); versions[id].Less(o.Version) {
						states[id], versions[id] = string(o.Value), o.Version
					}
				})
				machines[r.Contract] = m
			}
			if _, err := m.Apply(&core.Input{Record: r}); err != nil {
				t.Fatal(err)
			}
			m.PublishAll(0)
		}
	}
	return states
}

func TestAfterAKillBothLogsGoOnFromOneCheckpoint(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.CheckpointEvery = configs.Duration(100 * time.Millisecond)
	var trades []*logWriter
	var books []*bookWriter
	var allTrades, allBooks []market.Record
	for _, id := range []string{"BTCUSDT", "ETHUSDT", "SOLUSDT"} {
		l, k := &logWriter{contract: id}, &bookWriter{logWriter{contract: id}}
		trades, books = append(trades, l), append(books, k)
		ts, bs := l.begin(minute0), k.begin(minute0)
		b.write(ts...)
		b.writeTo(catalog.MarketBooks, bs...)
		allTrades, allBooks = append(allTrades, ts...), append(allBooks, bs...)
	}
	write := func(from, n int64) {
		ts, bs := b.both(trades, books, from, n)
		allTrades, allBooks = append(allTrades, ts...), append(allBooks, bs...)
	}
	for life := range int64(3) {
		c, stop := b.run()
		write(life*1000, 500)
		until(t, "a checkpoint", func() bool { return c.Stats().Checkpoints > 0 })
		at := c.Stats().Checkpoints
		until(t, "the next checkpoint", func() bool { return c.Stats().Checkpoints > at })
		kept, err := os.ReadFile(b.cfg.Checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		read := c.Stats().Records
		write(life*1000+500, 500)
		until(t, "more records", func() bool { return c.Stats().Records > read })
		stop()
		if err := os.WriteFile(b.cfg.Checkpoint, kept, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, stop := b.run()
	until(t, "the end of the logs", func() bool { return c.Stats().Rounds > 0 })
	stop()
	want := statesOf(t, catalog.MarketTrades, allTrades)
	maps.Copy(want, statesOf(t, catalog.MarketBooks, allBooks))
	for _, p := range products {
		for _, topic := range p.pushed {
			b.read(topic) // one version, one value
			for key, value := range b.newest(topic) {
				if w := want[topic+" "+key]; withoutComputeTime(value) != withoutComputeTime(w) {
					t.Errorf("%s %s\n got %s\nwant %s", topic, key, value, w)
				}
				delete(want, topic+" "+key)
			}
		}
	}
	for id := range want {
		if topic := catalog.LedgerCandles; len(id) < len(topic) || id[:len(topic)] != topic {
			t.Errorf("%s was not written", id)
		}
	}
}

func TestARoundComesAlsoWhenATopicHasTakenAThirdOfItsBytes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := &bookWriter{logWriter{contract: "BTCUSDT"}}
	b.writeTo(catalog.MarketBooks, l.begin(minute0)...)
	c, stop := b.run()
	defer stop()
	until(t, "the first round, at the end of the logs", func() bool { return c.Stats().Rounds == 1 })
	third := b.cat.Topic(catalog.PushBBO).RetentionBytes / 3
	for written := int64(0); c.Stats().Rounds < 2; { // each diff is a version of push.bbo, unless it is read so late that it may be thinned out
		if written > 8*third {
			t.Fatalf("no round by bytes: some %d were written, a third is %d", written, third)
		}
		var rs []market.Record
		for range 200 {
			r := l.diff(minute0 + l.seq)
			r.Book.Bids[0].Price = 9999
			rs = append(rs, r)
			written += 300
		}
		read := c.Stats().Records
		b.writeTo(catalog.MarketBooks, rs...)
		until(t, "the diffs", func() bool { return c.Stats().Records >= read+int64(len(rs)) })
	}
}

func TestADelistedContractsKeysAreCleared(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l, k := &logWriter{contract: "BTCUSDT"}, &bookWriter{logWriter{contract: "BTCUSDT"}}
	b.write(l.begin(minute0)...)
	b.write(l.trade(minute0+1, 200))
	b.writeTo(catalog.MarketBooks, k.begin(minute0)...)
	ended := l.record(market.KindContract, minute0+2)
	ended.Spec = market.Spec{Delisted: true, Contract: market.Contract{ID: "BTCUSDT", Source: "binance", Tick: market.Unit{Scale: 2, Size: 1}, Step: market.Unit{Scale: 5, Size: 1}}}
	c, stop := b.run()
	until(t, "all records", func() bool { return c.Stats().Records == 8 })
	b.write(ended)
	b.writeTo(catalog.MarketBooks, k.contractRecord(minute0+2, true))
	until(t, "all records", func() bool { return c.Stats().Records == 10 })
	stop()
	keys := 0
	for _, p := range products {
		for _, topic := range p.pushed {
			for key, value := range b.newest(topic) {
				if keys++; value != "" {
					t.Errorf("%s %s is not cleared: %s", topic, key, value)
				}
			}
		}
	}
	if keys != 2*market.PeriodCount+1+1+2 {
		t.Errorf("%d keys were written", keys)
	}
}

func TestRoundsAreDueByTheFullestPartition(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	r := newRounds(cat, 0)
	if r.every != time.Minute {
		t.Errorf("every %s, want a third of 3 minutes", r.every)
	}
	bound := cat.Topic(catalog.PushBooks).RetentionBytes
	value := make([]byte, 100_000-recordOverhead)
	fill := func(upTo int64) {
		for n := int64(0); n < upTo; n += 100_000 {
			r.count(&core.Output{Topic: catalog.PushBooks, Key: []byte("BTCUSDT/1"), Value: value})
		}
	}
	fill(bound/3 - 200_000)
	if r.full {
		t.Error("due before a third")
	}
	fill(300_000)
	if !r.full {
		t.Error("not due at a third")
	}
	r.begin()
	fill(bound * 2 / 5)
	if topic := r.end(); topic != catalog.PushBooks || r.full {
		t.Errorf("a round of two fifths: %q is named; due again at once: %t", topic, r.full)
	}
	fill(bound * 2 / 5 * 3 / 5)
	if !r.full {
		t.Error("not due at half as much again as the round")
	}
	if r := newRounds(&catalog.Catalog{Form: catalog.Stack}, 0); r.every != 0 {
		t.Error("rounds where topics are compacted")
	}
}
