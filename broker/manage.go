package broker

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/admin"
)

// manage is the broker as its admin port sees it.
type manage struct{ *Broker }

var _ admin.Edge = manage{}

// slowAfter is how long something waits before its client counts as slow.
const slowAfter = time.Second

// Stats implements admin.Edge.
func (m manage) Stats() admin.Stats {
	s := m.Broker.Stats()
	out := admin.Stats{
		Connections: s.Connections, Sessions: s.Sessions, Subscriptions: s.Subscriptions, Topics: s.Topics, Bans: int64(m.bans.len(time.Now())),
		Accepted: s.Accepted, Published: s.Published, Sent: s.Sent, SentBytes: s.SentBytes, Conflated: s.Conflated, Dropped: s.Dropped, TooLarge: s.TooLarge,
		RefusedVersions: s.RefusedVersions, RefusedPublishes: s.RefusedPublishes, RefusedFilters: s.RefusedFilters, Panics: s.Panics,
		Disconnects: s.Disconnects, ClocksStale: []string{},
	}
	if m.life != nil {
		if t := m.life.tally.Load(); t != nil {
			out.ClocksLive, out.ClocksStale = int64(t.live), append(out.ClocksStale, t.stale...)
		}
	}
	if out.Disconnects == nil {
		out.Disconnects = map[string]uint64{}
	}
	now := coarseMS(time.Now())
	q := &out.Queues
	for _, e := range m.sessions.all() {
		w := e.s.waits(now)
		q.Final, q.Inflight, q.Events, q.State = q.Final+w.finals, q.Inflight+w.inflight, q.Events+w.events, q.State+w.state
		q.FinalMax, q.EventsMax, q.StateMax = max(q.FinalMax, w.finals), max(q.EventsMax, w.events), max(q.StateMax, w.state)
		if w.connected && w.oldest >= slowAfter {
			q.Slow++
		}
	}
	return out
}

// Clients implements admin.Edge.
func (m manage) Clients(q admin.ClientQuery, p admin.Page) ([]admin.Client, int) {
	var found []entry
	for _, e := range m.sessions.all() {
		switch {
		case q.ID != "" && e.s.id != q.ID, q.User != "" && e.user != q.User, !strings.Contains(e.s.id, q.Like):
			continue
		case q.Connected != nil || q.Address != "":
			c := e.s.connection()
			if q.Connected != nil && *q.Connected != (c != nil) || q.Address != "" && (c == nil || remoteAddr(c).Addr().String() != q.Address) {
				continue
			}
		}
		found = append(found, e)
	}
	sortEntries(found)
	from, to := p.Bounds(len(found))
	var list []admin.Client
	for _, e := range found[from:to] {
		list = append(list, e.client(time.Now()))
	}
	return list, len(found)
}

// Client implements admin.Edge.
func (m manage) Client(id string) (admin.Client, bool) {
	e, ok := m.sessions.find(id)
	if !ok {
		return admin.Client{}, false
	}
	return e.client(time.Now()), true
}

// Kick implements admin.Edge.
func (m manage) Kick(id string) bool {
	e, ok := m.sessions.find(id)
	if ok {
		m.expel(e.s, "kicked")
	}
	return ok
}

// expel ends a session and, with reason 0x98, its connection.
func (b *Broker) expel(s *session, reason string) {
	c := s.connection()
	b.endSession(s)
	if c == nil {
		b.stats.disconnected(reason + " while offline")
		return
	}
	c.setReason(reason)
	_ = b.mqtt.DisconnectClient(c.client, packets.ErrAdministrativeAction)
}

// Subscriptions implements admin.Edge.
func (m manage) Subscriptions(q admin.SubscriptionQuery, p admin.Page) (list []admin.Subscription, total int) {
	sessions := m.sessions.all()
	if q.ClientID != "" {
		sessions = sessions[:0]
		if e, ok := m.sessions.find(q.ClientID); ok {
			sessions = append(sessions, e)
		}
	}
	sortEntries(sessions)
	first := (p.Number - 1) * p.Limit
	for _, e := range sessions {
		// Only the sessions that the page shows give out their filters; the others are counted.
		n := e.s.countSubscriptions(q)
		if from, to := max(first-total, 0), min(first+p.Limit-total, n); from < to {
			subs := e.s.listSubscriptions(q)
			list = append(list, subs[min(from, len(subs)):min(to, len(subs))]...)
		}
		total += n
	}
	return list, total
}

func selects(q admin.SubscriptionQuery, sub *subscription) bool {
	return (q.Filter == "" || sub.filter == q.Filter) && (q.QoS == nil || int(sub.qos) == *q.QoS)
}

func (s *session) countSubscriptions(q admin.SubscriptionQuery) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.Filter == "" && q.QoS == nil {
		return s.subs.len()
	}
	for _, sub := range s.subs.byFilter {
		if selects(q, sub) {
			n++
		}
	}
	return n
}

func (s *session) listSubscriptions(q admin.SubscriptionQuery) (list []admin.Subscription) {
	s.mu.Lock()
	for _, sub := range s.subs.byFilter {
		if selects(q, sub) {
			list = append(list, admin.Subscription{ClientID: s.id, Filter: sub.filter, QoS: int(sub.qos), AsPublished: sub.asPublished, ID: sub.id})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b admin.Subscription) int { return cmp.Compare(a.Filter, b.Filter) })
	return list
}

// entry is a session as the registry has it.
type entry struct {
	s         *session
	user      string
	publisher bool
}

func sortEntries(es []entry) {
	slices.SortFunc(es, func(a, b entry) int { return cmp.Compare(a.s.id, b.s.id) })
}

// client says what there is to know about a session's client.
func (e *entry) client(now time.Time) admin.Client {
	w := e.s.waits(coarseMS(now))
	e.s.mu.Lock()
	c, subs, persistent := e.s.conn, e.s.subs.len(), e.s.persistent
	e.s.mu.Unlock()
	out := admin.Client{ID: e.s.id, User: e.user, Publisher: e.publisher, CreatedAt: e.s.created.UTC(), Persistent: persistent, Subscriptions: subs,
		Inflight: w.inflight, Queued: w.finals, EventsWaiting: w.events, StateWaiting: w.state, WaitMS: w.oldest.Milliseconds()}
	if c == nil {
		return out
	}
	since := c.figures.since.UTC()
	out.Connected, out.ConnectedAt, out.Keepalive = true, &since, int(c.client.State.Keepalive)
	out.Transport, out.Protocol = transportOf(c.Conn), 4
	if c.v5 {
		out.Protocol = 5
	}
	if a := remoteAddr(c); a.IsValid() {
		out.Address, out.Port = a.Addr().String(), int(a.Port())
	}
	f := &c.figures
	out.Sent, out.SentBytes, out.Conflated, out.Dropped, out.WriteAgeMS = f.sent.Load(), f.sentBytes.Load(), f.conflated.Load(), f.dropped.Load(), f.writeAge(now)
	return out
}

// remoteAddr returns where a client connects from, behind proxies that say so; not valid if nothing is known.
func remoteAddr(c net.Conn) netip.AddrPort {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func transportOf(c net.Conn) string {
	name, secure := "mqtt", "mqtts"
	if ws, ok := c.(*webSocketConn); ok {
		c, name, secure = ws.NetConn(), "ws", "wss"
	}
	if _, ok := c.(*tls.Conn); ok {
		return secure
	}
	return name
}
