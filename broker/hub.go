package broker

import (
	"slices"
	"sync"
	"time"

	"github.com/tickcast/tickcast/catalog"
)

// Message is one message for all subscribers of its topic. Publish copies the payload; an empty one clears the retained value, and is forwarded.
type Message = catalog.Message

// hub keeps the latest value of each topic and tells the sessions that subscribed to it. It knows nothing of sockets: a session's connection is kicked and
// collects.
type hub struct {
	index     *index
	maxEvents int
	stats     *counters
	pumps     []*pump
	end       func(s *session) // ends a session whose queue overflowed; called without any lock
}

// publish stores a message and hands it to the matching sessions; false if it is not newer than what the topic holds. One message of a topic at a time. The
// sessions' connections are in line then; start has them sent.
func (h *hub) publish(m *Message) bool { return h.take(m, false) }

// arrive is publish for a message without a version: it gets the topic's next one. Any number of messages of a topic at a time.
func (h *hub) arrive(m *Message) { h.take(m, true) }

func (h *hub) take(m *Message, byArrival bool) bool {
	t := h.index.topic(m.Topic, m.Class)
	overflowed, ok := h.store(t, m, byArrival)
	for _, s := range overflowed {
		h.end(s)
	}
	return ok
}

// start wakes the pumps.
func (h *hub) start() {
	for _, p := range h.pumps {
		p.start()
	}
}

func (h *hub) store(t *topic, m *Message, byArrival bool) (overflowed []*session, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	version := m.Version
	if byArrival {
		version = t.rule.next()
	}
	v := t.rule.offer(t.class, version, len(m.Payload) == 0)
	if v == refused {
		h.stats.refusedVersions.Add(1)
		return nil, false
	}
	f := newFrame(t.name, m.Payload)
	if v == retained && t.class != catalog.Event {
		t.current.Store(f)
	}
	overflowed = h.fanOut(t, f, v)
	h.stats.published.Add(1)
	return overflowed, true
}

// fanOut hands a frame that t has just stored to the matching sessions. By t.mu.
func (h *hub) fanOut(t *topic, f *frame, v verdict) (overflowed []*session) {
	t.updates.Add(1)
	var fan fanOut
	nodes := *t.nodes.Load()
	if len(nodes) > 1 {
		fan.overlapping(h, t, f, v, nodes)
	} else {
		for _, n := range nodes { // a session is in it once
			n.mu.RLock()
			for i := range n.members {
				fan.deliver(h, t, f, v, n.members[i])
			}
			n.mu.RUnlock()
		}
	}
	if t.class == catalog.State {
		t.settled.Store(f)
	}
	if fan.conflated > 0 {
		h.stats.conflated.Add(fan.conflated)
	}
	if fan.dropped > 0 {
		h.stats.dropped.Add(fan.dropped)
	}
	return fan.overflowed
}

// fanOut counts what became of one message.
type fanOut struct {
	conflated, dropped uint64
	overflowed         []*session
}

func (o *fanOut) deliver(h *hub, t *topic, f *frame, v verdict, m member) {
	r := m.s.deliver(t, f, v, m.qos, h.maxEvents)
	if r.conflated {
		o.conflated++
	}
	if r.dropped {
		o.dropped++
	}
	if r.overflowed {
		o.overflowed = append(o.overflowed, m.s)
	}
}

var grantedSets = sync.Pool{New: func() any { return map[*session]byte{} }}

// overlapping delivers once to each session, at the greatest QoS that any of its filters was granted. State too: a writer that took a topic between two
// marks would send the same value twice.
func (o *fanOut) overlapping(h *hub, t *topic, f *frame, v verdict, nodes []*filterNode) {
	granted := grantedSets.Get().(map[*session]byte)
	defer grantedSets.Put(granted)
	defer clear(granted)
	for _, n := range nodes {
		n.mu.RLock()
		for _, m := range n.members {
			granted[m.s] = max(granted[m.s], m.qos)
		}
		n.mu.RUnlock()
	}
	for s, qos := range granted {
		o.deliver(h, t, f, v, member{s, qos})
	}
}

// subscribe adds a filter to a session, or changes its options; existed says which. False if the session has ended or has another connection.
func (h *hub) subscribe(s *session, c *conn, sub subscription) (existed, ok bool) {
	s.subsMu.Lock()
	defer s.subsMu.Unlock()
	if s.dead || !s.has(c) {
		return false, false
	}
	s.mu.Lock()
	_, existed = s.subs.get(sub.filter)
	s.mu.Unlock()
	sub.at = coarseMS(time.Now())
	sub.node = h.index.join(sub.filter, s, sub.qos)
	s.mu.Lock()
	s.subs.set(sub)
	s.mu.Unlock()
	if !existed {
		h.stats.subscriptions.Add(1)
	}
	return existed, true
}

// unsubscribe takes a filter from a session, and with it what waits because of it alone.
func (h *hub) unsubscribe(s *session, c *conn, filter string) {
	s.subsMu.Lock()
	defer s.subsMu.Unlock()
	if s.dead || !s.has(c) {
		return
	}
	s.mu.Lock()
	sub, ok := s.subs.get(filter)
	s.subs.remove(filter)
	s.mu.Unlock()
	if !ok {
		return
	}
	topics := h.index.topicsOf(sub.node)
	h.index.leave(sub.node, s)
	h.stats.subscriptions.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range topics {
		if _, subscribed := s.subs.grantedQoS(t); !subscribed {
			s.state.drop(t)
			s.snapshot.drop(t)
			s.promised.drop(t)
		}
	}
}

// sendSnapshot puts the current value of each topic of a filter in line.
func (h *hub) sendSnapshot(s *session, c *conn, filter string, asRetained bool) {
	s.mu.Lock()
	sub, ok := s.subs.get(filter)
	s.mu.Unlock()
	if ok {
		s.markSnapshot(c, h.index.topicsOf(sub.node), asRetained)
	}
}

// catchUp gives a resumed session the latest state, which is not kept for sessions without a connection; closed candles and status of QoS 1 were. Then what
// its last connection had still to get of a snapshot.
func (h *hub) catchUp(s *session, c *conn) {
	s.mu.Lock()
	var subs []subscription
	for _, sub := range s.subs.byFilter {
		subs = append(subs, *sub)
	}
	promised := promised{topics: slices.Clone(s.promised.topics), retain: slices.Clone(s.promised.retain)}
	s.mu.Unlock()
	for _, sub := range subs {
		var lost, snapshot []*topic
		for _, t := range h.index.topicsOf(sub.node) {
			switch {
			case promised.retain.has(t.id):
				snapshot = append(snapshot, t)
			case t.class == catalog.State, sub.qos == 0, promised.topics.has(t.id):
				lost = append(lost, t)
			}
		}
		s.markSnapshot(c, lost, false)
		s.markSnapshot(c, snapshot, true)
	}
}

// kill ends a session: it is out of the index and takes nothing any more.
func (h *hub) kill(s *session) {
	s.subsMu.Lock()
	defer s.subsMu.Unlock()
	if s.dead {
		return
	}
	s.dead = true
	s.mu.Lock()
	var subs []subscription
	for _, sub := range s.subs.byFilter {
		subs = append(subs, *sub)
	}
	s.mu.Unlock()
	for _, sub := range subs {
		h.index.leave(sub.node, s)
	}
	h.stats.subscriptions.Add(-int64(len(subs)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = subscriptions{}
	s.finals.reset()
}
