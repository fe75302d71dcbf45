package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/catalog"
)

// session is what the hub keeps for one client id. It outlives its connection if the client asked for that, and then gathers closed candles and status
// of QoS 1 only.
//
// Lock order: subsMu, hub.mu, filterNode.mu, mu. Publishers hold filterNode.mu (for reading) and take mu.
type session struct {
	id      string
	who     identity // whoever claimed it last; by registry.mu
	created time.Time

	subsMu sync.Mutex // held while subs and the hub's index change
	dead   bool       // by subsMu: ended, takes no more subscriptions

	mu         sync.Mutex
	subs       subscriptions
	conn       *conn // nil: offline
	finals     sendQueue
	snapshot   dirtySet // final topics whose retained value has still to be sent, after what waits in finals
	promised   promised // of an earlier connection's snapshot
	events     ring[delivery]
	state      dirtySet
	ahead      map[*topic]*frame // state that was sent before its publisher came to tell us of it
	pacer      pacer
	overflow   bool          // finals overflowed: the session is being ended
	persistent bool          // outlives its connection
	end        time.Time     // offline: until when
	order      atomic.Uint32 // of the general-purpose realm's messages
	unsent     unsent        // of these
	hold       bool          // a SUBSCRIBE is being processed: nothing is sent before its SUBACK
}

// outcome is what became of one message at one session.
type outcome struct{ conflated, dropped, overflowed bool }

// deliver takes a message that a publisher has just stored in t. qos is the greatest that the session was granted for t.
func (s *session) deliver(t *topic, f *frame, v verdict, qos byte, maxEvents int) (o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overflow {
		return o
	}
	switch {
	case t.class == catalog.Final && (s.conn != nil || qos > 0):
		d := delivery{f: f, t: t, qos: qos, value: v == retained && !f.clear}
		if v == retained { // what the snapshot would have sent is this very message
			d.retain = (s.snapshot.retain.has(t.id) || s.promised.retain.has(t.id)) && !f.clear
			s.snapshot.drop(t)
			s.promised.drop(t)
		}
		if !s.finals.push(d) {
			s.overflow, o.overflowed = true, true
			s.finals.waiting.reset()
			return o
		}
	case s.conn == nil:
		return o
	case t.class == catalog.State:
		if s.sentAhead(t, f) || !s.state.mark(t, false, f.at) {
			o.conflated = true // f, or what was in line when f was sent in its place
			s.conn.figures.conflated.Add(1)
		}
	case t.class == catalog.Event:
		if s.events.len() >= maxEvents {
			s.events.pop()
			o.dropped = true
			s.conn.figures.dropped.Add(1)
		}
		s.events.push(delivery{f: f, t: t})
	}
	if s.conn != nil {
		s.conn.enqueue()
	}
	return o
}

// noteAhead remembers a value that was sent while its publisher is on the way round. It may have been here already; then the entry is forgotten with the
// topic's next message.
func (s *session) noteAhead(t *topic, f *frame) {
	if s.ahead == nil {
		s.ahead = map[*topic]*frame{}
	}
	s.ahead[t] = f
}

// sentAhead says whether f was sent already: a client would get the same value of QoS 0 twice.
func (s *session) sentAhead(t *topic, f *frame) bool {
	sent, ok := s.ahead[t]
	if ok {
		delete(s.ahead, t)
	}
	return sent == f
}

// markSnapshot puts the current values of topics in line for c. asRetained: with the RETAIN bit, as the answer to a new subscription.
func (s *session) markSnapshot(c *conn, topics []*topic, asRetained bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return
	}
	waiting, now := s.finals.newestWaiting(), coarseMS(time.Now())
	for _, t := range topics {
		if f := t.current.Load(); f == nil || f.clear {
			continue
		}
		s.promised.drop(t)
		switch d := waiting[t]; {
		case t.class == catalog.State:
			s.state.mark(t, asRetained, now)
		case d != nil:
			// The topic's value is in the queue, or is being put there behind d: the snapshot would overtake d.
			d.retain = d.retain || asRetained
		default:
			s.snapshot.mark(t, asRetained, now)
		}
	}
	c.kick()
}

// attach makes c the session's connection; what it had queued for an earlier one goes to c. An earlier one that mochi did not close is closed.
func (s *session) attach(c *conn, window int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.conn != c {
		s.conn.closeFor("session takeover")
	}
	s.conn, s.hold, s.persistent = c, true, c.keep
	s.state.reset()
	s.ahead = nil
	s.pacer.reset()
	s.promised.take(&s.snapshot)
	s.events.reset()
	s.finals.resume(window)
}

// detach takes c away until it comes back, or the session's time is over; false if the session has another connection by now. State and events are not kept: the
// client gets the latest when it is back. Of the snapshot what is still to be sent is kept.
func (s *session) detach(c *conn, end time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return false
	}
	s.conn, s.end = nil, end
	s.state.reset()
	s.ahead = nil
	s.pacer.reset()
	s.promised.take(&s.snapshot)
	s.events.reset()
	return true
}

