package feed_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/core/coretest"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// stage is a feed between a scripted exchange and a log.
type stage struct {
	coretest.Stage
	cfg       feed.Config
	simulated bool
	feed      *feed.Feed
	market    map[int64]feed.RawTrade
	last      int64 // newest id of the market
	asked     []feed.Request
}

func newStage() *stage {
	s := &stage{Stage: coretest.NewStage(), cfg: feed.DefaultConfig(), market: map[int64]feed.RawTrade{}, simulated: true}
	s.cfg.PageRows, s.cfg.SeedDays, s.cfg.SeedMinutes, s.cfg.MaxHeld, s.cfg.MaxFill = 5, 2, 3, 8, 100
	s.Contract.Period, s.Contract.Step = []market.Period{market.Period1s, market.Period1m}, market.Unit{Scale: 5, Size: 1}
	s.feed = feed.New(s.cfg, s.Contract, true)
	return s
}

func TestTranscripts(t *testing.T) {
	coretest.Transcripts(t, func() (*coretest.Stage, func([]string) error) {
		s := newStage()
		return &s.Stage, s.do
	})
}

// do carries out one command of a transcript.
func (s *stage) do(w []string) (err error) {
	switch w[0] {
	case "at": // at 3.5: time passes without anybody looking
		s.NowMs, err = coretest.Seconds(w[1])
	case "until": // until 3.5: time passes and the feed is woken whenever it wants
		err = s.Until(w[1], s.feed, s.take)
	case "market": // market 1..20 0 0.1: what the exchange traded: ids, time of the first, distance
		err = s.trade(w[1:])
	case "start":
		s.feed.Start(s.NowMs, s.NowMs, nil)
		s.take()
	case "restart": // restart [keep=-2] [step=4] [live] [symbol=X] [anew]: a new process on the same log
		err = s.restart(w[1:])
	case "change": // change [step=4] [symbol=X] [periods=2]: the catalogue's entry is another one
		if err = s.alter(w[1:]); err == nil {
			s.feed.Change(s.NowMs, s.Contract)
			s.take()
		}
	case "delist":
		s.feed.Delist(s.NowMs)
		s.take()
	case "time": // time 5: REST's clock
		var ms int64
		ms, err = coretest.Seconds(w[1])
		s.feed.SourceTime(s.NowMs, ms)
	case "up":
		s.feed.ConnUp(s.NowMs, coretest.Number(w[1]))
		s.take()
	case "down":
		s.feed.ConnDown(s.NowMs, coretest.Number(w[1]), "cut")
		s.take()
	case "trade": // trade 7..9 [p=...]: frames, as the market has them but for the changes
		var from, to int64
		from, to, err = span(w[1])
		for id := from; id <= to && err == nil; id++ {
			t := s.frame(id)
			if err = change(&t, w[2:]); err == nil {
				s.feed.Trade(s.NowMs, 1, &t)
				s.take()
			}
		}
	case "kline": // kline 3 [E=2] [L=1007]: the closed kline of the second that begins at 3, as the market has it; E: the frame's time, L: a last trade
		err = s.kline(w[1:])
	case "answer": // answer [lag=2] [hole=5] [bad=6] [tombstone=7]: what REST says to the oldest request; answer error
		err = s.answer(w[1:])
	case "malformed":
		s.feed.Malformed(s.NowMs, 1, "btcusdt@aggTrade", core.ReasonBadJSON, "unexpected end of JSON input", []byte(`{"e":"agg`))
		s.take()
	default:
		err = fmt.Errorf("unknown command %q", w[0])
	}
	return err
}

func (s *stage) trade(w []string) error {
	from, to, err := span(w[0])
	if err != nil {
		return err
	}
	at, err1 := coretest.Seconds(w[1])
	step, err2 := strconv.ParseFloat(w[2], 64)
	for id := from; id <= to; id++ {
		s.market[id] = deal(id, at)
		s.last = max(s.last, id)
		at += int64(step * 1000)
	}
	return errors.Join(err1, err2)
}

// frame is the market's trade as a frame.
func (s *stage) frame(id int64) feed.RawTrade {
	t, ok := s.market[id]
	if !ok {
		t = deal(id, s.NowMs)
	}
	t.EventMs = max(s.NowMs, t.TradeMs)
	return t
}

func (s *stage) restart(words []string) error {
	keep := len(s.Log)
	c, sim, anew := s.Contract, s.simulated, ""
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "keep":
			keep = len(s.Log) + int(coretest.Number(v))
		case "step":
			c.Step = market.Unit{Scale: int(coretest.Number(v)), Size: 1}
		case "symbol":
			c.Symbol = v
		case "live":
			sim = false
		case "anew":
			anew = "compute has no state"
		default:
			return fmt.Errorf("unknown word %q", w)
		}
	}
	s.Log = s.Log[:keep]
	s.asked = nil
	s.feed = feed.New(s.cfg, c, sim)
	s.feed.BeginAnew(anew)
	s.feed.Start(s.NowMs, s.Writer(), s.Log)
	s.take()
	return nil
}

