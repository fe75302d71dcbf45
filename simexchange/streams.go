package simexchange

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/tickcast/tickcast/market"
)

// Names of streams: the symbol in lower case, and one of these.
const (
	aggTradeSuffix = "@aggTrade"
	tradeSuffix    = "@trade"
	klineInfix     = "@kline_"
)

// partialLevels are the sizes of partial books.
var partialLevels = [...]int{5, 10, 20}

// allMiniTickers is the stream of all symbols' miniTickers.
const allMiniTickers = "!miniTicker@arr"

// streamNames are the streams of one symbol.
type streamNames struct {
	agg, trade, bookTicker, ticker, miniTicker string
	depth, depthFast                           string
	partial, partialFast                       [len(partialLevels)]string
	klines                                     [market.PeriodCount]string
}

func namesOf(symbol string) streamNames {
	n := streamNames{agg: symbol + aggTradeSuffix, trade: symbol + tradeSuffix, bookTicker: symbol + "@bookTicker", ticker: symbol + "@ticker",
		miniTicker: symbol + "@miniTicker", depth: symbol + "@depth", depthFast: symbol + "@depth@100ms"}
	for i, levels := range partialLevels {
		n.partial[i] = fmt.Sprintf("%s@depth%d", symbol, levels)
		n.partialFast[i] = n.partial[i] + "@100ms"
	}
	for _, p := range market.Periods() {
		n.klines[p] = symbol + klineInfix + p.String()
	}
	return n
}

// awaited are the subscriptions for which a held clock waits.
type awaited struct {
	trades  bool
	streams []string // patterns
}

// met counts new subscriptions and says whether nothing is awaited any more.
func (a *awaited) met(names []string) bool {
	for _, n := range names {
		if strings.HasSuffix(n, aggTradeSuffix) || strings.HasSuffix(n, tradeSuffix) {
			a.trades = false
		}
		a.streams = slices.DeleteFunc(a.streams, func(pattern string) bool {
			ok, _ := path.Match(pattern, n)
			return ok
		})
	}
	return !a.trades && len(a.streams) == 0
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
