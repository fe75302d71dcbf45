package simexchange

// event is one entry of a symbol's log: what one order did in the random market, or one recorded frame.
type event struct {
	TimeUs int64
	Trade  *trade
	Book   *bookChange
	Best   *best // a recorded bookTicker frame
	// Frame says that Book was recorded as one frame of depth@100ms and is served as it is, with TimeUs as its event time.
	Frame bool
}

// source hands out a symbol's events in order: the random market, or a recording.
type source interface {
	// peek returns the next event without taking it; nil at the end. It is valid until take.
	peek() *event
	// take goes on to the event after it.
	take()
}

// playback is a recording as a source.
type playback struct{ left []event }

func (p *playback) peek() *event {
	if len(p.left) == 0 {
		return nil
	}
	return &p.left[0]
}

func (p *playback) take() { p.left = p.left[1:] }
