package broker

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/catalog"
)

const (
	// signOfLife is after how long without news the unchanged value of a state topic is sent again while its contract's clock moves, so that a client can tell
	// "unchanged" from "dead".
	signOfLife = 3 * time.Second
	lifeLook   = 500 * time.Millisecond // how often it is looked whose time has come
	justHeard  = signOfLife / 2         // whoever subscribed so lately has the value already
)

// life sends unchanged values again, and says when a contract's clock has stopped. It belongs to one goroutine.
type life struct {
	hub        *hub
	contractOf func(topic string) (contract string, role catalog.ClockRole)
	fed        func() bool // by the bridge; unless it has stopped without a word
	known      int         // of the index's topics
	states     []stateTopic
	clocks     map[string]*contractClock
	tally      atomic.Pointer[clockTally] // of the last sweep, for other goroutines
}

// clockTally is how many contracts' clocks move, and which do not.
type clockTally struct {
	live  int
	stale []string // sorted
}

// stateTopic is a topic whose value may have to be repeated.
type stateTopic struct {
	*topic
	clock    *contractClock
	repeated uint32 // coarseMS of the last time
	ever     bool   // repeated means something
}

func newLife(h *hub, contractOf func(string) (string, catalog.ClockRole), fed func() bool) *life {
	return &life{hub: h, contractOf: contractOf, fed: fed, clocks: map[string]*contractClock{}}
}

func (l *life) run(ctx context.Context) {
	tick := time.NewTicker(lifeLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			l.sweep(now)
		}
	}
}

// sweep sends again what has not changed for signOfLife, where the contract's clock moves.
func (l *life) sweep(now time.Time) {
	l.learn()
	fed := l.fed()
	for contract, c := range l.clocks {
		c.look(now)
		if m, news := c.judge(contract, now, fed); news && l.hub.publish(&m) {
			c.own = m.Payload
			l.hub.start()
			c.look(now)
		}
	}
	l.count()
	at := coarseMS(now)
	long := func(since uint32) bool { return int32(at-since) >= int32(signOfLife.Milliseconds()) }
	for i := range l.states {
		s := &l.states[i]
		f := s.current.Load()
		if f == nil || f.clear || !long(f.at) || s.ever && !long(s.repeated) || !fed || !s.clock.moves(now) || s.clock.beat() == s.topic {
			continue
		}
		s.repeated, s.ever = at, true
		l.hub.repeat(s.topic, at)
	}
}

func (l *life) count() {
	t := &clockTally{}
	for contract, c := range l.clocks {
		switch {
		case c.seen == nil: // nobody has said anything yet
		case c.live:
			t.live++
		case !c.seen.clear:
			t.stale = append(t.stale, contract)
		}
	}
	slices.Sort(t.stale)
	l.tally.Store(t)
}

// learn takes up the topics that have come since the last sweep.
func (l *life) learn() {
	for _, t := range l.hub.index.after(l.known) {
		l.known++
		contract, role := l.contractOf(t.name)
		if contract == "" {
			continue
		}
		c := l.clocks[contract]
		if c == nil {
			c = &contractClock{}
			l.clocks[contract] = c
		}
		switch role {
		case catalog.ClockReport:
			c.report = t
		case catalog.CandleBeat:
			c.candle = t
		case catalog.TickerBeat:
			c.ticker = t
		}
		if t.class == catalog.State {
			l.states = append(l.states, stateTopic{topic: t, clock: c})
		}
	}
}

// repeat puts the value of a state topic in line for each subscriber that would otherwise hear nothing of it.
func (h *hub) repeat(t *topic, now uint32) {
	nodes := *t.nodes.Load()
	for i, n := range nodes {
		n.mu.RLock()
		for _, m := range n.members {
			if m.s.repeat(t, nodes[:i], n, now) {
				h.stats.repeated.Add(1)
			}
		}
		n.mu.RUnlock()
	}
}

// repeat puts t in line for what the filter of n asked for, unless an earlier one has; false if the client needs no repetition.
func (s *session) repeat(t *topic, earlier []*filterNode, n *filterNode, now uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, ok := s.subs.byNode[n]
	if !ok || s.conn == nil || int32(now-sub.at) < int32(justHeard.Milliseconds()) {
		return false
	}
	for _, e := range earlier {
		if _, has := s.subs.byNode[e]; has {
			return false
		}
	}
	if !s.state.mark(t, false, now) {
		return false // it is on its way
	}
	s.conn.kick()
	return true
}
