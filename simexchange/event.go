package simexchange

// event is one entry of a symbol's log: what one order did in the random market, or one recorded frame.
type event struct {
	TimeUs int64
	Trades []trade
	Book   *bookChange
	Best   *best // a recorded bookTicker frame
	// Frame says that Book was recorded as one frame of depth@100ms and is served as it is, with TimeUs as its event time.
	Frame bool
}

// source hands out a symbol's events in order: the random market, or a recording.
type source interface {
	// nextUs is the time of the next event; false at the end.
	nextUs() (us int64, ok bool)
	// take returns the next event, which is valid until the next call. There must be one.
	take() *event
}

// playback is a recording as a source.
type playback struct{ left []event }

func (p *playback) nextUs() (int64, bool) {
	if len(p.left) == 0 {
		return 0, false
	}
	return p.left[0].TimeUs, true
}

func (p *playback) take() *event {
	e := &p.left[0]
	p.left = p.left[1:]
	return e
}
