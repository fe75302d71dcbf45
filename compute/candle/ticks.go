package candle

import "math"

const chunkLen = 1024

// chunk is a part of the kept trades in the order of the log, with the bounds that let a search pass over it.
type chunk struct {
	ticks        []tick
	minMs, maxMs int64
	minID, maxID int64
	saved        []byte // encoded once for checkpoints, when the chunk is full; dropped when a trade in it is taken back
}

// ticks are the trades of the last minutes. Whole chunks leave when all of their trades are too old; searches look at times themselves.
type ticks struct {
	chunks []*chunk
	free   []*chunk
}

func (s *ticks) push(t *tick) {
	var c *chunk
	if n := len(s.chunks); n > 0 && len(s.chunks[n-1].ticks) < chunkLen {
		c = s.chunks[n-1]
	} else {
		c = s.newChunk()
		s.chunks = append(s.chunks, c)
	}
	c.ticks = append(c.ticks, *t)
	c.minMs, c.maxMs = min(c.minMs, t.EventMs), max(c.maxMs, t.EventMs)
	c.minID, c.maxID = min(c.minID, t.AggID), max(c.maxID, t.AggID)
}

func (s *ticks) newChunk() *chunk {
	var c *chunk
	if n := len(s.free); n > 0 {
		c = s.free[n-1]
		s.free = s.free[:n-1]
		c.ticks, c.saved = c.ticks[:0], nil
	} else {
		c = &chunk{}
	}
	c.minMs, c.maxMs, c.minID, c.maxID = math.MaxInt64, -1, math.MaxInt64, math.MinInt64
	return c
}

// evict drops full chunks whose trades are all before keepMs.
func (s *ticks) evict(keepMs int64) {
	n := 0
	for n < len(s.chunks) && len(s.chunks[n].ticks) == chunkLen && s.chunks[n].maxMs < keepMs {
		n++
	}
	if n == 0 {
		return
	}
	s.free = append(s.free, s.chunks[:n]...)
	s.free = s.free[:min(len(s.free), 16)]
	rest := copy(s.chunks, s.chunks[n:])
	clear(s.chunks[rest:])
	s.chunks = s.chunks[:rest]
}

// find looks up a kept trade by its aggregate id, the newest first.
func (s *ticks) find(aggID, keepMs int64) (*chunk, *tick) {
	for i := len(s.chunks) - 1; i >= 0; i-- {
		c := s.chunks[i]
		if aggID < c.minID || aggID > c.maxID {
			continue
		}
		for j := len(c.ticks) - 1; j >= 0; j-- {
			if t := &c.ticks[j]; t.AggID == aggID && t.Qty != 0 && t.EventMs >= keepMs {
				return c, t
			}
		}
	}
	return nil, nil
}

// fold adds all trades with fromMs <= time < toMs to b.
func (s *ticks) fold(b *bar, fromMs, toMs int64) {
	for _, c := range s.chunks {
		if c.maxMs < fromMs || c.minMs >= toMs {
			continue
		}
		for i := range c.ticks {
			if t := &c.ticks[i]; t.EventMs >= fromMs && t.EventMs < toMs && t.Qty != 0 {
				b.add(t)
			}
		}
	}
}
