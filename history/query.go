package history

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// apiError is an answer of Binance's errors.md, with its HTTP status.
type apiError struct {
	status, code int
	msg          string
}

// absent stands for a parameter that was not sent.
const absent = -1

// timeUnit is how a client wants times: a thousand to a microsecond's one.
type timeUnit int64

const (
	inMs timeUnit = 1
	inUs timeUnit = 1000
)

// query reads the parameters of a request; the first bad one is kept.
type query struct {
	cat    *catalog.Catalog
	values url.Values
	unit   timeUnit
	bad    *apiError
}

// maxQuery bounds the parameters' length: some hundred symbols.
const maxQuery = 8 << 10

func newQuery(r *http.Request, cat *catalog.Catalog) *query {
	q := &query{cat: cat, unit: inMs}
	if len(r.URL.RawQuery) > maxQuery {
		q.bad = &apiError{http.StatusRequestURITooLong, -1101, "Too many parameters sent for this endpoint."}
		return q
	}
	var err error
	if q.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		q.fail(-1100, "Illegal characters found in a parameter.")
	}
	for _, v := range q.values {
		if len(v) > 1 {
			q.fail(-1101, "Duplicate values for a parameter detected.")
		}
	}
	switch u := r.Header.Get("X-Mbx-Time-Unit"); u {
	case "", "MILLISECOND", "millisecond":
	case "MICROSECOND", "microsecond":
		q.unit = inUs
	default:
		q.fail(-1000, "Invalid X-MBX-TIME-UNIT header; expected MILLISECOND or MICROSECOND.")
	}
	return q
}

func (q *query) fail(code int, format string, args ...any) {
	if q.bad == nil {
		q.bad = &apiError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
	}
}

const symbolRange = `^[\w\-._&&[^a-z]]{1,50}$`

var symbolPattern = regexp.MustCompile(`^[0-9A-Z_.-]{1,50}$`)

// symbol reads the mandatory symbol; it is nil where q.bad is not.
func (q *query) symbol() *market.Contract { return q.named(q.values.Get("symbol")) }

func (q *query) named(name string) *market.Contract {
	c := q.cat.Contract(name)
	switch {
	case name == "":
		q.fail(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
	case !symbolPattern.MatchString(name):
		q.fail(-1100, "Illegal characters found in parameter 'symbol'; legal range is '%s'.", symbolRange)
	case c == nil:
		q.fail(-1121, "Invalid symbol.")
	}
	return c
}

// symbols reads symbol, symbols and symbolStatus; one says that the answer is a single object.
func (q *query) symbols() (chosen []*market.Contract, one bool) {
	name, names := q.values.Get("symbol"), q.values.Get("symbols")
	switch {
	case name != "" && names != "":
		q.fail(-1128, "Combination of optional parameters invalid. Recommendation: 'symbol' and 'symbols' cannot both be sent.")
	case name != "":
		chosen, one = []*market.Contract{q.named(name)}, true
	case names != "":
		for _, n := range q.symbolList(names) {
			c := q.named(n)
			if slices.Contains(chosen, c) {
				q.fail(-1151, "Symbol is present multiple times in the list.")
			}
			if chosen = append(chosen, c); q.bad != nil {
				return nil, false
			}
		}
	default:
		for i := range q.cat.Contracts {
			chosen = append(chosen, &q.cat.Contracts[i])
		}
	}
	if !q.trading(one) {
		chosen = nil
	}
	return chosen, one
}

func (q *query) symbolList(text string) (names []string) {
	if json.Unmarshal([]byte(text), &names) != nil || len(names) == 0 {
		q.fail(-1100, "Illegal characters found in parameter 'symbols'; legal range is '%s'.", `^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$`)
	}
	return names
}

// trading reads symbolStatus: each contract of the catalogue has the status TRADING. Another one is an error only where one symbol was named.
func (q *query) trading(one bool) bool {
	switch q.values.Get("symbolStatus") {
	case "", "TRADING":
		return true
	case "HALT", "BREAK":
		if one {
			q.fail(-1220, "The symbol's status does not match the requested symbolStatus.")
		}
	default:
		q.fail(-1122, "Invalid symbolStatus.")
	}
	return false
}

var wholeNumber = regexp.MustCompile(`^[0-9]{1,20}$`)

// number reads an optional parameter.
func (q *query) number(name string) int64 {
	if !q.values.Has(name) {
		return absent
	}
	text := q.values.Get(name)
	switch {
	case text == "":
		q.fail(-1105, "Parameter '%s' was empty.", name)
		return absent
	case !wholeNumber.MatchString(text):
		q.fail(-1100, "Illegal characters found in parameter '%s'; legal range is '^[0-9]{1,20}$'.", name)
		return absent
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		q.fail(-1108, "Parameter '%s' overflowed.", name)
		return absent
	}
	return v
}

// usFrom is where times begin to be microseconds: 1e14 ms are the year 5138, 1e14 us are in 1973.
const usFrom = 100_000_000_000_000

// fromMs reads a time in milliseconds or microseconds, for what begins there: a microsecond within a millisecond is after its begin.
func (q *query) fromMs(name string) int64 {
	v := q.untilMs(name)
	if v != absent && q.number(name) > v && q.number(name)%1000 != 0 {
		v++
	}
	return v
}

// untilMs is fromMs for what ends there, the millisecond included.
func (q *query) untilMs(name string) int64 {
	v := q.number(name)
	switch {
	case v >= usFrom*1000:
		q.fail(-1130, "Data sent for parameter '%s' is not valid.", name)
		return absent
	case v >= usFrom:
		return v / 1000
	}
	return v
}

// limit reads the number of rows.
func (q *query) limit(unsent, most int) int {
	v := q.number("limit")
	switch {
	case v == absent:
		return unsent
	case v == 0:
		q.fail(-1130, "Data sent for parameter 'limit' is not valid.")
	}
	return int(min(v, int64(most)))
}

func (q *query) interval() market.Period {
	text := q.values.Get("interval")
	if text == "" {
		q.fail(-1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.")
		return 0
	}
	p, err := market.ParsePeriod(text)
	if err != nil {
		q.fail(-1120, "Invalid interval.")
	}
	return p
}

var zonePattern = regexp.MustCompile(`^([+-]?)([0-9]{1,2})(?::([0-9]{2}))?$`)

// zoneMs reads timeZone, hours and optional minutes from -12:00 to +14:00 (rest-api.md, "Kline/Candlestick data").
func (q *query) zoneMs() int64 {
	text := q.values.Get("timeZone")
	if text == "" {
		return 0
	}
	var ms int64
	if m := zonePattern.FindStringSubmatch(text); m != nil {
		hours, _ := strconv.ParseInt(m[2], 10, 64) // the pattern has checked them
		minutes, _ := strconv.ParseInt("0"+m[3], 10, 64)
		ms = hours*market.HourMs + minutes*market.MinuteMs
		if m[1] == "-" {
			ms = -ms
		}
		if minutes < 60 && ms >= -12*market.HourMs && ms <= 14*market.HourMs {
			return ms
		}
	}
	q.fail(-1130, "Data sent for parameter 'timeZone' is not valid.")
	return 0
}
