package broker

import "slices"

// subscription is one filter of one session and its options.
type subscription struct {
	filter      string
	qos         byte
	asPublished bool // Retain As Published
	id          int  // subscription identifier, 0: none
	node        *filterNode
}

// subscriptions are one session's, apart by whether they hold a wildcard: a topic finds its exact one at once.
type subscriptions struct {
	exact     map[string]subscription
	wild      []subscription
	annotated bool // some subscription has an identifier or Retain As Published, so frames are not copied plainly
}

func (s *subscriptions) len() int { return len(s.exact) + len(s.wild) }

func (s *subscriptions) get(filter string) (subscription, bool) {
	if !hasWildcard(filter) {
		sub, ok := s.exact[filter]
		return sub, ok
	}
	if i := s.find(filter); i >= 0 {
		return s.wild[i], true
	}
	return subscription{}, false
}

func (s *subscriptions) find(filter string) int {
	return slices.IndexFunc(s.wild, func(w subscription) bool { return w.filter == filter })
}

func (s *subscriptions) set(sub subscription) {
	if !hasWildcard(sub.filter) {
		if s.exact == nil {
			s.exact = map[string]subscription{}
		}
		s.exact[sub.filter] = sub
	} else if i := s.find(sub.filter); i >= 0 {
		s.wild[i] = sub
	} else {
		s.wild = append(s.wild, sub)
	}
	s.annotate()
}

func (s *subscriptions) remove(filter string) {
	if !hasWildcard(filter) {
		delete(s.exact, filter)
	} else if i := s.find(filter); i >= 0 {
		s.wild = slices.Delete(s.wild, i, i+1)
	}
	s.annotate()
}

func (s *subscriptions) annotate() {
	s.annotated = false
	for sub := range s.all() {
		s.annotated = s.annotated || sub.id != 0 || sub.asPublished
	}
}

// all yields every subscription.
func (s *subscriptions) all() func(yield func(subscription) bool) {
	return func(yield func(subscription) bool) {
		for _, sub := range s.exact {
			if !yield(sub) {
				return
			}
		}
		for _, sub := range s.wild {
			if !yield(sub) {
				return
			}
		}
	}
}

// matching yields the subscriptions that match a topic.
func (s *subscriptions) matching(topic string) func(yield func(subscription) bool) {
	return func(yield func(subscription) bool) {
		if sub, ok := s.exact[topic]; ok && !yield(sub) {
			return
		}
		for _, sub := range s.wild {
			if matches(sub.filter, topic) && !yield(sub) {
				return
			}
		}
	}
}

// grantedQoS returns the greatest QoS granted for a topic; false if no subscription matches.
func (s *subscriptions) grantedQoS(topic string) (qos byte, ok bool) {
	for sub := range s.matching(topic) {
		qos, ok = max(qos, sub.qos), true
	}
	return qos, ok
}

// annotations returns what the matching subscriptions add to a message: overlapping ones give one message with all identifiers [MQTT 5, 3.3.4].
func (s *subscriptions) annotations(topic string) (asPublished bool, ids []int) {
	for sub := range s.matching(topic) {
		asPublished = asPublished || sub.asPublished
		if sub.id != 0 {
			ids = append(ids, sub.id)
		}
	}
	return asPublished, ids
}
