package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Lists show 100 entries unless asked for more, as EMQX does.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// query reads a request's query string; the first thing wrong is kept. A parameter that a call does not know is an error: a misspelt filter would show everything.
type query struct {
	values url.Values
	err    error
}

// query checks that there are no parameters but known.
func (c *call) query(known ...string) *query {
	q := &query{}
	if q.values, q.err = url.ParseQuery(c.URL.RawQuery); q.err != nil {
		q.err = badRequest("the query string: %v", q.err)
		return q
	}
	for name, values := range q.values {
		switch {
		case !slices.Contains(known, name):
			q.fail("%s: there is no such parameter here; there are %s", name, strings.Join(known, ", "))
		case len(values) > 1:
			q.fail("%s: is there %d times", name, len(values))
		}
	}
	return q
}

func (q *query) fail(format string, args ...any) {
	if q.err == nil {
		q.err = badRequest(format, args...)
	}
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) number(name string, otherwise, lo, hi int) int {
	if !q.values.Has(name) {
		return otherwise
	}
	n, err := strconv.Atoi(q.text(name))
	if err != nil || n < lo || n > hi {
		q.fail("%s: %q, want a number within %d and %d", name, q.text(name), lo, hi)
	}
	return n
}

// choice returns the index of a parameter's value among the allowed ones, -1 without the parameter.
func (q *query) choice(name string, allowed ...string) int {
	if !q.values.Has(name) {
		return -1
	}
	i := slices.Index(allowed, q.text(name))
	if i < 0 {
		q.fail("%s: %q, want %s", name, q.text(name), strings.Join(allowed, " or "))
	}
	return i
}

func (q *query) page() Page {
	p := Page{Number: q.number("page", 1, 1, 1<<30), Limit: q.number("limit", defaultLimit, 1, maxLimit)}
	if q.err != nil {
		return Page{Number: 1, Limit: defaultLimit}
	}
	return p
}
