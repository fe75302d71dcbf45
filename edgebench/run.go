//go:build linux

package edgebench

import (
	"context"
	"fmt"
	"time"
)

// Run measures one workload. The error is that the broker could not be measured at all; a run that does not count is a result with problems.
func Run(ctx context.Context, t Target, w Workload) (*Result, error) {
	if err := w.validate(); err != nil {
		return nil, err
	}
	e, err := t.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if err := allowFiles(w.Subscribers + w.Stalled); err != nil {
		return nil, err
	}
	r := newResult(e, &w)
	if r.ResidentStart, err = e.resident(); err != nil {
		return nil, err
	}
	s, err := newStream(e, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.Name, err)
	}
	defer s.close()
	if err := w.measure(s, ctx, r); err != nil {
		return nil, fmt.Errorf("%s: %w", w.Name, err)
	}
	if w.Class != Event {
		if err := s.clear(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	if r.ResidentEnd, err = e.resident(); err != nil {
		return nil, err
	}
	return r, nil
}

// scheduled publishes at the workload's rate, whatever the broker does.
func (s *stream) scheduled(ctx context.Context, r *Result) error {
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	from, to, err := s.paced(ctx, r)
	if err != nil {
		return err
	}
	r.add(from, to)
	s.settle()
	s.judge(r)
	return nil
}

// paced runs the schedule once, warm-up first, and waits until everything has come.
func (s *stream) paced(ctx context.Context, r *Result) (from, to mark, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const lead = 10 * time.Millisecond // the publisher's goroutine needs a moment
	bursts := int((s.w.WarmUp + s.w.Duration) / s.w.interval())
	start := s.now() + int64(lead)
	paced := make(chan error, 1)
	go func() { paced <- s.pace(ctx, start, bursts) }()
	defer func() {
		cancel()
		<-paced
	}()
	warm := start + int64(s.w.WarmUp)
	ended := false
	begin := func() {
		if from.at.IsZero() && s.now() >= warm && err == nil {
			from, err = s.mark()
			s.measuring = true
		}
		select {
		case err = <-paced:
			ended = true
			paced <- err
		default:
		}
	}
	late, e := s.loop.run(ctx, s.w.WarmUp+s.w.Duration+drainTime, begin, func() bool { return err != nil || ended && s.complete() })
	s.measuring = false
	if late && !ended {
		r.problem("the broker held the publisher up: the schedule was not over %s after its time", drainTime)
	}
	if err == nil {
		err = e
	}
	if err == nil {
		to, err = s.mark()
	}
	return from, to, err
}

// saturated keeps a number of messages under way: the next one goes out when every subscriber has an earlier one.
func (s *stream) saturated(ctx context.Context, r *Result) error {
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	var packets []byte
	publish := func() {
		packets = packets[:0]
		for number := s.published.Load(); s.window.admit(number); number++ {
			packets = s.appendMessage(packets, number, s.now())
			s.published.Store(number + 1)
		}
		if len(packets) > 0 {
			s.loop.send(s.publisher, packets)
		}
	}
	heard, at := int64(0), time.Now()
	stalled := func() bool {
		if heard != s.counts.Deliveries {
			heard, at = s.counts.Deliveries, time.Now()
		}
		return s.publisher.gone != nil || time.Since(at) > drainTime
	}
	publish()
	if _, err := s.loop.run(ctx, s.w.WarmUp, publish, stalled); err != nil {
		return err
	}
	from, err := s.mark()
	if err != nil {
		return err
	}
	s.measuring = true
	if _, err := s.loop.run(ctx, s.w.Duration, publish, stalled); err != nil {
		return err
	}
	to, err := s.mark()
	if err != nil {
		return err
	}
	s.measuring = false
	r.add(from, to)
	if _, err := s.loop.run(ctx, drainTime, func() {}, s.complete); err != nil {
		return err
	}
	if s.publisher.gone != nil {
		r.problem("the publisher's connection ended: %v", s.publisher.gone)
	}
	s.settle()
	s.judge(r)
	return nil
}
