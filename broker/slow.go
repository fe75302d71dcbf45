package broker

import (
	"cmp"
	"slices"
	"time"

	"github.com/tickcast/tickcast/broker/admin"
	"github.com/tickcast/tickcast/catalog"
)

const (
	slowFloor = 100 * time.Millisecond // what waits for less is on its way
	slowKept  = 1000                   // the list's length, as EMQX's at most
)

// waits are what waits for a session at a moment.
type waits struct {
	queueLengths
	oldest    time.Duration
	connected bool
}

// age is how long ago a coarse time was.
func age(now, since uint32) time.Duration {
	return time.Duration(max(int32(now-since), 0)) * time.Millisecond // a message may be published between the two looks at the clock
}

func (s *session) waits(now uint32) waits {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := waits{queueLengths: s.lengths(), connected: s.conn != nil}
	for _, d := range []*dirtySet{&s.state, &s.snapshot} {
		for p := range d.waiting() { // the first has waited longest
			w.oldest = max(w.oldest, age(now, p.since))
			break
		}
	}
	for _, q := range []*ring[delivery]{&s.events, &s.finals.waiting} {
		if q.len() > 0 {
			w.oldest = max(w.oldest, age(now, q.first().f.at))
		}
	}
	return w
}

// writeAge returns the milliseconds since the socket last took something; nil if it never did.
func (f *figures) writeAge(now time.Time) *int64 {
	if f.sentBytes.Load() == 0 {
		return nil
	}
	ms := age(coarseMS(now), f.wrote.Load()).Milliseconds()
	return &ms
}

// SlowSubscriptions implements admin.Edge.
func (m manage) SlowSubscriptions(p admin.Page) ([]admin.SlowSubscription, int) {
	var worst []admin.SlowSubscription
	cut := func() {
		slices.SortFunc(worst, func(a, b admin.SlowSubscription) int {
			return cmp.Or(cmp.Compare(b.WaitMS, a.WaitMS), cmp.Compare(b.Conflated+uint64(b.Queue), a.Conflated+uint64(a.Queue)),
				cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Topic, b.Topic))
		})
		worst = worst[:min(len(worst), slowKept)]
	}
	for _, e := range m.sessions.all() {
		worst = e.s.slow(worst, time.Now())
		if len(worst) > 4*slowKept {
			cut()
		}
	}
	cut()
	from, to := p.Bounds(len(worst))
	return worst[from:to], len(worst)
}

// slow appends the topics of which something has been waiting for a while. Sessions without a connection are not slow, they are away.
func (s *session) slow(list []admin.SlowSubscription, now time.Time) []admin.SlowSubscription {
	ms := coarseMS(now)
	if w := s.waits(ms); !w.connected || w.oldest < slowFloor {
		return list
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return list
	}
	f := &s.conn.figures
	row := admin.SlowSubscription{ClientID: s.id, Dropped: f.dropped.Load(), WriteAgeMS: f.writeAge(now)}
	for _, d := range []*dirtySet{&s.state, &s.snapshot} {
		for p := range d.waiting() {
			wait := age(ms, p.since)
			if wait < slowFloor {
				break // those behind wait for less
			}
			r := row
			r.Topic, r.Class, r.WaitMS, r.Queue = p.t.name, p.t.class.String(), wait.Milliseconds(), 1
			if p.t.class == catalog.State {
				r.Conflated = uint64(p.t.updates.Load() - p.updates)
			}
			list = append(list, r)
		}
	}
	rows := map[*topic]int{} // in list, of what waits in queues
	for _, q := range []*ring[delivery]{&s.events, &s.finals.waiting} {
		for d := range q.all() {
			if i, ok := rows[d.t]; ok {
				list[i].Queue++
			} else if wait := age(ms, d.f.at); wait >= slowFloor {
				rows[d.t] = len(list)
				r := row
				r.Topic, r.Class, r.WaitMS, r.Queue = d.t.name, d.t.class.String(), wait.Milliseconds(), 1
				list = append(list, r)
			}
		}
	}
	return list
}
