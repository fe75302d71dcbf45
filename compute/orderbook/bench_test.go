package orderbook

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// engineLog is a book of 1,000 levels a side and a thousand small commands a second near the top, with clock records each 100 ms.
func engineLog(n int) (l *scribe) {
	r := rand.New(rand.NewPCG(1, 2))
	l = &scribe{}
	l.begin("")
	l.depth = 50
	l.open(at0)
	l.spec(at0, false)
	var b, a side
	for i := range int64(1000) {
		b, a = append(b, 5_999_999-i, 1+r.Int64N(9999)), append(a, 6_000_000+i, 1+r.Int64N(9999))
	}
	l.snapshot(at0, b, a)
	for i := range int64(n) {
		now := at0 + i
		if now%100 == 0 {
			l.clock(now)
		}
		off := int64(r.ExpFloat64() * 30)
		if r.IntN(2) == 0 {
			l.diff(now, 1, side{5_999_999 - off, r.Int64N(9999)}, nil)
		} else {
			l.diff(now, 1, nil, side{6_000_000 + off, r.Int64N(9999)})
		}
	}
	return l
}

func benchmark(b *testing.B, records []market.Record) {
	lines := make([][]byte, len(records))
	diffs, levels := 0, 0
	for i := range records {
		lines[i] = records[i].AppendJSON(nil)
		if r := &records[i]; r.Kind == market.KindDiff {
			diffs++
			levels += len(r.Book.Bids) + len(r.Book.Asks)
		}
	}
	const first = 3 // open, contract, snapshot
	var d market.Decoder
	var r market.Record
	var outs, size int
	in := core.Input{Record: &r, ComputeMs: 1_700_000_000_000}
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += diffs {
		b.StopTimer()
		m := New(records[0].Contract, 0, func(o *core.Output) {
			outs++
			size += len(o.Key) + len(o.Ver) + len(o.Value)
		})
		apply := func(line []byte) {
			if err := d.Decode(line, &r); err != nil {
				b.Fatal(err)
			}
			if v, err := m.Apply(&in); v != core.Applied {
				b.Fatal(v, err)
			}
		}
		for _, line := range lines[:first] {
			apply(line)
		}
		outs, size = 0, 0
		b.StartTimer()
		for _, line := range lines[first:] {
			apply(line)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "diffs/s")
	b.ReportMetric(float64(levels)/float64(diffs), "levels/diff")
	b.ReportMetric(float64(outs)/float64(diffs), "outputs/diff")
	b.ReportMetric(float64(size)/float64(outs), "bytes/output")
}

// BenchmarkEngine and BenchmarkRecorded are one core from log bytes in to encoded records (key, header, value) out, with three resolutions of 50 levels: many
// small commands, of which each slot's are thinned to one record, and Binance's, of which each is a record at every resolution. ns/op is per diff.
func BenchmarkEngine(b *testing.B) { benchmark(b, engineLog(60_000).records) }

func BenchmarkRecorded(b *testing.B) { benchmark(b, record(b, "BTCUSDT").records) }

// BenchmarkSave is what a checkpoint holds the loop up for, with 5,000 levels a side.
func BenchmarkSave(b *testing.B) {
	var l scribe
	l.begin("")
	var bs, as side
	for i := range int64(5000) {
		bs, as = append(bs, 5_999_999-3*i, 1+i*i), append(as, 6_000_000+3*i, 1+i*i)
	}
	l.open(at0)
	l.spec(at0, false)
	l.snapshot(at0, bs, as)
	m := New(l.contract, 0, func(*core.Output) {})
	for i := range l.records {
		if v, err := m.Apply(&core.Input{Record: &l.records[i]}); v != core.Applied {
			b.Fatal(v, err)
		}
	}
	b.ReportAllocs()
	b.ReportMetric(float64(len(bytes.Join(m.SaveState(nil), nil))), "bytes")
	for b.Loop() {
		m.SaveState(nil)
	}
}
