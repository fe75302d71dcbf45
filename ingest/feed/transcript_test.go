package feed_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// A transcript is a text of commands (at the margin) and what they caused (indented). Times are seconds after 2020-01-02T15:10:00Z, by our clock and the
// source's, unless a trade says otherwise. The commands are the cases of stage.do.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newStage()
			var got strings.Builder
			for n, line := range strings.Split(strings.TrimRight(string(old), "\n"), "\n") {
				if strings.HasPrefix(line, "  ") {
					continue
				}
				got.WriteString(line + "\n")
				if line == "" || line[0] == '#' {
					continue
				}
				if err := s.do(strings.Fields(line)); err != nil {
					t.Fatalf("%s:%d: %v\n%s", file, n+1, err, got.String())
				}
				s.report(&got)
			}
			switch {
			case *update:
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			case got.String() != string(old):
				t.Errorf("%s differs (rewrite it with -update and look at the difference):\n%s", file, firstDifference(string(old), got.String()))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < max(len(w), len(g)); i++ {
		a, b := "(end)", "(end)"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n want %s\n  got %s", i+1, a, b)
		}
	}
	return ""
}

const baseMs = 1577977800000 // 2020-01-02T15:10:00Z

// stage is a feed between a scripted exchange and a log.
type stage struct {
	cfg       feed.Config
	contract  market.Contract
	simulated bool
	feed      *feed.Feed
	nowMs     int64
	market    map[int64]feed.RawTrade
	last      int64 // newest id of the market
	asked     []feed.Request
	log       []market.Record
	out       []string
}

func newStage() *stage {
	cfg := feed.DefaultConfig()
	cfg.PageRows, cfg.SeedDays, cfg.SeedMinutes, cfg.MaxHeld, cfg.MaxFill = 5, 2, 3, 8, 100
	s := &stage{cfg: cfg, nowMs: baseMs, market: map[int64]feed.RawTrade{}, simulated: true, contract: market.Contract{
		ID: "BTCUSDT", Source: "binance", Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT", Period: []market.Period{market.Period1s, market.Period1m},
		Tick: market.Unit{Scale: 2, Size: 1}, Step: market.Unit{Scale: 5, Size: 1}}}
	s.feed = feed.New(cfg, s.contract, true)
	return s
}

// seconds reads "1.25" as milliseconds after the base.
func seconds(s string) (int64, error) {
	v, err := strconv.ParseFloat(s, 64)
	return baseMs + int64(v*1000+0.5), err
}

func span(s string) (from, to int64, err error) {
	a, b, ok := strings.Cut(s, "..")
	if from, err = strconv.ParseInt(a, 10, 64); err != nil || !ok {
		return from, from, err
	}
	to, err = strconv.ParseInt(b, 10, 64)
	return from, to, err
}

// deal makes the market's trade with this id.
func deal(id, ms int64) feed.RawTrade {
	return feed.RawTrade{Symbol: "BTCUSDT", AggID: id, FirstID: 1000 + 2*id, LastID: 1001 + 2*id, TradeMs: ms, BuyerMaker: id%3 == 0,
		Price: fmt.Sprintf("7139.%02d000000", id%90), Qty: fmt.Sprintf("0.%05d000", 1+id%7)}
}

// change applies words such as p=0 or T=3.5 to a trade.
func change(t *feed.RawTrade, words []string) error {
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		var err error
		switch k {
		case "p":
			t.Price = v
		case "q":
			t.Qty = v
		case "s":
			t.Symbol = v
		case "f":
			t.FirstID, err = strconv.ParseInt(v, 10, 64)
		case "l":
			t.LastID, err = strconv.ParseInt(v, 10, 64)
		case "T":
			t.TradeMs, err = seconds(v)
		case "E":
			t.EventMs, err = seconds(v)
		case "ms":
			t.TradeMs, err = strconv.ParseInt(v, 10, 64)
		default:
			err = fmt.Errorf("unknown word %q", w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take collects what an input caused.
func (s *stage) take() {
	e := s.feed.Take()
	for _, r := range e.Records {
		s.log = append(s.log, r)
		s.out = append(s.out, describe(&r))
	}
	for _, r := range e.Requests {
		s.asked = append(s.asked, r)
		switch r.Kind {
		case feed.FetchFrom:
			s.out = append(s.out, fmt.Sprintf("ask from %d", r.FromID))
		case feed.FetchSince, feed.FetchDays:
			s.out = append(s.out, fmt.Sprintf("ask %s %s", r.Kind, when(r.SinceMs)))
		default:
			s.out = append(s.out, "ask "+r.Kind.String())
		}
	}
	for _, q := range e.Quarantined {
		s.out = append(s.out, fmt.Sprintf("quarantine %s %s: %s", q.Channel, q.Reason, q.Detail))
	}
	for _, st := range e.Statuses {
		missing := "?"
		if st.Missing >= 0 {
			missing = strconv.FormatInt(st.Missing, 10)
		}
		s.out = append(s.out, strings.TrimSpace(fmt.Sprintf("status %s %s last=%d missing=%s %s", st.State, st.Quality, st.LastID, missing, st.Reason)))
	}
	for _, n := range e.Notes {
		s.out = append(s.out, "note "+n.Text)
	}
	if e.AskTime {
		s.out = append(s.out, "ask time")
	}
	if e.Reconnect != "" {
		s.out = append(s.out, "reconnect "+e.Reconnect)
	}
}

func (s *stage) report(b *strings.Builder) {
	for _, line := range s.out {
		b.WriteString("  " + line + "\n")
	}
	s.out = nil
}

// when prints a time as seconds after the base, far ones in full.
func when(ms int64) string {
	if d := ms - baseMs; d > -1e6 && d < 1e6 {
		return strconv.FormatFloat(float64(d)/1000, 'f', 3, 64)
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}

func describe(r *market.Record) string {
	head := fmt.Sprintf("log %d %s %s %s", r.Seq, r.Kind, when(r.EventMs), r.Quality)
	switch r.Kind {
	case market.KindTrade:
		return fmt.Sprintf("%s %d p=%s", head, r.Trade.AggID, market.FormatDecimal(r.Trade.Price, r.PriceScale))
	case market.KindGap:
		return fmt.Sprintf("%s %d..%d", head, r.GapFrom, r.GapTo)
	case market.KindContract:
		if r.Spec.Delisted {
			return head + " delisted"
		}
		return fmt.Sprintf("%s seeds=%d", head, r.Spec.Seeds)
	case market.KindSeed:
		return fmt.Sprintf("%s %s of %s", head, r.Seed.Period, when(r.Seed.OpenMs))
	case market.KindOpen:
		return fmt.Sprintf("%s epoch=%s writer=%s", head, when(r.Epoch), when(r.Writer))
	}
	return head
}
