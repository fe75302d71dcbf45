package simexchange

import (
	"context"
	"fmt"
	"time"

	"github.com/tickcast/tickcast/market"
)

// publish takes trades from the sources in the order of time, puts them into the event logs and sends the frames; each second it closes klines.
// It is the only goroutine that changes event logs and the only one that sends frames of streams.
func (s *Server) publish(ctx context.Context) error {
	timer := time.NewTimer(0)
	<-timer.C
	for {
		in := s.earliest()
		at := s.nextTickMs * 1000
		if in != nil && in.src.peek().TimeUs < at {
			at = in.src.peek().TimeUs
		} else {
			in = nil
		}
		if in == nil && s.clock.jumps() && s.played() {
			s.log.Info("the recording has ended: time goes on at its usual pace")
			s.clock.settle(at)
		}
		if !s.clock.wait(ctx, timer, at, s.released) {
			return nil
		}
		if in == nil {
			s.tick()
			continue
		}
		if err := s.publishTrade(in); err != nil {
			return err
		}
	}
}

// earliest is the instrument whose next trade comes first; nil if all recordings have ended.
func (s *Server) earliest() *instrument {
	var first *instrument
	var at int64
	for _, in := range s.instruments {
		if t := in.src.peek(); t != nil && (first == nil || t.TimeUs < at) {
			first, at = in, t.TimeUs
		}
	}
	return first
}

func (s *Server) played() bool { return s.earliest() == nil }

func (s *Server) publishTrade(in *instrument) error {
	t := in.src.take()
	in.mu.Lock()
	err := in.log.add(t)
	in.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", in.Symbol.Symbol, err)
	}
	eventUs := max(s.clock.nowUs(), t.TimeUs)
	aggs, singles := s.subscribers(in.aggStream), s.subscribers(in.tradeStream)
	if s.cfg.OnSend != nil && len(aggs)+len(singles) > 0 {
		s.cfg.OnSend(in.Symbol.Symbol, t.ID, time.Now())
	}
	if len(aggs) > 0 {
		s.send(in.aggStream, aggs, func(u timeUnit) []byte {
			return appendAggTrade(nil, u, eventUs, in.Symbol.Symbol, &t)
		})
	}
	if len(singles) > 0 {
		for id := t.FirstID; id <= t.LastID; id++ {
			s.send(in.tradeStream, singles, func(u timeUnit) []byte {
				return appendTrade(nil, u, eventUs, in.Symbol.Symbol, t.single(id))
			})
		}
	}
	return nil
}

// tick is a whole second of the exchange's time: bars that end with it are sent as closed, open ones of 1m and longer every two seconds.
func (s *Server) tick() {
	nowMs := s.nextTickMs
	s.nextTickMs += market.SecondMs
	for _, in := range s.instruments {
		in.mu.Lock()
		in.tick(nowMs, s.backlogMin)
		in.log.bars.advance(nowMs)
		in.mu.Unlock()
		for p, stream := range in.klineStreams {
			if cs := s.subscribers(stream); len(cs) > 0 {
				s.sendKline(in, market.Period(p), stream, cs, nowMs)
			}
		}
	}
}

func (s *Server) sendKline(in *instrument, p market.Period, stream string, cs []*client, nowMs int64) {
	open := p.OpenMs(nowMs)
	closed := open == nowMs
	if closed {
		open = p.OpenMs(nowMs - 1)
	} else if nowMs%(2*market.SecondMs) != 0 {
		return
	}
	in.mu.RLock()
	b, ok := in.log.bars.one(p, open)
	in.mu.RUnlock()
	if !ok {
		return
	}
	eventUs := max(s.clock.nowUs(), nowMs*1000)
	s.send(stream, cs, func(u timeUnit) []byte {
		return appendKline(nil, u, eventUs, in.Symbol.Symbol, p, &b, closed)
	})
}

// send encodes a frame once per form that a client wants and queues it for all of them.
func (s *Server) send(stream string, cs []*client, encode func(timeUnit) []byte) {
	var raw, combined [2][]byte // by unit
	for _, c := range cs {
		i := 0
		if c.unit == inUs {
			i = 1
		}
		if raw[i] == nil {
			raw[i] = encode(c.unit)
		}
		c.mu.Lock()
		wrap := c.combined
		c.mu.Unlock()
		frame := raw[i]
		if wrap {
			if combined[i] == nil {
				combined[i] = fmt.Appendf(nil, `{"stream":"%s","data":%s}`, stream, raw[i])
			}
			frame = combined[i]
		}
		s.sendTo(c, stream, frame)
	}
}

// sendTo queues a frame for one client, with the faults that hit it.
func (s *Server) sendTo(c *client, stream string, data []byte) {
	f := outFrame{data: data}
	times := 1
	var hold bool
	for _, fault := range s.faults.onFrame(stream, time.Now) {
		switch fault.Kind {
		case FaultDrop:
			times = 0
		case FaultDuplicate:
			times = 2
		case FaultReorder:
			hold = true
		case FaultBinary:
			f.binary = true
		case FaultDelay:
			f.delay = fault.Duration
		case FaultRST, FaultFIN, FaultSilence, FaultShutdown:
			s.hitConnection(c, &fault.Fault)
			if fault.Kind != FaultShutdown {
				times = 0
			}
		default:
			f.data = spoil(fault.Kind, f.data)
		}
	}
	if hold && times > 0 {
		if c.held == nil {
			c.held = map[string][]byte{}
		}
		if c.held[stream] == nil {
			c.held[stream] = f.data
			return
		}
	}
	for range times {
		c.enqueue(f)
	}
	if late := c.held[stream]; late != nil {
		delete(c.held, stream)
		c.enqueue(outFrame{data: late})
	}
}

// hitConnection lets a connection's fault happen in the order of its frames; silence is at once.
func (s *Server) hitConnection(c *client, f *Fault) {
	switch f.Kind {
	case FaultRST:
		c.enqueue(outFrame{end: withRST})
	case FaultFIN:
		c.enqueue(outFrame{end: withFIN})
	case FaultSilence:
		c.goSilent(f.Duration)
	case FaultShutdown:
		c.enqueue(outFrame{data: c.shutdownEvent()})
		c.enqueue(outFrame{end: closing, delay: f.Duration})
	}
}
