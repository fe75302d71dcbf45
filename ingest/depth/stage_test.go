package depth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/core/coretest"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/market"
)

// stage is a feed between a scripted exchange and a log.
type stage struct {
	coretest.Stage
	cfg   depth.Config
	feed  *depth.Feed
	asked []depth.Request
}

func newStage() *stage {
	s := &stage{Stage: coretest.NewStage(), cfg: depth.DefaultConfig()}
	s.cfg.Levels, s.cfg.RefreshLevels, s.cfg.MaxHeld = 4, 2, 6
	s.Contract.Step = market.Unit{Scale: 0, Size: 1}
	s.feed = depth.New(s.cfg, s.Contract, true)
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
	case "start":
		s.feed.Start(s.NowMs, s.NowMs, nil)
	case "restart": // restart [symbol=X] [tick=3] [source=X]: a new process on the same log, perhaps after a change of the catalogue
		err = s.restart(w[1:])
	case "change": // change [symbol=X] [tick=3] [depth=20]: the catalogue's entry is another one
		if err = s.alter(w[1:]); err == nil {
			s.feed.Change(s.NowMs, s.Contract)
		}
	case "delist":
		s.feed.Delist(s.NowMs)
	case "up":
		s.feed.ConnUp(s.NowMs, coretest.Number(w[1]))
	case "down":
		s.feed.ConnDown(s.NowMs, coretest.Number(w[1]), "cut")
	case "heard": // another frame of the connection, with the source's time
		var ms int64
		ms, err = coretest.Seconds(w[1])
		s.feed.Heard(s.NowMs, ms)
	case "diff": // diff 101..103 b 99=1 98=0 a 101=2 [E=1.5] [s=ETHUSDT] [conn=2]: a frame
		err = s.diff(w[1:])
	case "answer": // answer 100 b 99=1 a 101=2: what REST says to the oldest request; answer error
		err = s.answer(w[1:])
	case "malformed":
		s.feed.Malformed(s.NowMs, 1, "btcusdt@depth@100ms", core.ReasonBadJSON, "unexpected end of JSON input", []byte(`{"e":"depth`))
	default:
		err = fmt.Errorf("unknown command %q", w[0])
	}
	s.take()
	return err
}

func (s *stage) restart(w []string) error {
	if err := s.alter(w); err != nil {
		return err
	}
	s.asked = nil
	s.feed = depth.New(s.cfg, s.Contract, true)
	s.feed.Start(s.NowMs, s.Writer(), s.Log)
	return nil
}

// alter changes the contract.
func (s *stage) alter(w []string) error {
	for _, word := range w {
		k, v, _ := strings.Cut(word, "=")
		switch k {
		case "symbol":
			s.Contract.Symbol = v
		case "source":
			s.Contract.Source = v
		case "tick":
			s.Contract.Tick.Scale = int(coretest.Number(v))
		case "depth":
			s.Contract.Depth = int(coretest.Number(v))
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
	raw := depth.RawDiff{Symbol: s.Contract.Symbol, EventMs: s.NowMs, FirstID: coretest.Number(a), LastID: coretest.Number(b), Raw: []byte(strings.Join(w, " "))}
	var rest map[string]string
	raw.Bids, raw.Asks, rest = sides(w[1:])
	conn := int64(1)
	for k, v := range rest {
		switch k {
		case "E":
			raw.EventMs, err = coretest.Seconds(v)
		case "s":
			raw.Symbol = v
		case "conn":
			conn = coretest.Number(v)
		}
	}
	s.feed.Diff(s.NowMs, conn, &raw)
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
		a.LastID = coretest.Number(w[0])
		a.Bids, a.Asks, _ = sides(w[1:])
	}
	s.feed.Answer(s.NowMs, &a)
	return nil
}

// take collects what an input caused.
func (s *stage) take() {
	e := s.feed.Take()
	for i := range e.Records {
		r, more := &e.Records[i], ""
		switch r.Kind {
		case market.KindSnapshot, market.KindDiff:
			more = fmt.Sprintf(" %d..%d%s%s", r.Book.FirstID, r.Book.LastID, levels(" b", r.Book.Bids, r.PriceScale), levels(" a", r.Book.Asks, r.PriceScale))
		case market.KindContract:
			c := &r.Spec.Contract
			more = fmt.Sprintf(" %s tick %s depth %d delisted=%t", c.Symbol, c.Tick, c.Depth, r.Spec.Delisted)
		}
		s.Record(r, more)
	}
	for _, r := range e.Requests {
		s.asked = append(s.asked, r)
		s.Sayf("ask for %d levels", r.Levels)
	}
	s.Reports(&e.Effects)
}

func levels(side string, ls []market.Level, scale int) string {
	for _, l := range ls {
		side += fmt.Sprintf(" %s=%d", market.FormatDecimal(l.Price, scale), l.Qty)
	}
	return side
}
