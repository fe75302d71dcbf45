package broker

import (
	"sync"
	"time"
)

// registry holds the sessions by client id. It, not mochi, decides whether a session is present.
type registry struct {
	mu   sync.Mutex
	byID map[string]*session
}

func newRegistry() *registry { return &registry{byID: map[string]*session{}} }

// claim gives c the session of a client id: the one that is kept, or a new one. current is asked under the registry's lock whether c is still the client's
// latest connection; if it is not, claim returns nil. ended is the session that the new one replaces.
func (r *registry) claim(id string, c *conn, resume bool, queue int, current func() bool) (s *session, present bool, ended *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !current() {
		return nil, false, nil
	}
	old := r.byID[id]
	if old != nil && resume && old.who.sameUser(&c.who) && old.resumable(&c.who) {
		old.who = c.who
		old.attach(c, c.window)
		return old, true, nil
	}
	s = &session{id: id, who: c.who, created: time.Now()}
	s.finals.limit = queue
	s.attach(c, c.window)
	r.byID[id] = s
	return s, false, old
}

// holds says whether s is the session of its id.
func (r *registry) holds(s *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s != nil && r.byID[s.id] == s
}

// expire forgets the sessions whose time is over and returns them, to be ended.
func (r *registry) expire(now time.Time) (ended []*session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, s := range r.byID {
		if s.expired(now) {
			delete(r.byID, id)
			ended = append(ended, s)
		}
	}
	return ended
}

// remove forgets a session, if it still is the one of its id.
func (r *registry) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID[s.id] == s {
		delete(r.byID, s.id)
	}
}

// mayTake says whether a client may use an id: not if its session belongs to a publisher or a token's subject, and another asks.
func (r *registry) mayTake(id string, who *identity) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.byID[id]
	return who.publisher || s == nil || s.who.user == "" || s.who.sameUser(who)
}

// room says whether a session for this client id stays within the limit. If it would not, a session without a connection has to go: it is forgotten here and
// returned, to be ended.
func (r *registry) room(id string, limit int) (ok bool, ended *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.byID) < limit || r.byID[id] != nil {
		return true, nil
	}
	for other, s := range r.byID {
		if s.has(nil) {
			delete(r.byID, other)
			return true, s
		}
	}
	return false, nil
}

// all returns the sessions, in no order. It holds up those that connect, no publisher.
func (r *registry) all() []entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	es := make([]entry, 0, len(r.byID))
	for _, s := range r.byID {
		es = append(es, entry{s, s.who.user, s.who.publisher})
	}
	return es
}

func (r *registry) find(id string) (entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.byID[id]
	if s == nil {
		return entry{}, false
	}
	return entry{s, s.who.user, s.who.publisher}, true
}

func (r *registry) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.byID)
}
