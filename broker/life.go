package broker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

const (
	// signOfLife is after how long without news the unchanged value of a state topic is sent again while its contract's clock moves, so that a client can tell
	// "unchanged" from "dead".
	signOfLife = 3 * time.Second
	lifeLook   = 500 * time.Millisecond // how often it is looked whose time has come
	justHeard  = signOfLife / 2         // whoever subscribed so lately has the value already
)

// life sends unchanged values again. It belongs to one goroutine.
type life struct {
	hub        *hub
	contractOf func(topic string) (contract string, clock bool)
	known      int // of the index's topics
	states     []stateTopic
	clocks     map[string]*contractClock
}

// stateTopic is a topic whose value may have to be repeated.
type stateTopic struct {
	*topic
	clock    *contractClock
	repeated uint32 // coarseMS of the last time
	ever     bool   // repeated means something
}

// contractClock says whether a contract's clock moves, as the bridge reports it on a topic of its own.
type contractClock struct {
	report *topic // nil: there was none yet
	seen   *frame
	live   bool
}

func newLife(h *hub, contractOf func(string) (string, bool)) *life {
	return &life{hub: h, contractOf: contractOf, clocks: map[string]*contractClock{}}
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

// sweep sends again what has not changed for signOfLife.
func (l *life) sweep(now time.Time) {
	l.learn()
	for _, c := range l.clocks {
		c.look()
	}
	at := coarseMS(now)
	long := func(since uint32) bool { return int32(at-since) >= int32(signOfLife.Milliseconds()) }
	for i := range l.states {
		s := &l.states[i]
		f := s.current.Load()
		if !s.clock.live || f == nil || f.clear || !long(f.at) || s.ever && !long(s.repeated) {
			continue
		}
		s.repeated, s.ever = at, true
		l.hub.repeat(s.topic, at)
	}
}

// learn takes up the topics that have come since the last sweep.
func (l *life) learn() {
	for _, t := range l.hub.index.after(l.known) {
		l.known++
		contract, clock := l.contractOf(t.name)
		if contract == "" {
			continue
		}
		c := l.clocks[contract]
		if c == nil {
			c = &contractClock{}
			l.clocks[contract] = c
		}
		switch {
		case clock:
			c.report = t
		case t.class == catalog.State:
			l.states = append(l.states, stateTopic{topic: t, clock: c})
		}
	}
}

func (c *contractClock) look() {
	if c.report == nil {
		return
	}
	f := c.report.current.Load()
	if f == c.seen {
		return
	}
	c.seen, c.live = f, false
	var report struct {
		State string `json:"state"`
	}
	if f != nil && json.Unmarshal(f.payload(), &report) == nil {
		c.live = report.State == market.ClockLive
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
