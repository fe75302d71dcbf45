package candle

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/compute/core/coretest"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/market/markettest"
)

// collect runs records through one machine and returns all that it wrote.
func collect(t *testing.T, m *Machine, records []market.Record) {
	t.Helper()
	var d market.Decoder
	var r market.Record
	for i := range records {
		line := records[i].AppendJSON(nil)
		if err := d.Decode(line, &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if v, err := m.Apply(&core.Input{Record: &r, Value: line}); v != core.Applied {
			t.Fatalf("%s: %s %v", line, v, err)
		}
	}
}

func keep(outs *[]output) func(*core.Output) {
	return func(o *core.Output) { *outs = append(*outs, coretest.Copy(o)) }
}

// seeds writes a block as ingest does: 62 days and 24 hours of minutes, random.
func (l *scribe) seeds(r *rand.Rand, atMs, price int64, o *oracle) {
	day := market.Period1d.OpenMs(atMs)
	l.open(atMs)
	l.spec(atMs, 62+1440)
	one := func(p market.Period, openMs int64) market.Candle {
		c := market.Candle{Period: p, OpenMs: openMs, Trades: 1 + r.Int64N(9)}
		c.Open, c.Close = price+r.Int64N(100), price+r.Int64N(100)
		c.High, c.Low = max(c.Open, c.Close)+r.Int64N(50), min(c.Open, c.Close)-r.Int64N(50)
		q, b := 1+r.Int64N(1e9), r.Int64N(1e6)
		c.Volume, c.BuyVolume = market.Int128From(q+b), market.Int128From(b)
		c.QuoteVolume, c.BuyQuoteVolume = market.Mul(q, price), market.Mul(b, price)
		c.FirstID = l.trades + 1
		l.trades += c.Trades
		c.LastID = l.trades
		l.add(market.KindSeed, p.NextMs(openMs)-1, func(rec *market.Record) { rec.Seed = c })
		return c
	}
	for t := day - 62*market.DayMs; t < day; t += market.DayMs {
		o.days = append(o.days, one(market.Period1d, t))
	}
	for t := atMs - market.DayMs; t < atMs; t += market.MinuteMs {
		o.minutes = append(o.minutes, one(market.Period1m, t))
	}
}

// deal writes a trade with its text form for the oracle.
func (l *scribe) deal(d deal) {
	l.add(market.KindTrade, d.ms, func(r *market.Record) { r.Trade = l.parse(d) })
}

func (l *scribe) parse(d deal) market.Trade {
	p, err := market.ParseScaled(d.price, l.priceScale)
	if err != nil {
		panic(err)
	}
	q, err := market.ParseScaled(d.qty, l.qtyScale)
	if err != nil {
		panic(err)
	}
	return market.Trade{Price: p, Qty: q, BuyerMaker: d.maker, AggID: d.last, FirstID: d.first, LastID: d.last}
}

// chaos writes a random market from begin to end: bursts, silence, equal times, disorder, late trades, busts and corrections.
// It returns the trades that count in the end.
func chaos(r *rand.Rand, l *scribe, begin, end int64, amend bool) []deal {
	var all []deal
	type delayed struct {
		d     deal
		until int64
	}
	var waiting []delayed
	price := int64(7_000_000)
	clock := begin
	for now := begin; now < end; {
		switch r.IntN(20) {
		case 0:
			now += r.Int64N(200_000)
		case 1, 2, 3:
			now += r.Int64N(3000)
		default:
			now += r.Int64N(400)
		}
		if now >= end {
			break
		}
		for ; clock+1000 <= now; clock += 1000 * (1 + r.Int64N(3)) {
			if r.IntN(10) > 0 && clock+1000 <= now {
				l.clock(clock + 1000)
			}
		}
		price += r.Int64N(2001) - 1000
		n := 1 + r.Int64N(3)
		d := deal{ms: now, price: market.FormatDecimal(price, l.priceScale), qty: market.FormatDecimal(1+r.Int64N(1e7), l.qtyScale), first: l.trades + 1, last: l.trades + n, maker: r.IntN(2) == 0}
		l.trades += n
		if amend && r.IntN(30) == 0 {
			waiting = append(waiting, delayed{d, now + r.Int64N(500_000)})
		} else {
			if r.IntN(5) == 0 {
				d.ms = max(begin, d.ms-r.Int64N(900)) // disorder, often within the second
			}
			l.deal(d)
			all = append(all, d)
		}
		waiting = slices.DeleteFunc(waiting, func(w delayed) bool {
			if w.until <= now {
				l.deal(w.d)
				all = append(all, w.d)
			}
			return w.until <= now
		})
		if len(all) == 0 {
			continue
		}
		if i := len(all) - 1 - r.IntN(min(len(all), 100)); amend && r.IntN(25) == 0 && all[i].ms > now-500_000 {
			if r.IntN(2) == 0 {
				l.add(market.KindBust, now, func(rec *market.Record) { rec.Trade.AggID = all[i].last })
				all = slices.Delete(all, i, i+1)
			} else {
				c := &all[i]
				c.price = market.FormatDecimal(price+r.Int64N(5000)-2500, l.priceScale)
				c.ms = min(max(c.ms+r.Int64N(60_000)-50_000, begin), now)
				l.add(market.KindCorrection, c.ms, func(rec *market.Record) { rec.Trade = l.parse(*c) })
			}
		}
	}
	l.clock(end)
	return all
}

func TestRandomMarketsGiveTheCandlesOfSortGroupFold(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7))
			o := &oracle{price: 2, qty: 6}
			var l scribe
			l.begin("")
			begin, end := ms("2020-05-31T21:13:00"), ms("2020-06-01T01:07:03") // a Monday, a first, a third day: every period closes at midnight
			if testing.Short() || seed > 1 {
				begin = ms("2020-05-31T23:31:00")
			}
			l.seeds(r, begin, 7_000_000, o)
			o.deals = chaos(r, &l, begin, end, seed%2 == 0)
			var outs []output
			m := New(l.contract, 0, keep(&outs))
			collect(t, m, l.records)
			m.PublishAll(0)
			o.check(t, outs, l.contract, begin, end)
		})
	}
}

