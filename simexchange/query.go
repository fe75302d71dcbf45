package simexchange

import "github.com/tickcast/tickcast/binanceapi"

// query reads the parameters of a request.
type query struct {
	binanceapi.Query
	untilUs    int64 // REST knows trades up to here: faults
	tombstones bool
	stale      bool // REST knows the book of staleMs: faults
	staleMs    int64
}

func (s *Server) markets() binanceapi.Markets[*instrument] {
	return binanceapi.Markets[*instrument]{All: s.instruments, Named: func(symbol string) *instrument { return s.bySymbol[symbol] }}
}

// timeUs reads a time in milliseconds or microseconds: REST takes both.
func (q *query) timeUs(name string) int64 {
	v := q.Time(name)
	if v == noTime || v >= binanceapi.UsFrom {
		return v
	}
	return v * 1000
}

// endUs is timeUs of an inclusive end: a millisecond ends with its last microsecond.
func (q *query) endUs(name string) int64 {
	v := q.timeUs(name)
	if v != noTime && q.Number(name) < binanceapi.UsFrom {
		v += 999
	}
	return v
}

// timeZone takes UTC only; klines of other zones are not simulated.
func (q *query) timeZone() {
	switch q.Values.Get("timeZone") {
	case "", "0", "+0", "-0", "00", "0:00", "00:00", "+00:00", "-00:00":
		return
	}
	q.Invalid("timeZone")
}
