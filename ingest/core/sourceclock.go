package core

// SourceClock estimates the source's clock: the greatest (event time - receive time) of the last minutes, that of the fastest frame.
type SourceClock struct {
	Known     bool
	offset    int64
	cur, prev int64 // greatest of the running and the last window
	sinceMs   int64
	askedMs   int64 // when REST's time was last wished for
}

const offsetWindowMs = 300_000

// askTimeMs lies at least between two wishes for the source's time from REST.
const askTimeMs = 1_000

// At is the source's time (ms) at our nowMs; it means nothing before Known.
func (s *SourceClock) At(nowMs int64) int64 { return nowMs + s.offset }

// Frame takes a frame's own time. ask says that it is farther than saneMs from what is known, and REST has to decide: Answer is wanted. So it is after our own
// clock stood still (a machine that slept).
func (s *SourceClock) Frame(nowMs, eventMs, saneMs int64) (ask bool) {
	d := eventMs - nowMs
	switch {
	case !InMs(eventMs):
		return false // it is nonsense, and says nothing
	case s.Known && (d < s.offset-saneMs || d > s.offset+saneMs):
		if ask = nowMs >= s.askedMs+askTimeMs; ask {
			s.askedMs = nowMs
		}
		return ask
	}
	if !s.Known {
		s.set(nowMs, d)
		return false
	}
	if nowMs-s.sinceMs > offsetWindowMs {
		s.prev, s.cur, s.sinceMs = s.cur, d, nowMs
	}
	s.cur = max(s.cur, d)
	s.offset = max(s.cur, s.prev)
	return false
}

// Answer takes the time that REST told; nowMs is the middle of the request. It counts only where it is far from what frames say.
func (s *SourceClock) Answer(nowMs, serverMs int64) {
	d := serverMs - nowMs
	if serverMs > 0 && (!s.Known || d < s.offset-2000 || d > s.offset+2000) {
		s.set(nowMs, d)
	}
}

func (s *SourceClock) set(nowMs, offset int64) {
	*s = SourceClock{Known: true, offset: offset, cur: offset, prev: offset, sinceMs: nowMs, askedMs: s.askedMs}
}

// Forget forgets what is known: another market comes.
func (s *SourceClock) Forget() { *s = SourceClock{askedMs: s.askedMs} }

// InMs says whether a time can be one in milliseconds: those of 1973 to 5138; seconds and microseconds of our days are not among them.
func InMs(t int64) bool { return t >= 1e11 && t < 1e14 }
