package binanceapi

import (
	"encoding/json"
	"regexp"
	"slices"
)

// SymbolPattern is what a symbol may consist of. The range that the messages tell is Binance's.
var SymbolPattern = regexp.MustCompile(`^[\p{Lu}\p{Lo}\p{N}._-]{1,50}$`)

const (
	symbolRange  = `^[\w\-._&&[^a-z]]{1,50}$`
	symbolsRange = `^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$`
)

// Markets are those that a server knows. M is nil where there is none.
type Markets[M comparable] struct {
	All   []M
	Named func(symbol string) M
}

// Symbol reads the mandatory symbol; it is never nil where q.Bad is.
func (ms Markets[M]) Symbol(q *Query) M { return ms.named(q, q.Values.Get("symbol")) }

func (ms Markets[M]) named(q *Query, name string) M {
	var none M
	m := ms.Named(name)
	switch {
	case name == "":
		q.missing("symbol")
	case m == none && !SymbolPattern.MatchString(name):
		q.Failf(-1100, "Illegal characters found in parameter 'symbol'; legal range is '%s'.", symbolRange)
	case m == none:
		q.Failf(-1121, "Invalid symbol.")
	}
	return m
}

// Symbols reads symbol, symbols and symbolStatus; one says that the answer is a single object.
func (ms Markets[M]) Symbols(q *Query) (chosen []M, one bool) {
	name, names := q.Values.Get("symbol"), q.Values.Get("symbols")
	switch {
	case name != "" && names != "":
		q.Failf(-1128, "Combination of optional parameters invalid. Recommendation: 'symbol' and 'symbols' cannot both be sent.")
	case name != "":
		chosen, one = []M{ms.named(q, name)}, true
	case names != "":
		for _, n := range q.symbolList(names) {
			m := ms.named(q, n)
			if slices.Contains(chosen, m) {
				q.Failf(-1151, "Symbol is present multiple times in the list.")
			}
			if chosen = append(chosen, m); q.Bad != nil {
				return nil, false
			}
		}
	default:
		chosen = ms.All
	}
	if !q.Trading(one) {
		chosen = nil
	}
	return chosen, one
}

func (q *Query) symbolList(text string) (names []string) {
	if json.Unmarshal([]byte(text), &names) != nil || len(names) == 0 {
		q.Failf(-1100, "Illegal characters found in parameter 'symbols'; legal range is '%s'.", symbolsRange)
	}
	return names
}

// Trading reads symbolStatus: each market here has the status TRADING. Another one is an error only where one symbol was named.
func (q *Query) Trading(one bool) bool {
	switch q.Values.Get("symbolStatus") {
	case "", "TRADING":
		return true
	case "HALT", "BREAK":
		if one {
			q.Failf(-1220, "The symbol's status does not match the requested symbolStatus.")
		}
	default:
		q.Failf(-1122, "Invalid symbolStatus.")
	}
	return false
}
