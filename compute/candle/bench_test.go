package candle

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// benchLog is the log of ten contracts, interleaved as they would come: 1,000 trades a second of event time in all, clock records as ingest writes them
// (before the first trade of a second, and 250 ms after a trade).
func benchLog(seconds int) (lines [][]byte, trades int) {
	r := rand.New(rand.NewPCG(1, 2))
	const contracts = 10
	var logs [contracts]scribe
	var taken, clocks, price [contracts]int64
	at := ms("2024-08-08T12:00:00")
	take := func(i int) {
		for ; int(taken[i]) < len(logs[i].records); taken[i]++ {
			lines = append(lines, logs[i].records[taken[i]].AppendJSON(nil))
		}
	}
	for i := range logs {
		logs[i].begin("")
		logs[i].contract = fmt.Sprintf("C%dUSDT", i)
		logs[i].trades, price[i] = 3_735_683_259, 6_183_763
		logs[i].minuteBefore(at)
		clocks[i] = at
		take(i)
	}
	for ms := range int64(seconds) * 1000 {
		now := at + ms
		for i := range logs {
			if x := clocks[i]; now-x >= 250 || now%1000 == 0 && now > x {
				clocks[i] = now
				logs[i].clock(now)
				take(i)
			}
		}
		i := r.IntN(contracts)
		price[i] += r.Int64N(101) - 50
		logs[i].trade(now, price[i], 1+r.Int64N(2_000_000), r.IntN(2) == 0)
		trades++
		take(i)
	}
	return lines, trades
}

// BenchmarkTrades is one core from log bytes in to encoded records (key, header, value) out; ns/op is per trade.
func BenchmarkTrades(b *testing.B) {
	lines, trades := benchLog(60)
	var out, bytes, clocks int64
	for _, l := range lines {
		if string(l[8:19]) == `"k":"clock"` {
			clocks++
		}
	}
	var d market.Decoder
	var r market.Record
	in := core.Input{Record: &r, ComputeMs: 1_700_000_000_000}
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		b.StopTimer()
		machines := map[string]*Machine{}
		for i := range 10 {
			id := fmt.Sprintf("C%dUSDT", i)
			machines[id] = New(id, 0, func(o *core.Output) {
				out++
				bytes += int64(len(o.Key) + len(o.Ver) + len(o.Value))
			})
		}
		first := 40 // after the seeds
		apply := func(line []byte) {
			if err := d.Decode(line, &r); err != nil {
				b.Fatal(err)
			}
			if v, err := machines[r.Contract].Apply(&in); v != core.Applied {
				b.Fatal(v, err)
			}
		}
		for _, line := range lines[:first] {
			apply(line)
		}
		out, bytes = 0, 0
		b.StartTimer()
		for _, line := range lines[first:] {
			apply(line)
		}
		done += trades
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "trades/s")
	b.ReportMetric(float64(out)/float64(trades), "outputs/trade")
	b.ReportMetric(float64(bytes)/float64(out), "bytes/output")
	b.ReportMetric(float64(clocks)/60, "clocks/s")
}
