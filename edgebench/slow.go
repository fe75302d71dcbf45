//go:build linux

package edgebench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Slow is what stalled subscribers did to the others, and what they found when they read again.
type Slow struct {
	Stalled       int       `json:"stalled"`
	Without       []float64 `json:"healthy_p99_ms_without"` // each round's
	With          []float64 `json:"healthy_p99_ms_with"`
	MedianWithout float64   `json:"healthy_p99_ms_without_median"`
	MedianWith    float64   `json:"healthy_p99_ms_with_median"`
	Growth        int64     `json:"resident_bytes_growth"` // while they stalled, the greatest of all rounds
	Closed        int       `json:"closed"`                // stalled ones that the broker closed
	Newest        int       `json:"newest"`                // stalled ones that came to hold the newest value of every topic
	Skipped       bool      `json:"skipped"`               // the broker left older values out; otherwise all of them are still to come, and nothing below says much
	Kernel        int       `json:"messages_in_kernel"`    // the most that one of them found in the kernel's buffers: sent before it read again
	Old           int       `json:"old_messages"`          // the most that came behind those and were not the newest of their topic
	Writes        int       `json:"writes"`                // the most writes of the broker until one of them had the newest value of every topic; none has a topic twice
	CaughtUpMs    float64   `json:"caught_up_ms"`          // the longest from reading again to the newest value of every topic
}

func (s *Slow) print(b *strings.Builder) {
	if s == nil {
		return
	}
	fmt.Fprintf(b, "  p99 of the healthy, median of %d: %.2f ms without, %.2f ms with %d stalled (%+.0f %%); without %.2f, with %.2f\n",
		len(s.With), s.MedianWithout, s.MedianWith, s.Stalled, 100*(s.MedianWith/s.MedianWithout-1), s.Without, s.With)
	fmt.Fprintf(b, "  resident memory grew by %.1f MiB while they stalled; %d were closed\n", mebibytes(s.Growth), s.Closed)
	fmt.Fprintf(b, "  reading again: %d of %d came to hold the newest value of every topic, after at most %d messages that the kernel had, in at most %d writes with %d old messages, and %.1f ms\n",
		s.Newest, s.Stalled*len(s.With), s.Kernel, s.Writes, s.Old, s.CaughtUpMs)
}

// slow runs the schedule with and without stalled subscribers in turn, so that whatever else happens on the machine meets both.
func (s *stream) slow(ctx context.Context, r *Result) error {
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	all := s.latencies
	r.Slow = &Slow{Stalled: s.w.Stalled}
	for range s.w.Rounds {
		s.latencies = &histogram{}
		if _, _, err := s.paced(ctx, r); err != nil {
			return err
		}
		r.Slow.Without = append(r.Slow.Without, milliseconds(s.latencies.quantile(.99)))
		all.merge(s.latencies)

		s.latencies = &histogram{}
		if err := s.withStalled(ctx, r); err != nil {
			return err
		}
		r.Slow.With = append(r.Slow.With, milliseconds(s.latencies.quantile(.99)))
		all.merge(s.latencies)
	}
	s.latencies = all
	r.Slow.MedianWithout, r.Slow.MedianWith = median(r.Slow.Without), median(r.Slow.With)
	s.settle()
	s.judge(r)
	r.Slow.judge(r, s.e.WebSocket)
	return nil
}

// judge says what of it an edge that leaves older values out must not do.
func (s *Slow) judge(r *Result, webSocket bool) {
	if !s.Skipped {
		return
	}
	if all := s.Stalled * len(s.With); s.Newest != all {
		r.problem("%d of %d that stalled do not have the newest value of every topic", all-s.Newest, all)
	}
	most := 1
	if webSocket {
		most = 2 // a message of WebSocket that has begun must end
	}
	if s.Writes > most {
		r.problem("those that stalled have the newest value of every topic after %d writes, want %d", s.Writes, most)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

func (s *stream) withStalled(ctx context.Context, r *Result) error {
	stalled, err := s.e.connectAll(ctx, s.w.Stalled, fmt.Sprintf("stalled-%d", s.run), stalledBuffer, func(c *client) error {
		c.number += s.w.Subscribers
		return c.subscribe(s.w.QoS, s.w.topicsOf(c.number)...)
	})
	if err != nil {
		return err
	}
	defer func() {
		for _, c := range stalled {
			s.loop.remove(c)
		}
		closeAll(stalled)
	}()
	from, to, err := s.paced(ctx, r)
	if err != nil {
		return err
	}
	r.add(from, to)
	r.Slow.Growth = max(r.Slow.Growth, to.resident-from.resident)
	return s.readAgain(ctx, r.Slow, stalled)
}

// revival is what one stalled subscriber gets when it reads again.
type revival struct {
	kernel   int           // bytes that are still to come of what the kernel had
	inKernel int           // messages of that
	newest   map[int]bool  // topics whose newest value has come
	last     map[int]int64 // by topic
	write    map[int]bool  // topics of the write that is being read
	writes   int           // behind what the kernel had
	old      int           // messages in them that are not their topic's newest
	skipped  bool
	atNs     int64 // when it had all; 0: it has not
}

// take takes a message until it has all; newest is the number of its topic's newest.
func (v *revival) take(topic int, seq, newest int64, size int) {
	if last, ok := v.last[topic]; ok && seq > last+1 {
		v.skipped = true
	}
	v.last[topic] = seq
	if seq == newest {
		v.newest[topic] = true
	}
	if v.kernel > 0 {
		v.kernel -= size
		v.inKernel++
		return
	}
	if v.writes == 0 || v.write[topic] {
		v.writes++
		clear(v.write)
	}
	v.write[topic] = true
	if seq != newest {
		v.old++
	}
}

func (s *stream) readAgain(ctx context.Context, slow *Slow, stalled []*client) error {
	const quiet = 3 * time.Second // nothing more is coming; the kernel asks a client that took nothing for so long only now and then whether it does again
	published, topics := s.published.Load(), int64(s.w.Topics)
	got := map[*client]*revival{}
	waiting, err := s.e.inKernel(stalled)
	if err != nil {
		return err
	}
	for i, c := range stalled {
		got[c] = &revival{kernel: waiting[i], newest: map[int]bool{}, last: map[int]int64{}, write: map[int]bool{}}
	}
	heard, complete, begin := time.Now(), 0, s.now()
	s.onStalled = func(c *client, topic int, seq int64, size int) {
		v := got[c]
		heard = time.Now()
		if v.atNs != 0 {
			return
		}
		if v.take(topic, seq, (published-1-int64(topic))/topics, size); len(v.newest) == s.w.Each {
			v.atNs = s.now()
			complete++
		}
	}
	lost := s.loop.lost
	if err := s.loop.add(stalled...); err != nil {
		return err
	}
	if _, err := s.loop.run(ctx, handshakeTimeout, func() {}, func() bool { return complete == len(stalled) || time.Since(heard) > quiet }); err != nil {
		return err
	}
	slow.Closed += s.loop.lost - lost
	s.loop.lost = lost
	for _, v := range got {
		slow.Skipped = slow.Skipped || v.skipped
		slow.Kernel, slow.Old, slow.Writes = max(slow.Kernel, v.inKernel), max(slow.Old, v.old), max(slow.Writes, v.writes)
		if v.atNs == 0 {
			continue
		}
		slow.Newest++
		slow.CaughtUpMs = max(slow.CaughtUpMs, milliseconds(time.Duration(v.atNs-begin)))
	}
	return nil
}
