package depth_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/market"
)

const baseMs = 1577977800000 // 2020-01-02T15:10:00Z

// stage is a feed between a scripted exchange and a log.
type stage struct {
	cfg      depth.Config
	contract market.Contract
	feed     *depth.Feed
	nowMs    int64
	asked    []depth.Request
	log      []market.Record
	out      []string
}

func newStage() *stage {
	cfg := depth.DefaultConfig()
	cfg.Levels, cfg.RefreshLevels, cfg.MaxHeld = 4, 2, 6
	s := &stage{cfg: cfg, nowMs: baseMs, contract: market.Contract{
		ID: "BTCUSDT", Source: "binance", Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT", Tick: market.Unit{Scale: 2, Size: 1}, Step: market.Unit{Scale: 0, Size: 1}}}
	s.feed = depth.New(cfg, s.contract, true)
	return s
}

// do carries out one command of a transcript.
func (s *stage) do(w []string) (err error) {
	switch w[0] {
	case "at": // at 3.5: time passes without anybody looking
		s.nowMs, err = seconds(w[1])
	case "until": // until 3.5: time passes and the feed is woken whenever it wants
		err = s.until(w[1])
	case "start":
		s.feed.Start(s.nowMs, s.nowMs, nil)
	case "restart": // restart [symbol=X] [tick=3] [source=X]: a new process on the same log, perhaps after a change of the catalogue
		err = s.restart(w[1:])
	case "change": // change [symbol=X] [tick=3] [depth=20]: the catalogue's entry is another one
		if err = s.alter(w[1:]); err == nil {
			s.feed.Change(s.nowMs, s.contract)
		}
	case "delist":
		s.feed.Delist(s.nowMs)
	case "up":
		s.feed.ConnUp(s.nowMs, number(w[1]))
	case "down":
		s.feed.ConnDown(s.nowMs, number(w[1]), "cut")
	case "heard": // another frame of the connection, with the source's time
		var ms int64
		ms, err = seconds(w[1])
		s.feed.Heard(s.nowMs, ms)
	case "diff": // diff 101..103 b 99=1 98=0 a 101=2 [E=1.5] [s=ETHUSDT] [conn=2]: a frame
		err = s.diff(w[1:])
	case "answer": // answer 100 b 99=1 a 101=2: what REST says to the oldest request; answer error
		err = s.answer(w[1:])
	case "malformed":
		s.feed.Malformed(s.nowMs, 1, "btcusdt@depth@100ms", core.ReasonBadJSON, "unexpected end of JSON input", []byte(`{"e":"depth`))
	default:
		err = fmt.Errorf("unknown command %q", w[0])
	}
	s.take()
	return err
}

// seconds reads "1.25" as milliseconds after the base.
func seconds(s string) (int64, error) {
	v, err := strconv.ParseFloat(s, 64)
	return baseMs + int64(v*1000+0.5), err
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (s *stage) until(text string) error {
	end, err := seconds(text)
	for err == nil {
		at := s.feed.Wake(s.nowMs)
		if at > end {
			s.nowMs = end
			s.feed.Tick(s.nowMs)
			return nil
		}
		s.nowMs = at
		s.feed.Tick(s.nowMs)
		s.take()
	}
	return err
}

func (s *stage) restart(w []string) error {
	if err := s.alter(w); err != nil {
		return err
	}
	s.asked = nil
	s.feed = depth.New(s.cfg, s.contract, true)
	s.feed.Start(s.nowMs, nextWriter(s.nowMs, s.log), s.log)
	return nil
}

// alter changes the contract.
func (s *stage) alter(w []string) error {
	for _, word := range w {
		k, v, _ := strings.Cut(word, "=")
		switch k {
		case "symbol":
			s.contract.Symbol = v
		case "source":
			s.contract.Source = v
		case "tick":
			s.contract.Tick.Scale = int(number(v))
		case "depth":
			s.contract.Depth = int(number(v))
		default:
			return fmt.Errorf("unknown word %q", word)
		}
	}
	return nil
}

// sides reads b 99=1 a 101=2; a word with a letter before = is left to the caller.
func sides(w []string) (bids, asks [][2]string, rest map[string]string) {
	bids, asks, rest = [][2]string{}, [][2]string{}, map[string]string{}
	to := &bids
	for _, word := range w {
		k, v, is := strings.Cut(word, "=")
		switch {
		case word == "b":
			to = &bids
		case word == "a":
			to = &asks
		case is && (k[0] == 'E' || k[0] == 's' || k[0] == 'c'):
			rest[k] = v
		default:
			*to = append(*to, [2]string{k, v})
		}
	}
	return bids, asks, rest
}

func (s *stage) diff(w []string) (err error) {
	a, b, _ := strings.Cut(w[0], "..")
	if b == "" {
		b = a
	}
	raw := depth.RawDiff{Symbol: s.contract.Symbol, EventMs: s.nowMs, FirstID: number(a), LastID: number(b), Raw: []byte(strings.Join(w, " "))}
	var rest map[string]string
	raw.Bids, raw.Asks, rest = sides(w[1:])
	conn := int64(1)
	for k, v := range rest {
		switch k {
		case "E":
			raw.EventMs, err = seconds(v)
		case "s":
			raw.Symbol = v
		case "conn":
			conn = number(v)
		}
	}
	s.feed.Diff(s.nowMs, conn, &raw)
	return err
}

func (s *stage) answer(w []string) error {
	if len(s.asked) == 0 {
		return errors.New("nothing was asked")
	}
	a := depth.Answer{Serial: s.asked[0].Serial}
	s.asked = s.asked[1:]
	if w[0] == "error" {
		a.Err = errors.New("status 503")
	} else {
		a.LastID = number(w[0])
		a.Bids, a.Asks, _ = sides(w[1:])
	}
	s.feed.Answer(s.nowMs, &a)
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
		s.out = append(s.out, fmt.Sprintf("ask for %d levels", r.Levels))
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
	case market.KindSnapshot, market.KindDiff:
		return fmt.Sprintf("%s %d..%d%s%s", head, r.Book.FirstID, r.Book.LastID, levels(" b", r.Book.Bids, r.PriceScale), levels(" a", r.Book.Asks, r.PriceScale))
	case market.KindGap:
		return fmt.Sprintf("%s %d..%d", head, r.GapFrom, r.GapTo)
	case market.KindContract:
		return fmt.Sprintf("%s %s tick %s depth %d delisted=%t", head, r.Spec.Contract.Symbol, r.Spec.Contract.Tick, r.Spec.Contract.Depth, r.Spec.Delisted)
	case market.KindOpen:
		return fmt.Sprintf("%s epoch=%s writer=%s", head, when(r.Epoch), when(r.Writer))
	}
	return head
}

func levels(side string, ls []market.Level, scale int) string {
	for _, l := range ls {
		side += fmt.Sprintf(" %s=%d", market.FormatDecimal(l.Price, scale), l.Qty)
	}
	return side
}

// nextWriter is the id of a writer that takes the log over.
func nextWriter(nowMs int64, log []market.Record) int64 {
	for i := range log {
		nowMs = max(nowMs, log[i].Writer+1)
	}
	return nowMs
}
