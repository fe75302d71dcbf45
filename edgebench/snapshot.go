//go:build linux

package edgebench

import (
	"context"
	"fmt"
	"time"
)

// snapshot has all clients ask for all retained topics at once.
func (s *stream) snapshot(ctx context.Context, r *Result) (err error) {
	if err := s.retain(ctx); err != nil {
		return err
	}
	if s.subscribers, err = s.e.connectAll(ctx, s.w.Subscribers, fmt.Sprint(s.run), 0, func(*client) error { return nil }); err != nil {
		return err
	}
	if err := s.loop.add(s.subscribers...); err != nil {
		return err
	}
	filter := fmt.Sprintf("%s/bench/+", s.w.Class)
	for range s.w.Rounds {
		s.tallies = s.tallies[:0]
		for range s.subscribers {
			s.tallies = append(s.tallies, newTally(s.w.Topics))
		}
		s.accounted = 0
		from, err := s.mark()
		if err != nil {
			return err
		}
		s.askedNs, s.measuring = s.now(), true
		if err := s.ask(ctx, appendSubscribe(nil, s.e.Level, 1, s.w.QoS, filter), typeSuback, s.complete); err != nil {
			return err
		}
		s.measuring = false
		to, err := s.mark()
		if err != nil {
			return err
		}
		r.add(from, to)
		s.settle()
		always := func() bool { return true }
		if err := s.ask(ctx, appendUnsubscribe(nil, s.e.Level, 2, filter), typeUnsuback, always); err != nil {
			return err
		}
	}
	s.judge(r)
	return nil
}

// retain publishes each topic's retained value, and returns when the broker has them.
func (s *stream) retain(ctx context.Context) error {
	return s.publishRetained(ctx, func(topic int64) []byte {
		s.published.Add(1)
		message{run: s.run, number: topic, sentNs: s.now()}.put(s.payload)
		return s.payload
	})
}

// clear takes the run's retained values from the broker, which also makes a topic retained by its class alone forget.
func (s *stream) clear(ctx context.Context) error {
	return s.publishRetained(ctx, func(int64) []byte { return nil })
}

func (s *stream) publishRetained(ctx context.Context, payload func(topic int64) []byte) error {
	const atOnce = 50
	sent, owed := int64(0), int64(0)
	if s.w.QoS > 0 {
		owed = s.published.Load() - s.acknowledged // those of messages from before come first
	}
	before := s.acknowledged + owed
	publish := func() {
		var packets []byte
		for ; sent < int64(s.w.Topics) && sent < s.acknowledged-before+atOnce; sent++ {
			packets = appendPublish(packets, s.e.Level, s.w.topic(int(sent)), uint16(sent)+1, true, payload(sent))
		}
		if len(packets) > 0 {
			s.loop.send(s.publisher, packets)
		}
	}
	publish()
	late, err := s.loop.run(ctx, handshakeTimeout, publish, func() bool {
		return s.acknowledged == before+int64(s.w.Topics) || s.publisher.gone != nil
	})
	switch {
	case err != nil:
		return err
	case s.publisher.gone != nil:
		return fmt.Errorf("publish retained messages: %w", s.publisher.gone)
	case late:
		return fmt.Errorf("publish retained messages: only %d of %d were acknowledged in %s", s.acknowledged-before, s.w.Topics, handshakeTimeout)
	}
	return nil
}

// ask sends the same packet to the broker from each subscriber, and waits until each has its answer and done says yes.
func (s *stream) ask(ctx context.Context, packet []byte, answer byte, done func() bool) error {
	answers := 0
	s.onAnswer = func(kind byte) {
		if kind == answer {
			answers++
		}
	}
	defer func() { s.onAnswer = nil }()
	for _, c := range s.subscribers {
		s.loop.send(c, packet)
	}
	heard, at := int64(0), time.Now()
	finished := func() bool {
		if heard != s.counts.Deliveries {
			heard, at = s.counts.Deliveries, time.Now()
		}
		return answers+s.loop.lost >= len(s.subscribers) && done() || time.Since(at) > drainTime
	}
	_, err := s.loop.run(ctx, s.w.Duration, func() {}, finished)
	return err
}