// resumable says whether the session may go on with a new connection: not if it holds what that client may not read any more.
func (s *session) resumable(who *identity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.persistent || s.overflow {
		return false
	}
	for filter := range s.subs.byFilter {
		if !who.mayRead(filter) {
			return false
		}
	}
	return true
}

// expired says whether the client has been away for too long. It does not wait for whoever is at work on the session: the registry is locked.
func (s *session) expired(now time.Time) bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	return s.conn == nil && now.After(s.end)
}

func (s *session) has(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn == c
}

func (s *session) connection() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

// filters returns the number of subscriptions, and whether this filter is one of them.
func (s *session) filters(filter string) (n int, has bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, has = s.subs.get(filter)
	return s.subs.len(), has
}

// setHold stops and starts sending around the answer to a SUBSCRIBE.
func (s *session) setHold(c *conn, hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == c {
		s.hold = hold
		c.kick()
	}
}

// ack takes a PUBACK; false if it is for none of our messages. What it makes room for is sent when all that arrived together was read: conn.caughtUp.
func (s *session) ack(c *conn, id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn == c && s.finals.ack(id)
}

// idle says whether nothing waits that could be sent now.
func (s *session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn == nil || s.state.len()+s.events.len()+s.snapshot.len() == 0 && !s.finals.ready()
}

// collect appends what c should send next, up to about limit bytes; more: there is more to send now.
func (s *session) collect(c *conn, dst []byte, limit int, n *tally) (out []byte, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c || s.hold {
		return dst, false
	}
	end := len(dst) + limit
	// Closed candles and status go first but leave half of the batch to the others, events half of the rest. What is left then is anyone's.
	finals := len(dst) + limit/2
	for range 2 {
		dst = s.collectFinals(c, dst, finals, n)
		events := len(dst) + (end-len(dst))/2
		if s.state.len() == 0 {
			events = end
		}
		for s.events.len() > 0 && len(dst) < events && !n.full() {
			dst = s.emit(c, dst, s.events.pop(), 0, false, n)
		}
		for len(dst) < end && !n.full() {
			t, snapshot, ok := s.state.pop()
			if !ok {
				break
			}
			if !snapshot && s.paced(c, t) {
				continue
			}
			f := t.current.Load()
			if t.settled.Load() != f {
				s.noteAhead(t, f)
			}
			dst = s.emit(c, dst, delivery{f: f, t: t, retain: snapshot && !f.clear}, 0, false, n)
		}
		finals = end
	}
	return dst, s.ready()
}

// ready says whether something could be sent now. By mu.
func (s *session) ready() bool {
	return s.state.len()+s.events.len() > 0 || s.finals.ready() || s.snapshot.len() > 0 && s.finals.open()
}

// collectFinals takes turns between what waits and the snapshot, so that neither holds up the other.
func (s *session) collectFinals(c *conn, dst []byte, end int, n *tally) []byte {
	for more := true; more && len(dst) < end && !n.full(); {
		f, dup, waited := s.finals.next()
		if waited {
			dst = s.emit(c, dst, f.delivery, f.id, dup, n)
		}
		d, marked := s.nextSnapshot()
		if marked {
			var id uint16
			if d.qos > 0 {
				id = s.finals.launch(d).id
			}
			dst = s.emit(c, dst, d, id, false, n)
		}
		more = waited || marked
	}
	return dst
}

// nextSnapshot returns the retained value of the next topic of the snapshot; false if there is none or the client's window is full.
func (s *session) nextSnapshot() (delivery, bool) {
	for s.finals.open() {
		t, asRetained, ok := s.snapshot.pop()
		if !ok {
			break
		}
		f := t.current.Load()
		if qos, subscribed := s.subs.grantedQoS(t); subscribed && !f.clear {
			return delivery{f: f, t: t, retain: asRetained, qos: qos}, true
		}
	}
	return delivery{}, false
}

// emit appends one message in the form that the connection and its subscriptions ask for.
func (s *session) emit(c *conn, dst []byte, d delivery, id uint16, dup bool, n *tally) []byte {
	o := sending{v5: c.v5, retain: d.retain, dup: dup, packetID: id}
	if s.subs.annotated > 0 {
		asPublished, ids := s.subs.annotations(d.t)
		o.retain = o.retain || asPublished && d.t.class != catalog.Event
		o.subIDs = ids
	}
	if c.maxPacket > 0 && d.f.size(&o) > c.maxPacket {
		n.tooLarge++ // must be treated as if it were delivered [MQTT 5, 3.1.2.11.4]
		if id != 0 {
			s.finals.ack(id)
		}
		return dst
	}
	n.messages++
	return d.f.appendTo(dst, &o)
}