// alter changes the contract.
func (s *stage) alter(words []string) error {
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "step":
			s.Contract.Step = market.Unit{Scale: int(coretest.Number(v)), Size: 1}
		case "symbol":
			s.Contract.Symbol = v
		case "periods": // so many of them
			s.Contract.Period = market.Periods()[:coretest.Number(v)]
		default:
			return fmt.Errorf("unknown word %q", w)
		}
	}
	return nil
}

func (s *stage) kline(w []string) error {
	open, err := coretest.Seconds(w[0])
	if err != nil {
		return err
	}
	k := feed.Witness{OpenMs: open, CloseMs: open + 999, EventMs: s.NowMs, LastID: -1, Closed: true}
	for _, word := range w[1:] {
		switch key, v, _ := strings.Cut(word, "="); key {
		case "E":
			if k.EventMs, err = coretest.Seconds(v); err != nil {
				return err
			}
		case "L":
			k.Trades, k.LastID = 1, coretest.Number(v)
		}
	}
	for _, t := range s.market {
		if t.TradeMs >= open && t.TradeMs < open+1000 {
			k.Trades += t.LastID - t.FirstID + 1
			k.LastID = max(k.LastID, t.LastID)
		}
	}
	s.feed.Witness(s.NowMs, 1, k, nil)
	s.take()
	return nil
}

// answer plays REST for the oldest request.
func (s *stage) answer(words []string) error {
	if len(s.asked) == 0 {
		return errors.New("nothing was asked")
	}
	r := s.asked[0]
	s.asked = s.asked[1:]
	a := feed.Answer{Serial: r.Serial, ServerMs: s.NowMs}
	known := s.NowMs
	var hole, bad, tomb, alien []int64
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "error":
			a.Err = errors.New("status 429: the exchange wants no requests")
		case "lag":
			known -= coretest.Number(v) * 1000
		case "hole":
			hole = append(hole, coretest.Number(v))
		case "bad":
			bad = append(bad, coretest.Number(v))
		case "tombstone":
			tomb = append(tomb, coretest.Number(v))
		case "alien":
			alien = append(alien, coretest.Number(v))
		default:
			return fmt.Errorf("unknown word %q", w)
		}
	}
	if a.Err == nil {
		s.fill(&a, &r, known)
		for i := range a.Trades {
			t := &a.Trades[i]
			switch {
			case slices.Contains(bad, t.AggID):
				t.Price = "0.00000000"
			case slices.Contains(tomb, t.AggID):
				*t = feed.RawTrade{AggID: t.AggID, FirstID: -1, LastID: -1, TradeMs: t.TradeMs, Price: "0", Qty: "0"}
			case slices.Contains(alien, t.AggID):
				t.Price = "1.00000000"
			}
		}
		a.Trades = slices.DeleteFunc(a.Trades, func(t feed.RawTrade) bool { return slices.Contains(hole, t.AggID) })
	}
	s.feed.Answer(s.NowMs, &a)
	s.take()
	return nil
}

// take collects what an input caused.
func (s *stage) take() {
	e := s.feed.Take()
	for i := range e.Records {
		r, more := &e.Records[i], ""
		switch r.Kind {
		case market.KindTrade:
			more = fmt.Sprintf(" %d p=%s", r.Trade.AggID, market.FormatDecimal(r.Trade.Price, r.PriceScale))
		case market.KindContract:
			more = fmt.Sprintf(" seeds=%d", r.Spec.Seeds)
			if r.Spec.Delisted {
				more = " delisted"
			}
		case market.KindSeed:
			more = fmt.Sprintf(" %s of %s", r.Seed.Period, coretest.When(r.Seed.OpenMs))
		}
		s.Record(r, more)
	}
	for _, r := range e.Requests {
		s.asked = append(s.asked, r)
		switch r.Kind {
		case feed.FetchFrom:
			s.Sayf("ask from %d", r.FromID)
		case feed.FetchSince, feed.FetchDays:
			s.Sayf("ask %s %s", r.Kind, coretest.When(r.SinceMs))
		default:
			s.Sayf("ask %s", r.Kind)
		}
	}
	s.Reports(&e.Effects)
	if e.AskTime {
		s.Sayf("ask time")
	}
	if e.Reconnect != "" {
		s.Sayf("reconnect %s", e.Reconnect)
	}
}
