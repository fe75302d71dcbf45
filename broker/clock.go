package broker

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

const (
	// clockGrace is what a bridge that lives has over the limit for saying itself that a clock has stopped.
	clockGrace = 500 * time.Millisecond
	// clockMoves is at how many looks the beat must have moved until the edge takes back that it has not: a bridge that starts, or connects anew, brings an
	// old one first.
	clockMoves = 2
)

// contractClock says whether a contract's clock moves: as the bridge reports it on a topic of its own, and, because a bridge that has died or hangs reports
// nothing, as its beat is heard here.
type contractClock struct {
	report, candle, ticker *topic // nil: there was none yet

	seen     *frame // of report
	reported time.Time
	live     bool
	version  market.Version
	own      []byte // the edge's last word on report

	updates uint32    // of the beat
	moved   time.Time // zero: never
	since   int       // looks at which it had moved, since the edge has said that it does not
}

// beat is the topic that moves with the clock; nil: there is none.
func (c *contractClock) beat() *topic {
	if c.candle != nil {
		if f := c.candle.current.Load(); f != nil && !f.clear {
			return c.candle
		}
	}
	return c.ticker
}

func (c *contractClock) look(now time.Time) {
	if b := c.beat(); b != nil {
		if n := b.updates.Load(); n != c.updates {
			c.updates, c.moved = n, now
			c.since++
		}
	}
	if c.report == nil || c.report.current.Load() == c.seen {
		return
	}
	c.seen, c.version = c.report.holds()
	c.reported, c.live = now, false
	var report struct {
		State string `json:"state"`
	}
	if c.seen != nil && json.Unmarshal(c.seen.payload(), &report) == nil {
		c.live = report.State == market.ClockLive
	}
}

// moves says whether the clock moves: by the report, and by what is heard.
func (c *contractClock) moves(now time.Time) bool {
	return c.live && !c.moved.IsZero() && now.Sub(c.moved) < market.ClockLimit
}

// judge returns what the edge has to say: that the clock has stopped of which the report says that it moves, and that it moves again if it was the edge that
// said so. What the bridge says counts more: it knows whether a beat is fresh.
func (c *contractClock) judge(contract string, now time.Time, fed bool) (m Message, news bool) {
	heard := c.moved
	if heard.Before(c.reported) { // the report comes before the beat, or the other way round
		heard = c.reported
	}
	switch {
	case c.live && now.Sub(heard) >= market.ClockLimit+clockGrace:
		c.since = 0
		return c.word(contract, now, market.ClockStale, "this edge hears nothing of the contract any more", market.QualityStale, heard), true
	case !c.live && len(c.own) > 0 && bytes.Equal(c.seen.payload(), c.own) && c.since >= clockMoves && fed:
		return c.word(contract, now, market.ClockLive, "the contract's clock moves", market.QualityOK, now), true
	}
	return m, false
}

// word is a report of the edge's own. Its version comes next after the last report's, whose time it keeps: the bridge's next one is newer.
func (c *contractClock) word(contract string, now time.Time, state, reason string, q market.Quality, since time.Time) Message {
	var last struct {
		Source string `json:"src"`
		Sim    bool   `json:"sim"`
	}
	_ = json.Unmarshal(c.seen.payload(), &last) // it was read before
	s := market.Status{Scope: contract, Kind: "clock", Source: last.Source, Simulated: last.Sim, AtMs: now.UnixMilli(), Epoch: c.version.Epoch,
		Counter: c.version.Seq + 1, Quality: q, State: state, SinceMs: since.UnixMilli(), Reason: reason, Missing: -1}
	return Message{Topic: c.report.name, Class: catalog.Final, Version: s.Version(), Payload: s.AppendJSON(nil)}
}
