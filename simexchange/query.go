package simexchange

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/tickcast/tickcast/market"
)

// query reads the parameters of a request; the first bad one is kept.
type query struct {
	srv        *Server
	values     url.Values
	unit       timeUnit
	untilUs    int64 // REST knows trades up to here: faults
	tombstones bool
	stale      bool // REST knows the book of staleMs: faults
	staleMs    int64
	bad        *apiError
}

func newQuery(r *http.Request, s *Server) *query {
	q := &query{srv: s, untilUs: math.MaxInt64}
	var err error
	if q.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		q.fail(-1100, "Illegal characters found in a parameter.")
	}
	for _, v := range q.values {
		if len(v) > 1 {
			q.fail(-1101, "Duplicate values for a parameter detected.")
		}
	}
	var ok bool
	if q.unit, ok = parseUnit(r.Header.Get("X-Mbx-Time-Unit")); !ok {
		q.fail(-1000, "Invalid X-MBX-TIME-UNIT header; expected MILLISECOND or MICROSECOND.")
	}
	return q
}

func (q *query) fail(code int, format string, args ...any) {
	if q.bad == nil {
		q.bad = &apiError{code, fmt.Sprintf(format, args...)}
	}
}

const symbolRange = `^[\w\-._&&[^a-z]]{1,50}$`

// symbol is never nil where q.bad is.
func (q *query) symbol() *instrument { return q.named(q.values.Get("symbol")) }

func (q *query) named(name string) *instrument {
	in := q.srv.bySymbol[name]
	switch {
	case name == "":
		q.fail(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
	case in == nil && !symbolPattern.MatchString(name):
		q.fail(-1100, "Illegal characters found in parameter 'symbol'; legal range is '%s'.", symbolRange)
	case in == nil:
		q.fail(-1121, "Invalid symbol.")
	}
	return in
}

var wholeNumber = regexp.MustCompile(`^[0-9]{1,20}$`)

// number reads an optional parameter; noTime where it was not sent.
func (q *query) number(name string) int64 {
	if !q.values.Has(name) {
		return noTime
	}
	text := q.values.Get(name)
	switch {
	case text == "":
		q.fail(-1105, "Parameter '%s' was empty.", name)
		return noTime
	case !wholeNumber.MatchString(text):
		q.fail(-1100, "Illegal characters found in parameter '%s'; legal range is '^[0-9]{1,20}$'.", name)
		return noTime
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		q.fail(-1108, "Parameter '%s' overflowed.", name)
		return noTime
	}
	return v
}

func (q *query) id(name string) int64 { return q.number(name) }

// usFrom is where times begin to be microseconds: 1e14 ms are the year 5138, 1e14 us are in 1973.
const usFrom = 100_000_000_000_000

// timeUs reads a time in milliseconds or microseconds: REST takes both.
func (q *query) timeUs(name string) int64 {
	v := q.number(name)
	switch {
	case v >= usFrom*1000:
		q.fail(-1130, "Data sent for parameter '%s' is not valid.", name)
		return noTime
	case v == noTime || v >= usFrom:
		return v
	}
	return v * 1000
}

// endUs is timeUs of an inclusive end: a millisecond ends with its last microsecond.
func (q *query) endUs(name string) int64 {
	v := q.timeUs(name)
	if v != noTime && q.number(name) < usFrom {
		v += 999
	}
	return v
}

// limit reads the number of rows: 500 unless sent, 1000 at most.
func (q *query) limit() int { return q.rows(500, 1000) }

// rows reads limit.
func (q *query) rows(unsent, most int) int {
	v := q.number("limit")
	switch {
	case v == noTime:
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

// timeZone takes UTC only; klines of other zones are not simulated.
func (q *query) timeZone() {
	switch q.values.Get("timeZone") {
	case "", "0", "+0", "-0", "00", "0:00", "00:00", "+00:00", "-00:00":
		return
	}
	q.fail(-1130, "Data sent for parameter 'timeZone' is not valid.")
}
