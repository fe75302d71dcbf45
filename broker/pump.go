package broker

import (
	"context"
	"sync"
	"time"
)

// pump is one goroutine that sends for many connections: it takes those that have something to send, in the order in which they got it, and writes one batch
// for each. A connection costs no goroutine of its own, and what has come in the meantime goes out in one write.
//
// A pump never blocks on a socket. One that takes no more is lent to a goroutine that waits for it and gives it back.
type pump struct {
	wake chan struct{}
	buf  []byte // the batch under way; the pump's goroutine alone

	mu     sync.Mutex
	asleep bool
	line   []*conn // each at most once, but for those that were given back
	spare  []*conn
}

func newPump() *pump {
	return &pump{wake: make(chan struct{}, 1), buf: make([]byte, frameRoom, 32<<10)}
}

// add puts c in line; start says whether the pump is to be woken now, or by somebody later.
func (p *pump) add(c *conn, start bool) {
	p.mu.Lock()
	p.line = append(p.line, c)
	start = start && p.asleep
	if start {
		p.asleep = false
	}
	p.mu.Unlock()
	if start {
		p.wake <- struct{}{} // never blocks: one place, and one sender for each time that the pump fell asleep
	}
}

// start wakes the pump if there is something for it.
func (p *pump) start() {
	p.mu.Lock()
	start := p.asleep && len(p.line) > 0
	if start {
		p.asleep = false
	}
	p.mu.Unlock()
	if start {
		p.wake <- struct{}{}
	}
}

// take returns the line, and starts a new one; nil if there is none, and then the pump is asleep.
func (p *pump) take() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.line) == 0 {
		p.asleep = true
		return nil
	}
	line := p.line
	p.line, p.spare = p.spare, nil
	return line
}

// giveBack lets the memory of a line be used again.
func (p *pump) giveBack(line []*conn) {
	const keep = 64 << 10
	clear(line)
	p.mu.Lock()
	defer p.mu.Unlock()
	if cap(line) <= keep {
		p.spare = line[:0]
	}
}

// turnsPerLook is how many connections have their turn until the pump looks at the clock again: some tenths of a millisecond.
const turnsPerLook = 32

// Run sends until ctx ends. Connections must be gone by then.
func (p *pump) Run(ctx context.Context) {
	for {
		line := p.take()
		if line == nil {
			select {
			case <-p.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		var now uint32
		for i, c := range line {
			if i%turnsPerLook == 0 {
				now = coarseMS(time.Now())
			}
			c.turn(&p.buf, now)
		}
		p.giveBack(line)
	}
}
