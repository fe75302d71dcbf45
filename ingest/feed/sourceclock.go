package feed

// SourceClock estimates the source's clock: the greatest (event time - receive time) of the last minutes, that of the fastest frame.
type SourceClock struct {
	Known     bool
	offset    int64
	cur, prev int64 // greatest of the running and the last window
	sinceMs   int64
}

const offsetWindowMs = 300_000

// At is the source's time (ms) at our nowMs; it means nothing before Known.
func (s *SourceClock) At(nowMs int64) int64 { return nowMs + s.offset }

// Frame takes a frame's own time. What is farther off than saneMs is passed over: the next REST answer decides.
func (s *SourceClock) Frame(nowMs, eventMs, saneMs int64) {
	d := eventMs - nowMs
	if eventMs <= 0 || s.Known && (d < s.offset-saneMs || d > s.offset+saneMs) {
		return
	}
	if !s.Known {
		*s = SourceClock{Known: true, offset: d, cur: d, prev: d, sinceMs: nowMs}
		return
	}
	if nowMs-s.sinceMs > offsetWindowMs {
		s.prev, s.cur, s.sinceMs = s.cur, d, nowMs
	}
	s.cur = max(s.cur, d)
	s.offset = max(s.cur, s.prev)
}

// Answer takes the time that REST told; nowMs is the middle of the request. It counts only where it is far from what frames say.
func (s *SourceClock) Answer(nowMs, serverMs int64) {
	d := serverMs - nowMs
	if serverMs > 0 && (!s.Known || d < s.offset-2000 || d > s.offset+2000) {
		*s = SourceClock{Known: true, offset: d, cur: d, prev: d, sinceMs: nowMs}
	}
}
