package broker

import (
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/wire"
)

// matches says whether a valid filter matches a topic [MQTT 5, 4.7]. `sport/#` also matches `sport`; wildcards in the first level do not match `$…`.
func matches(filter, topic string) bool {
	if topic != "" && topic[0] == '$' && (filter == "" || filter[0] != '$') {
		return false
	}
	for {
		f, fRest, fMore := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, tRest, tMore := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		switch {
		case !fMore && !tMore:
			return true
		case !tMore:
			return fRest == "#"
		case !fMore:
			return false
		}
		filter, topic = fRest, tRest
	}
}

// hasWildcard says whether a filter can match more than one topic.
func hasWildcard(filter string) bool { return strings.ContainsAny(filter, "+#") }

// covers says whether every topic that a valid filter matches is matched by the pattern, a valid filter as well.
func covers(pattern, filter string) bool {
	if filter[0] == '$' && pattern[0] != '$' {
		return false
	}
	for {
		p, pRest, pMore := strings.Cut(pattern, "/")
		if p == "#" {
			return true
		}
		f, fRest, fMore := strings.Cut(filter, "/")
		if f == "#" || p != "+" && p != f {
			return false
		}
		switch {
		case !pMore && !fMore:
			return true
		case !fMore: // "a/#" matches "a" as well
			return pRest == "#"
		case !pMore:
			return false
		}
		pattern, filter = pRest, fRest
	}
}

// filterLimits are what a client may ask for.
type filterLimits struct{ levels, bytes int }

// tooDeep costs the same however deep the filter is.
func (l filterLimits) tooDeep(filter string) bool { return strings.Count(filter, "/") >= l.levels }

// check returns the reason why a filter is refused, CodeSuccess if it is not.
func (l filterLimits) check(filter string) packets.Code {
	switch {
	case len(filter) > l.bytes, l.tooDeep(filter), !wire.ValidFilter(filter):
		return packets.ErrTopicFilterInvalid
	case wire.IsShared(filter):
		return packets.ErrSharedSubscriptionsNotSupported
	case filter[0] == '$':
		return packets.ErrNotAuthorized
	case filter[0] == '+', filter[0] == '#':
		return packets.ErrWildcardSubscriptionsNotSupported // too wide: everything of every product
	}
	return packets.CodeSuccess
}
