package feed_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// do carries out one command of a transcript.
func (s *stage) do(w []string) (err error) {
	switch w[0] {
	case "at": // at 3.5: time passes without anybody looking
		s.nowMs, err = seconds(w[1])
	case "until": // until 3.5: time passes and the feed is woken whenever it wants
		err = s.until(w[1])
	case "market": // market 1..20 0 0.1: what the exchange traded: ids, time of the first, distance
		err = s.trade(w[1:])
	case "start":
		s.feed.Start(s.nowMs, s.nowMs, nil)
		s.take()
	case "restart": // restart [keep=-2] [step=4] [live] [symbol=X] [anew]: a new process on the same log
		err = s.restart(w[1:])
	case "change": // change [step=4] [symbol=X] [periods=2]: the catalogue's entry is another one
		if err = s.alter(w[1:]); err == nil {
			s.feed.Change(s.nowMs, s.contract)
			s.take()
		}
	case "delist":
		s.feed.Delist(s.nowMs)
		s.take()
	case "time": // time 5: REST's clock
		var ms int64
		ms, err = seconds(w[1])
		s.feed.SourceTime(s.nowMs, ms)
	case "up":
		s.feed.ConnUp(s.nowMs, number(w[1]))
		s.take()
	case "down":
		s.feed.ConnDown(s.nowMs, number(w[1]), "cut")
		s.take()
	case "trade": // trade 7..9 [p=...]: frames, as the market has them but for the changes
		var from, to int64
		from, to, err = span(w[1])
		for id := from; id <= to && err == nil; id++ {
			t := s.frame(id)
			if err = change(&t, w[2:]); err == nil {
				s.feed.Trade(s.nowMs, 1, &t)
				s.take()
			}
		}
	case "kline": // kline 3 [E=2] [L=1007]: the closed kline of the second that begins at 3, as the market has it; E: the frame's time, L: a last trade
		err = s.kline(w[1:])
	case "answer": // answer [lag=2] [hole=5] [bad=6] [tombstone=7]: what REST says to the oldest request; answer error
		err = s.answer(w[1:])
	case "malformed":
		s.feed.Malformed(s.nowMs, 1, "btcusdt@aggTrade", core.ReasonBadJSON, "unexpected end of JSON input", []byte(`{"e":"agg`))
		s.take()
	default:
		err = fmt.Errorf("unknown command %q", w[0])
	}
	return err
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
			s.take()
			return nil
		}
		s.nowMs = at
		s.feed.Tick(s.nowMs)
		s.take()
	}
	return err
}

func (s *stage) trade(w []string) error {
	from, to, err := span(w[0])
	if err != nil {
		return err
	}
	at, err1 := seconds(w[1])
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
		t = deal(id, s.nowMs)
	}
	t.EventMs = max(s.nowMs, t.TradeMs)
	return t
}

func (s *stage) restart(words []string) error {
	keep := len(s.log)
	c, sim, anew := s.contract, s.simulated, ""
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "keep":
			keep = len(s.log) + int(number(v))
		case "step":
			c.Step = market.Unit{Scale: int(number(v)), Size: 1}
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
	s.log = s.log[:keep]
	s.asked = nil
	s.feed = feed.New(s.cfg, c, sim)
	s.feed.BeginAnew(anew)
	s.feed.Start(s.nowMs, s.writer(), s.log)
	s.take()
	return nil
}

// alter changes the contract.
func (s *stage) alter(words []string) error {
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "step":
			s.contract.Step = market.Unit{Scale: int(number(v)), Size: 1}
		case "symbol":
			s.contract.Symbol = v
		case "periods": // so many of them
			s.contract.Period = market.Periods()[:number(v)]
		default:
			return fmt.Errorf("unknown word %q", w)
		}
	}
	return nil
}

func (s *stage) kline(w []string) error {
	open, err := seconds(w[0])
	if err != nil {
		return err
	}
	k := feed.Witness{OpenMs: open, CloseMs: open + 999, EventMs: s.nowMs, LastID: -1, Closed: true}
	for _, word := range w[1:] {
		switch key, v, _ := strings.Cut(word, "="); key {
		case "E":
			if k.EventMs, err = seconds(v); err != nil {
				return err
			}
		case "L":
			k.Trades, k.LastID = 1, number(v)
		}
	}
	for _, t := range s.market {
		if t.TradeMs >= open && t.TradeMs < open+1000 {
			k.Trades += t.LastID - t.FirstID + 1
			k.LastID = max(k.LastID, t.LastID)
		}
	}
	s.feed.Witness(s.nowMs, 1, k, nil)
	s.take()
	return nil
}

// writer is the id of a new writer.
func (s *stage) writer() int64 {
	id := s.nowMs
	for i := range s.log {
		id = max(id, s.log[i].Writer+1)
	}
	return id
}

// answer plays REST for the oldest request.
func (s *stage) answer(words []string) error {
	if len(s.asked) == 0 {
		return errors.New("nothing was asked")
	}
	r := s.asked[0]
	s.asked = s.asked[1:]
	a := feed.Answer{Serial: r.Serial, ServerMs: s.nowMs}
	known := s.nowMs
	var hole, bad, tomb, alien []int64
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "error":
			a.Err = errors.New("status 429: the exchange wants no requests")
		case "lag":
			known -= number(v) * 1000
		case "hole":
			hole = append(hole, number(v))
		case "bad":
			bad = append(bad, number(v))
		case "tombstone":
			tomb = append(tomb, number(v))
		case "alien":
			alien = append(alien, number(v))
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
	s.feed.Answer(s.nowMs, &a)
	s.take()
	return nil
}

// fill puts into an answer what an exchange would that knows trades up to a time.
func (s *stage) fill(a *feed.Answer, r *feed.Request, knownMs int64) {
	var ids []int64
	for id, t := range s.market {
		if t.TradeMs <= knownMs && (r.Kind != feed.FetchFrom || id >= r.FromID) && (r.Kind != feed.FetchSince || t.TradeMs >= r.SinceMs) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	switch r.Kind {
	case feed.FetchSeeds:
		a.Days = klines(market.Period1d, market.Period1d.OpenMs(s.nowMs), r.Days)
		a.Minutes = klines(market.Period1m, market.Period1m.OpenMs(s.nowMs), r.Minutes)
		return
	case feed.FetchDays:
		end := r.SinceMs
		if knownMs < s.nowMs { // the day is not in the database yet
			end -= market.DayMs
		}
		a.Days = klines(market.Period1d, end, r.Days)
		return
	case feed.FetchLatest:
		ids = ids[max(0, len(ids)-1):]
	}
	for _, id := range ids[:min(len(ids), r.Rows)] {
		t := s.market[id]
		t.Symbol, t.EventMs = "", 0
		a.Trades = append(a.Trades, t)
	}
}

// klines makes n klines that end at endMs.
func klines(p market.Period, endMs int64, n int) (out []feed.RawKline) {
	length := p.NextMs(0)
	for t := endMs - int64(n)*length; t < endMs; t += length {
		out = append(out, feed.RawKline{OpenMs: t, CloseMs: t + length - 1, Open: "7100.00", High: "7200.00", Low: "7000.00", Close: "7139.00",
			Volume: "10.5", QuoteVolume: "74000.123", BuyVolume: "5", BuyQuoteVolume: "35000", Trades: 12})
	}
	return out
}
