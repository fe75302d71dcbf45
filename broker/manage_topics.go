package broker

import (
	"cmp"
	"slices"

	"github.com/tickcast/tickcast/broker/admin"
	"github.com/tickcast/tickcast/catalog"
)

// Topics implements admin.Edge.
func (m manage) Topics(q admin.TopicQuery, p admin.Page) ([]admin.Topic, int) {
	var found []*topic
	for name, t := range m.hub.index.topics.Range {
		if q.Filter == "" || matches(q.Filter, name.(string)) {
			found = append(found, t.(*topic))
		}
	}
	slices.SortFunc(found, func(a, b *topic) int { return cmp.Compare(a.name, b.name) })
	from, to := p.Bounds(len(found))
	var list []admin.Topic
	for _, t := range found[from:to] {
		f := t.current.Load()
		out := admin.Topic{Name: t.name, Class: t.class.String(), Retained: f != nil && !f.clear}
		for _, n := range *t.nodes.Load() {
			n.mu.RLock()
			out.Subscribers += len(n.members)
			n.mu.RUnlock()
		}
		list = append(list, out)
	}
	return list, len(found)
}

// Retained implements admin.Edge.
func (m manage) Retained(name string) (admin.Retained, bool) {
	t := m.hub.index.find(name)
	if t == nil {
		return admin.Retained{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.value()
}

// ClearRetained implements admin.Edge.
func (m manage) ClearRetained(name string) (admin.Retained, bool) {
	t := m.hub.index.find(name)
	if t == nil {
		return admin.Retained{}, false
	}
	return m.hub.clear(t)
}

// value returns what the topic holds; false if nothing. By mu.
func (t *topic) value() (admin.Retained, bool) {
	f := t.current.Load()
	if f == nil || f.clear || t.class == catalog.Event {
		return admin.Retained{}, false
	}
	return admin.Retained{Topic: t.name, Class: t.class.String(), Version: t.rule.held, Payload: f.payload()}, true
}

// clear takes a topic's value away and sends its subscribers an empty message, as if the source had. But the version stays: the source did not take the value
// back, so only a newer one may follow.
func (h *hub) clear(t *topic) (was admin.Retained, ok bool) {
	overflowed, was, ok := func() ([]*session, admin.Retained, bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		was, ok := t.value()
		if !ok {
			return nil, was, false
		}
		f := newFrame(t.name, nil)
		t.current.Store(f)
		return h.fanOut(t, f, retained), was, true
	}()
	for _, s := range overflowed {
		h.end(s)
	}
	h.start()
	return was, ok
}
