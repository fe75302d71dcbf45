package broker

// subscription is one filter of one session and its options.
type subscription struct {
	filter      string
	qos         byte
	asPublished bool   // Retain As Published
	id          int    // subscription identifier, 0: none
	interval    uint32 // least time between two updates of a state topic, ms; 0: none
	at          uint32 // coarseMS when it was asked for
	node        *filterNode
}

func (s *subscription) annotates() bool { return s.id != 0 || s.asPublished }

// subscriptions are one session's. A topic finds its own by the filters that match it, which are few whatever the session asked for: publishers wait
// for the session's lock meanwhile.
type subscriptions struct {
	byFilter  map[string]*subscription // a map has room for eight from the first on: pointers, because most clients have one or two
	byNode    map[*filterNode]*subscription
	slowed    int // so many have an interval
	annotated int // so many have an identifier or Retain As Published; with 0 frames are copied plainly
}

func (s *subscriptions) len() int { return len(s.byFilter) }

func (s *subscriptions) get(filter string) (subscription, bool) {
	if sub, ok := s.byFilter[filter]; ok {
		return *sub, true
	}
	return subscription{}, false
}

func (s *subscriptions) set(sub subscription) {
	s.remove(sub.filter)
	if s.byFilter == nil {
		s.byFilter, s.byNode = map[string]*subscription{}, map[*filterNode]*subscription{}
	}
	s.byFilter[sub.filter], s.byNode[sub.node] = &sub, &sub
	if sub.annotates() {
		s.annotated++
	}
	if sub.interval > 0 {
		s.slowed++
	}
}

func (s *subscriptions) remove(filter string) {
	sub, ok := s.byFilter[filter]
	if !ok {
		return
	}
	delete(s.byFilter, filter)
	delete(s.byNode, sub.node)
	if sub.annotates() {
		s.annotated--
	}
	if sub.interval > 0 {
		s.slowed--
	}
}

// matching yields the subscriptions that match a topic.
func (s *subscriptions) matching(t *topic) func(yield func(*subscription) bool) {
	return func(yield func(*subscription) bool) {
		for _, n := range *t.nodes.Load() {
			if sub, ok := s.byNode[n]; ok && !yield(sub) {
				return
			}
		}
	}
}

// grantedQoS returns the greatest QoS granted for a topic; false if no subscription matches.
func (s *subscriptions) grantedQoS(t *topic) (qos byte, ok bool) {
	for sub := range s.matching(t) {
		qos, ok = max(qos, sub.qos), true
	}
	return qos, ok
}

// annotations returns what the matching subscriptions add to a message: overlapping ones give one message with all identifiers [MQTT 5, 3.3.4].
func (s *subscriptions) annotations(t *topic) (asPublished bool, ids []int) {
	for sub := range s.matching(t) {
		asPublished = asPublished || sub.asPublished
		if sub.id != 0 {
			ids = append(ids, sub.id)
		}
	}
	return asPublished, ids
}