const recorded = "../testdata/binance-2020-01-02/"

func TestRecordedAggTradesGiveBinancesKlines(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(recorded + "BTCUSDT-aggTrades.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		T    int64  `json:"T"`
		A    int64  `json:"a"`
		F    int64  `json:"f"`
		L    int64  `json:"l"`
		P, Q string // "p", "q"
		M    bool   `json:"m"`
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(strings.ReplaceAll(string(b), `"M":true,`, ""), `"M":false,`, "")), &rows); err != nil {
		t.Fatal(err)
	}
	var l scribe
	l.begin("")
	l.open(rows[0].T)
	l.spec(rows[0].T, 0) // nothing is known of the time before
	for _, row := range rows {
		if s := row.T / 1000 * 1000; len(l.records) > 2 && s > l.records[len(l.records)-1].EventMs {
			l.clock(s)
		}
		l.deal(deal{row.T, row.P, row.Q, row.F, row.L, row.M})
		l.records[len(l.records)-1].Trade.AggID = row.A
	}
	var outs []output
	m := New(l.contract, 0, keep(&outs))
	collect(t, m, l.records)
	ledger := newest(outs, Ledger)
	for key := range ledger {
		if strings.Contains(key, "/1m/") && key < "BTCUSDT/1m/1577977860000" {
			t.Errorf("the minute in which the source was joined was closed: %s", key)
		}
	}
	f, err := os.Open(recorded + "BTCUSDT-1m.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	klines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(klines) != 7 {
		t.Fatalf("%d klines, %v", len(klines), err)
	}
	for _, k := range klines {
		c := parse(t, ledger["BTCUSDT/1m/"+k[0]].Value)
		got := []string{c.O, c.H, c.L, c.C, c.V, c.QV, fmt.Sprint(c.N), c.BV, c.BQV}
		want := []string{k[1], k[2], k[3], k[4], k[5], k[7], k[8], k[9], k[10]}
		for i := range want {
			if rat(got[i]).Cmp(rat(want[i])) != 0 {
				t.Errorf("minute %s, field %d: got %s, Binance says %s", k[0], i, got[i], want[i])
			}
		}
	}
}

