// Package binanceapi is the form of Binance's public REST API (rest-api.md, errors.md), as far as a server needs it: parameters with their errors, weights, the
// frame of exchangeInfo. Package history answers in it, and so does the exchange simulator. What they answer with, candles, trades and tickers, each of
// them writes by itself: a test compares the two.
package binanceapi

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/tickcast/tickcast/market"
)

// Absent stands for a number that was not sent.
const Absent = -1

// UsFrom is where times begin to be microseconds: 1e14 ms are the year 5138, 1e14 us are in 1973.
const UsFrom = 100_000_000_000_000

// MaxDepth is the most levels per side that depth answers with.
const MaxDepth = 5000

// Query reads the parameters of a request; the first bad one is kept in Bad.
type Query struct {
	Values url.Values
	Unit   Unit
	Bad    *Error
}

// NewQuery reads what all requests have.
func NewQuery(r *http.Request) Query {
	var q Query
	var err error
	if q.Values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		q.Failf(-1100, "Illegal characters found in a parameter.")
	}
	for _, v := range q.Values {
		if len(v) > 1 {
			q.Failf(-1101, "Duplicate values for a parameter detected.")
		}
	}
	var ok bool
	if q.Unit, ok = ParseUnit(r.Header.Get("X-Mbx-Time-Unit")); !ok {
		q.Failf(-1000, "Invalid X-MBX-TIME-UNIT header; expected MILLISECOND or MICROSECOND.")
	}
	return q
}

// Failf refuses the request, if it is not refused already.
func (q *Query) Failf(code int, format string, args ...any) {
	if q.Bad == nil {
		q.Bad = &Error{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
	}
}

var wholeNumber = regexp.MustCompile(`^[0-9]{1,20}$`)

// Number reads an optional parameter.
func (q *Query) Number(name string) int64 {
	if !q.Values.Has(name) {
		return Absent
	}
	text := q.Values.Get(name)
	switch {
	case text == "":
		q.Failf(-1105, "Parameter '%s' was empty.", name)
		return Absent
	case !wholeNumber.MatchString(text):
		q.Failf(-1100, "Illegal characters found in parameter '%s'; legal range is '^[0-9]{1,20}$'.", name)
		return Absent
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		q.Failf(-1108, "Parameter '%s' overflowed.", name)
		return Absent
	}
	return v
}

// Time reads a time in milliseconds or, from UsFrom on, in microseconds.
func (q *Query) Time(name string) int64 {
	v := q.Number(name)
	if v >= UsFrom*1000 {
		q.Invalid(name)
		return Absent
	}
	return v
}

// Limit reads the number of rows.
func (q *Query) Limit(unsent, most int) int {
	v := q.Number("limit")
	switch {
	case v == Absent:
		return unsent
	case v == 0:
		q.Invalid("limit")
	}
	return int(min(v, int64(most)))
}

// DepthLimit reads the number of levels per side.
func (q *Query) DepthLimit() int { return q.Limit(100, MaxDepth) }

// Interval reads the mandatory period of candles.
func (q *Query) Interval() market.Period {
	text := q.Values.Get("interval")
	if text == "" {
		q.missing("interval")
		return 0
	}
	p, err := market.ParsePeriod(text)
	if err != nil {
		q.Failf(-1120, "Invalid interval.")
	}
	return p
}

// MiniTicker reads the type of a ticker.
func (q *Query) MiniTicker() bool {
	switch q.Values.Get("type") {
	case "", "FULL":
		return false
	case "MINI":
		return true
	}
	q.Failf(-1139, "Invalid ticker type.")
	return false
}

// Invalid refuses a parameter whose value cannot be.
func (q *Query) Invalid(name string) {
	q.Failf(-1130, "Data sent for parameter '%s' is not valid.", name)
}

func (q *Query) missing(name string) {
	q.Failf(-1102, "Mandatory parameter '%s' was not sent, was empty/null, or malformed.", name)
}
