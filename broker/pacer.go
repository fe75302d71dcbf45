package broker

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// rateProperty is the User Property of a SUBSCRIBE by which a client asks for at most so many updates a second of each state topic of its filters, such as
// `2` or `0.5`. It gets the first at once and the latest when it is time; closed candles, status and events are not thinned.
const rateProperty = "rate"

var errRate = errors.New("rate is not a number of updates a second from 0.001 to 1000")

// askedInterval returns the least time between two updates that a SUBSCRIBE asks for, in ms, 0: none.
func askedInterval(pk *packets.Packet) (ms uint32, err error) {
	const lowest, highest = 0.001, 1000
	for _, u := range pk.Properties.User {
		if u.Key == rateProperty {
			perSecond, err := strconv.ParseFloat(u.Val, 64)
			if err != nil || !(perSecond >= lowest && perSecond <= highest) {
				return 0, errRate
			}
			return uint32(1000 / perSecond), nil
		}
	}
	return 0, nil
}

// pacer holds state topics back that were sent less than their interval ago. It holds topics, not messages: what is sent at last is their latest value.
type pacer struct {
	sent map[*topic]uint32 // coarseMS
	held bitmap
	line []due // of held, the earliest first
	wake *time.Timer
}

type due struct {
	t  *topic
	at uint32 // coarseMS
}

// hold says whether t has to wait; again: it did already.
func (p *pacer) hold(t *topic, interval, now uint32) (wait, again bool) {
	if interval == 0 {
		return false, false
	}
	if last, ok := p.sent[t]; !ok || now-last >= interval {
		if p.sent == nil {
			p.sent = map[*topic]uint32{}
		}
		p.sent[t] = now
		return false, false
	}
	if p.held.has(t.id) {
		return true, true
	}
	p.held.set(t.id)
	d := due{t, p.sent[t] + interval}
	i, _ := slices.BinarySearchFunc(p.line, d, func(a, b due) int { return cmp.Compare(int32(a.at-b.at), 0) })
	p.line = slices.Insert(p.line, i, d)
	return true, false
}

// release returns the topics whose time has come.
func (p *pacer) release(now uint32) (ts []*topic) {
	n := 0
	for ; n < len(p.line) && int32(now-p.line[n].at) >= 0; n++ {
		p.held.unset(p.line[n].t.id)
		ts = append(ts, p.line[n].t)
	}
	p.line = slices.Delete(p.line, 0, n)
	return ts
}

// next has f called when the first is due.
func (p *pacer) next(now uint32, f func()) {
	if len(p.line) == 0 {
		return
	}
	wait := time.Duration(max(int32(p.line[0].at-now), 1)) * time.Millisecond
	if p.wake == nil {
		p.wake = time.AfterFunc(wait, f)
		return
	}
	p.wake.Reset(wait)
}

func (p *pacer) reset() {
	if p.wake != nil {
		p.wake.Stop()
	}
	*p = pacer{}
}

// interval returns the least time between two updates of a topic, in ms: that of the quickest subscription that matches.
func (s *subscriptions) interval(t *topic) (ms uint32) {
	first := true
	for sub := range s.matching(t) {
		if first || sub.interval < ms {
			ms, first = sub.interval, false
		}
	}
	return ms
}

// paced says whether a state topic has to wait. By mu.
func (s *session) paced(c *conn, t *topic) bool {
	if s.subs.slowed == 0 {
		return false
	}
	now := coarseMS(time.Now())
	wait, again := s.pacer.hold(t, s.subs.interval(t), now)
	if again {
		c.stats.conflated.Add(1)
		c.figures.conflated.Add(1)
	} else if wait {
		s.pacer.next(now, s.releasePaced)
	}
	return wait
}

// releasePaced puts the topics in line whose time has come.
func (s *session) releasePaced() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := coarseMS(time.Now())
	ts := s.pacer.release(now)
	s.pacer.next(now, s.releasePaced)
	if s.conn == nil {
		return
	}
	for _, t := range ts {
		if _, subscribed := s.subs.grantedQoS(t); subscribed {
			s.state.mark(t, false, now)
		}
	}
	s.conn.kick()
}
