package feed

// SourceClock estimates the source's clock: the greatest (event time - receive time) of the last minutes, that of the fastest frame.
type SourceClock struct {
	Known     bool
	offset    int64
	cur, prev int64 // greatest of the running and the last window
	sinceMs   int64
}

const offsetWindowMs = 300_000

// AskTimeMs lies at least between two wishes for the source's time from REST.
const AskTimeMs = 1_000

// At is the source's time (ms) at our nowMs; it means nothing before Known.
func (s *SourceClock) At(nowMs int64) int64 { return nowMs + s.offset }

// Frame takes a frame's own time; false says that it is farther than saneMs from what is known: REST has to decide. So it is after our own clock stood still
// (a machine that slept).
func (s *SourceClock) Frame(nowMs, eventMs, saneMs int64) bool {
	d := eventMs - nowMs
	switch {
	case !inMs(eventMs):
		return true // it is nonsense, and says nothing
	case s.Known && (d < s.offset-saneMs || d > s.offset+saneMs):
		return false
	}
	if !s.Known {
		*s = SourceClock{Known: true, offset: d, cur: d, prev: d, sinceMs: nowMs}
		return true
	}
	if nowMs-s.sinceMs > offsetWindowMs {
		s.prev, s.cur, s.sinceMs = s.cur, d, nowMs
	}
	s.cur = max(s.cur, d)
	s.offset = max(s.cur, s.prev)
	return true
}

// Answer takes the time that REST told; nowMs is the middle of the request. It counts only where it is far from what frames say.
func (s *SourceClock) Answer(nowMs, serverMs int64) {
	d := serverMs - nowMs
	if serverMs > 0 && (!s.Known || d < s.offset-2000 || d > s.offset+2000) {
		*s = SourceClock{Known: true, offset: d, cur: d, prev: d, sinceMs: nowMs}
	}
}
