package simexchange

import (
	"net/url"
	"strings"
)

// Names of streams: the symbol in lower case, and one of these.
const (
	aggTradeSuffix = "@aggTrade"
	tradeSuffix    = "@trade"
	klineInfix     = "@kline_"
)

// isTradeStream says whether the stream carries trades, for which a recording may wait.
func isTradeStream(name string) bool {
	return strings.HasSuffix(name, aggTradeSuffix) || strings.HasSuffix(name, tradeSuffix)
}

// splitStreams reads "a@x/b@y" as it stands in an address, where parts may be escaped.
func splitStreams(s string) []string {
	if u, err := url.PathUnescape(s); err == nil {
		s = u
	}
	var names []string
	for _, n := range strings.Split(s, "/") {
		if isStreamName(n) {
			names = append(names, n)
		}
	}
	return names
}

// isStreamName takes names of every kind that the exchange has or may have; the number in /ws/0, which some clients open, is none.
func isStreamName(n string) bool { return strings.ContainsAny(n, "@!") }

// subscriptions of a server: which client gets which stream, in the order of subscribing.
type subscriptions map[string][]*client

func (s subscriptions) add(c *client, stream string) {
	for _, have := range s[stream] {
		if have == c {
			return
		}
	}
	s[stream] = append(s[stream], c)
}

// remove copies: the publishing goroutine may still go through the old list.
func (s subscriptions) remove(c *client, stream string) {
	old := s[stream]
	kept := make([]*client, 0, len(old))
	for _, have := range old {
		if have != c {
			kept = append(kept, have)
		}
	}
	if len(kept) == 0 {
		delete(s, stream)
		return
	}
	s[stream] = kept
}
