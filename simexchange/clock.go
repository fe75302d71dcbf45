package simexchange

import (
	"context"
	"sync/atomic"
	"time"
)

// clock is the exchange's time: the wall clock for the random market, a recording's own time, faster or not, for recordings.
type clock struct {
	speed   float64 // virtual time per real time; 0: time jumps from event to event
	offset  bool    // false: the wall clock itself
	startUs int64
	began   atomic.Pointer[time.Time] // nil while it is held at startUs
	jumped  atomic.Int64              // where a jumping clock stands
	settled atomic.Pointer[settledAt] // it has become an ordinary clock
}

func wallClock() *clock { return &clock{speed: 1} }

// heldClock stands at startUs until release.
func heldClock(startUs int64, speed float64) *clock {
	c := &clock{speed: speed, offset: true, startUs: startUs}
	c.jumped.Store(startUs)
	return c
}

// release lets time go on; only the first call counts.
func (c *clock) release() {
	now := time.Now()
	c.began.CompareAndSwap(nil, &now)
}

func (c *clock) held() bool { return c.offset && c.began.Load() == nil }

// settle turns a jumping clock, whose events have come to an end, into one of the usual speed.
func (c *clock) settle(us int64) {
	c.settled.Store(&settledAt{us: us, wall: time.Now()})
}

type settledAt struct {
	us   int64
	wall time.Time
}

func (c *clock) jumps() bool { return c.offset && c.speed == 0 && c.settled.Load() == nil }

func (c *clock) nowUs() int64 {
	if !c.offset {
		return time.Now().UnixMicro()
	}
	began := c.began.Load()
	if began == nil {
		return c.startUs
	}
	if at := c.settled.Load(); at != nil {
		return at.us + time.Since(at.wall).Microseconds()
	}
	if c.speed == 0 {
		return c.jumped.Load()
	}
	return c.startUs + int64(float64(time.Since(*began).Microseconds())*c.speed)
}

// wait returns when the clock has reached us; false if ctx ended before. The timer is the caller's, stopped and drained.
func (c *clock) wait(ctx context.Context, timer *time.Timer, us int64, released <-chan struct{}) bool {
	if c.held() {
		select {
		case <-released:
		case <-ctx.Done():
			return false
		}
	}
	if c.jumps() {
		c.jumped.Store(max(us, c.jumped.Load()))
		return ctx.Err() == nil
	}
	for {
		left := us - c.nowUs()
		if left <= 0 {
			return ctx.Err() == nil
		}
		timer.Reset(time.Duration(float64(left)*1000/c.pace()) + time.Microsecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

func (c *clock) pace() float64 {
	if c.speed == 0 {
		return 1
	}
	return c.speed
}
