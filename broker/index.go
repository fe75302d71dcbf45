package broker

import (
	"sync"
	"sync/atomic"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// topic is one MQTT topic's slot.
type topic struct {
	id    uint32
	name  string
	class catalog.Class

	mu    sync.Mutex // one message after the other: version, slot and fan-out
	rule  versions
	nodes atomic.Pointer[[]*filterNode] // the filters that match; replaced as a whole under index.mu

	updates atomic.Uint32 // messages taken, to tell how many a waiting client skips

	// current is the latest frame of a state topic, the retained one of a final topic; nil for events and before the first message. Publishers store it
	// before they mark anyone, so that whoever is marked finds it or a newer one.
	current atomic.Pointer[frame]
	settled atomic.Pointer[frame] // of a state topic: the frame that every session has been told of. Another one in current is still on its way round.
}

// holds returns the topic's retained value and the version that a newer one must exceed; nil: there is none.
func (t *topic) holds() (*frame, market.Version) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current.Load(), t.rule.held
}

// filterNode is one distinct filter and who subscribed to it.
type filterNode struct {
	filter string
	topics []*topic // by index.mu: those that match, only appended to

	mu      sync.RWMutex
	members []member
	place   map[*session]int // of a session in members
}

type member struct {
	s   *session
	qos byte
}

// index finds the subscribers of a topic and the topics of a filter. Each distinct filter is matched once against each topic, when the later of the two
// appears. Publishing follows pointers only, and does not wait for a client whose new filter is being matched.
type index struct {
	topics sync.Map // name: *topic; added to under mu
	mu     sync.RWMutex
	all    []*topic // in the order of their numbers
	exact  map[string]*filterNode
	wild   map[string]*filterNode
}

func newIndex() *index {
	return &index{exact: map[string]*filterNode{}, wild: map[string]*filterNode{}}
}

func (x *index) find(name string) *topic {
	if t, ok := x.topics.Load(name); ok {
		return t.(*topic)
	}
	return nil
}

// topic returns the slot of a topic, which is made on first use with the class given.
func (x *index) topic(name string, class catalog.Class) *topic {
	if t := x.find(name); t != nil {
		return t
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if t := x.find(name); t != nil {
		return t
	}
	t := &topic{id: uint32(len(x.all)), name: name, class: class}
	x.all = append(x.all, t)
	var nodes []*filterNode
	join := func(n *filterNode) {
		n.topics = append(n.topics, t)
		nodes = append(nodes, n)
	}
	if n := x.exact[name]; n != nil {
		join(n)
	}
	for filter, n := range x.wild {
		if matches(filter, name) {
			join(n)
		}
	}
	t.nodes.Store(&nodes)
	x.topics.Store(name, t)
	return t
}

// join makes s a member of the filter and returns its node.
func (x *index) join(filter string, s *session, qos byte) *filterNode {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.node(filter)
	n.mu.Lock()
	defer n.mu.Unlock()
	if i, ok := n.place[s]; ok {
		n.members[i].qos = qos
		return n
	}
	n.place[s] = len(n.members)
	n.members = append(n.members, member{s, qos})
	return n
}

// node returns the filter's node, new or not. By mu.
func (x *index) node(filter string) *filterNode {
	nodes := x.exact
	if hasWildcard(filter) {
		nodes = x.wild
	}
	if n := nodes[filter]; n != nil {
		return n
	}
	n := &filterNode{filter: filter, place: map[*session]int{}}
	nodes[filter] = n
	for _, t := range x.matched(filter) {
		n.topics = append(n.topics, t)
		with := append(append([]*filterNode(nil), *t.nodes.Load()...), n)
		t.nodes.Store(&with)
	}
	return n
}

// matched returns the topics that a filter matches. By mu.
func (x *index) matched(filter string) []*topic {
	if !hasWildcard(filter) {
		if t := x.find(filter); t != nil {
			return []*topic{t}
		}
		return nil
	}
	var ts []*topic
	for name, t := range x.topics.Range {
		if matches(filter, name.(string)) {
			ts = append(ts, t.(*topic))
		}
	}
	return ts
}

// leave ends the membership of s, and the node with its last member.
func (x *index) leave(n *filterNode, s *session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	i, ok := n.place[s]
	if !ok {
		return
	}
	last := len(n.members) - 1
	n.members[i] = n.members[last]
	n.place[n.members[i].s] = i
	n.members[last] = member{}
	n.members = n.members[:last]
	delete(n.place, s)
	if last > 0 {
		return
	}
	delete(x.exact, n.filter)
	delete(x.wild, n.filter)
	for _, t := range n.topics {
		var without []*filterNode
		for _, o := range *t.nodes.Load() {
			if o != n {
				without = append(without, o)
			}
		}
		t.nodes.Store(&without)
	}
}

// topicsOf returns the topics that match the node's filter now. The slice is only ever appended to.
func (x *index) topicsOf(n *filterNode) []*topic {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return n.topics
}

// after returns the topics but for the first n. The slice is only ever appended to.
func (x *index) after(n int) []*topic {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.all[n:]
}

func (x *index) size() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.all)
}
