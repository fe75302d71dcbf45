package broker

import (
	"math"
	"time"
)

// ration is what one client is sent in time: a token bucket of messages and one of bytes, each as large as one second's worth. What it does not let through
// waits: state is conflated meanwhile, events and closed candles stay in their queues. Whoever has the connection lent uses it, nobody else.
type ration struct {
	messagesPerSecond, bytesPerSecond float64 // 0: no limit

	messages, bytes float64 // what is left; less than nothing has to be waited for
	at              time.Time
	wake            *time.Timer
}

// limitRates holds a connection to so many messages and bytes a second from now on; 0: no limit. Acknowledgements and other answers are not counted.
func (c *conn) limitRates(messagesPerSecond, bytesPerSecond int) {
	if messagesPerSecond == 0 && bytesPerSecond == 0 {
		c.ration.Store(nil)
	} else {
		m, b := float64(messagesPerSecond), float64(bytesPerSecond)
		c.ration.Store(&ration{messagesPerSecond: m, bytesPerSecond: b, messages: m, bytes: b, at: time.Now()})
	}
	c.kick()
}

// allow returns how much may be sent now, or how long to wait until anything may. A message may be larger than what is left, the next ones wait for it then.
func (r *ration) allow(now time.Time, limit int) (messages uint64, bytes int, wait time.Duration) {
	passed := now.Sub(r.at).Seconds()
	r.at = now
	r.messages = min(r.messages+passed*r.messagesPerSecond, r.messagesPerSecond)
	r.bytes = min(r.bytes+passed*r.bytesPerSecond, r.bytesPerSecond)
	messages, bytes = math.MaxUint64, limit
	if r.messagesPerSecond > 0 {
		if r.messages < 1 {
			wait = until(1-r.messages, r.messagesPerSecond)
		}
		messages = uint64(max(r.messages, 0))
	}
	if r.bytesPerSecond > 0 {
		if r.bytes < 1 {
			wait = max(wait, until(1-r.bytes, r.bytesPerSecond))
		}
		bytes = min(limit, int(max(r.bytes, 0)))
	}
	return messages, bytes, wait
}

// until is how long n tokens take; a millisecond more, so that they are there then.
func until(n, perSecond float64) time.Duration {
	return time.Duration(n/perSecond*float64(time.Second)) + time.Millisecond
}

func (r *ration) spend(messages uint64, bytes int) {
	if r.messagesPerSecond > 0 {
		r.messages -= float64(messages)
	}
	if r.bytesPerSecond > 0 {
		r.bytes -= float64(bytes)
	}
}

// wakeIn has c sent again after a while.
func (r *ration) wakeIn(wait time.Duration, c *conn) {
	if r.wake == nil {
		r.wake = time.AfterFunc(wait, c.kick)
		return
	}
	r.wake.Reset(wait)
}

// collect is session.collect within the ration, if there is one.
func (c *conn) collect(s *session, dst []byte, n *tally) (out []byte, more bool) {
	limit := int(c.cfg.BatchBytes)
	r := c.ration.Load()
	if r == nil {
		n.most = math.MaxUint64
		return s.collect(c, dst, limit, n)
	}
	var wait time.Duration
	if n.most, limit, wait = r.allow(time.Now(), limit); wait > 0 {
		if !s.idle() {
			r.wakeIn(wait, c)
		}
		return dst, false
	}
	out, more = s.collect(c, dst, limit, n)
	r.spend(n.messages, len(out)-len(dst))
	return out, more
}