// Midnight is in the recording: every period up to 1d closes on its trades, and what was before comes from seeds.
func TestRecordedTradesOf2024GiveTheCandlesOfSortGroupFold(t *testing.T) {
	for _, symbol := range []string{"btcusdt", "ethusdt"} {
		t.Run(symbol, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(8, 8))
			o := &oracle{price: 2, qty: 5}
			var l scribe
			l.begin("")
			l.qtyScale = 5
			begin := ms("2024-08-08T23:54:00")
			l.seeds(r, begin, 6_183_700, o)
			at := begin
			for _, day := range []string{"_20240808.gz", "_20240809.gz"} {
				at = recordedTrades(t, "../../../shared/data/binance-spot-2024-08-08/spot_"+symbol+day, at, &l, o)
			}
			if len(o.deals) < 14_000 || at < ms("2024-08-09T00:05:00") {
				t.Fatalf("only %d trades, until %d", len(o.deals), at)
			}
			var outs []output
			m := New(l.contract, 0, keep(&outs))
			collect(t, m, l.records)
			m.PublishAll(0)
			o.check(t, outs, l.contract, begin, at)
			closed := newest(outs, Closed)
			for p := market.Period1s; p <= market.Period1d; p++ {
				if got := parse(t, closed["BTCUSDT/"+p.String()].Value); got.T < begin-24*market.HourMs || got.Q != "ok" {
					t.Errorf("the newest closed %s candle is of %d, %s", p, got.T, got.Q)
				}
			}
		})
	}
}

// recordedTrades appends the @trade frames of a recording to a log, with clock records, and returns the clock.
func recordedTrades(t *testing.T, file string, at int64, l *scribe, o *oracle) int64 {
	t.Helper()
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the recording of 2024-08-08 is not there: ../shared/data/binance-spot-2024-08-08")
	}
	markettest.Frames(t, file, func(_ int64, line []byte) {
		frame := string(line)
		if !strings.Contains(frame, "@trade") {
			return
		}
		var e struct {
			Data struct {
				T    int64
				ID   int64 `json:"t"`
				P, Q string
				M    bool // ignored: also "m" below
				Mk   bool `json:"m"`
			}
		}
		frame = strings.Replace(frame, `,"M":true`, "", 1)
		if err := json.Unmarshal([]byte(frame), &e); err != nil {
			t.Fatal(err)
		}
		d := e.Data
		if s := d.T / 1000 * 1000; s > at {
			l.clock(s)
			at = s
		}
		dl := deal{d.T, rat(d.P).FloatString(2), rat(d.Q).FloatString(5), d.ID, d.ID, d.Mk}
		o.deals = append(o.deals, dl)
		l.deal(dl)
	})
	return at
}

// TestALongSilenceDoesNotFloodTheClients: the longest jump of the clock that a log can have closes 259,200 seconds at once. The ledger gets all of them, in
// their order, clients of 1s candles the last ten minutes, and every longer candle.
func TestALongSilenceDoesNotFloodTheClients(t *testing.T) {
	t.Parallel()
	var l scribe
	l.begin("")
	at := ms("2024-08-08T12:00:00")
	l.minuteBefore(at)
	l.trade(at+100, 714000, 1000, false)
	l.clock(at + market.MaxClockJumpMs)
	l.clock(at + market.MaxClockJumpMs + 1000)
	var seconds, all, minutes, last int64
	m := New(l.contract, 0, func(o *core.Output) {
		p := string(o.Key)
		switch {
		case o.Topic == Closed && p == "BTCUSDT/1s":
			seconds++
		case o.Topic == Closed && p == "BTCUSDT/1m":
			minutes++
		case o.Topic == Ledger && strings.HasPrefix(p, "BTCUSDT/1s/"):
			if all++; o.Version.T <= last {
				t.Fatalf("second %d after %d", o.Version.T, last)
			}
			last = o.Version.T
		}
	})
	for i := range l.records {
		if i == len(l.records)-2 { // the jump
			seconds, all, minutes, last = 0, 0, 0, 0
		}
		if v, err := m.Apply(&core.Input{Record: &l.records[i]}); v != core.Applied {
			t.Fatal(v, err)
		}
	}
	const jump, kept = market.MaxClockJumpMs / market.SecondMs, keptMs / market.SecondMs
	if all != jump+1 || seconds != kept+1 || minutes != market.MaxClockJumpMs/market.MinuteMs {
		t.Errorf("%d seconds in the ledger, want %d; to the clients %d, want %d, and %d minutes", all, jump+1, seconds, kept+1, minutes)
	}
}
