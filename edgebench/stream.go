//go:build linux

package edgebench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// drainTime is how long a run waits for what was published, and how long one that publishes only after deliveries goes on without any.
const drainTime = 5 * time.Second

// stream is a run of one publisher and its subscribers.
type stream struct {
	w         Workload
	e         *endpoint
	run       uint32
	base      time.Time // of the run's clock
	loop      *loop
	publisher *client
	payload   []byte

	subscribers []*client
	tallies     []*tally
	counts      Counts
	latencies   *histogram
	measuring   bool
	askedNs     int64        // latency counts from here, 0: from when the message was to be sent
	accounted   int64        // deliveries, and what a newer one of the topic replaced
	published   atomic.Int64 // messages; the next one's number
	window      *window      // nil: published on a schedule

	acknowledged int64           // PUBACKs
	onAnswer     func(kind byte) // takes the other answers, nil: nobody waits for one

	// onStalled takes what subscribers beyond w.Subscribers receive.
	onStalled func(c *client, topic int, seq int64, size int)
}

// newStream connects the publisher.
func newStream(e *endpoint, w Workload) (*stream, error) {
	s := &stream{w: w, e: e, run: rand.Uint32(), base: time.Now(), payload: make([]byte, w.Payload), latencies: &histogram{}}
	for i := range s.payload {
		s.payload[i] = byte('a' + i%26)
	}
	var err error
	if s.loop, err = newLoop(s.now); err != nil {
		return nil, err
	}
	s.loop.onPublish, s.loop.onAnswer = s.receive, s.answered
	if w.Outstanding > 0 {
		s.window = newWindow(&w)
	}
	if s.publisher, err = e.connect(-1, fmt.Sprintf("bench-publisher-%d", s.run), 0); err == nil {
		err = s.loop.add(s.publisher)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("publisher: %w", err)
	}
	return s, nil
}

// subscribe connects the subscribers, each to its topics.
func (s *stream) subscribe(ctx context.Context) (err error) {
	name := fmt.Sprint(s.run)
	s.subscribers, err = s.e.connectAll(ctx, s.w.Subscribers, name, 0, func(c *client) error { return c.subscribe(s.w.QoS, s.w.topicsOf(c.number)...) })
	if err != nil {
		return err
	}
	for range s.subscribers {
		s.tallies = append(s.tallies, newTally(s.w.Topics))
	}
	return s.loop.add(s.subscribers...)
}

func (s *stream) close() {
	closeAll(s.subscribers)
	closeAll([]*client{s.publisher})
	s.loop.close()
}

// now is the run's clock in ns.
func (s *stream) now() int64 { return int64(time.Since(s.base)) }

// receive counts what a subscriber gets.
func (s *stream) receive(c *client, p *publication, nowNs int64) {
	m, ok := parseMessage(p.payload)
	if !ok || m.run != s.run {
		s.counts.Foreign++
		return
	}
	topic, seq := int(m.number%int64(s.w.Topics)), m.number/int64(s.w.Topics)
	if c.number >= s.w.Subscribers {
		s.onStalled(c, topic, seq, p.size)
		return
	}
	r, skipped := s.tallies[c.number].take(topic, seq)
	switch r {
	case duplicate:
		s.counts.Duplicates++
		return
	case regressed:
		s.counts.Regressions++
	case fresh:
		s.accounted += 1 + skipped
		s.window.credit(topic, seq, skipped)
	}
	s.counts.Deliveries++
	if s.measuring {
		since := m.sentNs
		if s.askedNs > 0 {
			since = s.askedNs
		}
		s.latencies.add(nowNs - since)
	}
}

func (s *stream) answered(kind byte) {
	switch {
	case kind == typePuback:
		s.acknowledged++
	case s.onAnswer != nil:
		s.onAnswer(kind)
	}
}

// appendMessage appends the next PUBLISH, meant for the time given.
func (s *stream) appendMessage(dst []byte, number, sentNs int64) []byte {
	message{run: s.run, number: number, sentNs: sentNs}.put(s.payload)
	id := uint16(0)
	if s.w.QoS > 0 {
		id = uint16(number%65535) + 1
	}
	return appendPublish(dst, s.e.Level, s.w.topic(int(number%int64(s.w.Topics))), id, false, s.payload)
}

// complete says whether every subscriber has what was published, or something newer.
func (s *stream) complete() bool { return s.accounted == s.published.Load()*int64(s.w.audience()) }

// pace publishes on a schedule, from start of the run's clock on, and ends with the number of bursts or the context. It owns the publisher's sending side.
// A burst that is late keeps the time at which it was due.
func (s *stream) pace(ctx context.Context, startNs int64, bursts int) error {
	runtime.LockOSThread() // its timer slack is this thread's, which ends with this goroutine
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0); err != nil {
		return fmt.Errorf("make the publisher's timer exact: %w", err)
	}
	interval := s.w.interval()
	var packets []byte
	for i := range bursts {
		due := startNs + int64(i)*int64(interval)
		for wait := due - s.now(); wait > 0 && ctx.Err() == nil; wait = due - s.now() {
			nap := unix.NsecToTimespec(min(wait, int64(100*time.Millisecond)))
			_ = unix.Nanosleep(&nap, nil) // an early return is no harm
		}
		if ctx.Err() != nil {
			return nil
		}
		packets = packets[:0]
		number := s.published.Load()
		for n := range int64(s.w.Burst) {
			packets = s.appendMessage(packets, number+n, due)
		}
		s.published.Add(int64(s.w.Burst))
		if err := s.publisher.writeAll(packets); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}

// interval is the time between bursts.
func (w *Workload) interval() time.Duration {
	return time.Duration(int64(time.Second) * int64(w.Burst) * int64(w.audience()) / int64(w.Rate))
}

// settle adds up what has not come.
func (s *stream) settle() {
	published := s.published.Load()
	for i, t := range s.tallies {
		for _, holes := range t.missing {
			if s.w.Class == State {
				s.counts.Conflated += int64(len(holes))
			} else {
				s.counts.Lost += int64(len(holes))
			}
		}
		for n := range s.w.Each {
			topic := int64((i*s.w.Each + n) % s.w.Topics)
			sent := (published - topic + int64(s.w.Topics) - 1) / int64(s.w.Topics)
			s.counts.Lost += sent - t.next[topic]
		}
	}
}
