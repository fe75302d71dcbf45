//go:build linux

package edgebench

import (
	"context"
)

// idle measures what connections cost that do nothing, then shows by one message that they are all alive.
func (s *stream) idle(ctx context.Context, r *Result) error {
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	never := func() bool { return false }
	if _, err := s.loop.run(ctx, s.w.Duration, func() {}, never); err != nil {
		return err
	}
	resident, err := s.e.resident()
	if err != nil {
		return err
	}
	r.PerConnection = (resident - r.ResidentStart) / int64(s.w.Subscribers)
	from, err := s.mark()
	if err != nil {
		return err
	}
	s.measuring = true
	s.loop.send(s.publisher, s.appendMessage(nil, 0, s.now()))
	s.published.Store(1)
	if _, err := s.loop.run(ctx, drainTime, func() {}, s.complete); err != nil {
		return err
	}
	to, err := s.mark()
	if err != nil {
		return err
	}
	r.add(from, to)
	s.settle()
	s.judge(r)
	return nil
}
