package simexchange

import (
	"context"
	"fmt"
	"time"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

// tickMs is the pace of the fastest streams that are not sent at once.
const tickMs = 100

// nextTick is the first tick after a time.
func nextTick(us int64) int64 { return (us/1000/tickMs + 1) * tickMs }

// publish takes events from the sources in the order of time, puts them into the event logs and sends the frames; with each tick it sends what streams
// of 100 ms and 1000 ms show. It is the only goroutine that changes event logs and the only one that sends frames of streams.
func (s *Server) publish(ctx context.Context) error {
	timer := time.NewTimer(0)
	<-timer.C
	for {
		in, dueUs := s.earliest()
		played := in == nil
		at := s.nextTickMs * 1000
		if in != nil && dueUs < at {
			at = dueUs
		} else {
			in = nil
		}
		if played && s.clock.jumps() {
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
		if err := s.publishEvent(in); err != nil {
			return err
		}
	}
}

// earliest is the instrument whose next event comes first; nil if all recordings have ended.
func (s *Server) earliest() (first *instrument, us int64) {
	for _, in := range s.instruments {
		if at, ok := in.src.nextUs(); ok && (first == nil || at < us) {
			first, us = in, at
		}
	}
	return first, us
}

func (s *Server) publishEvent(in *instrument) error {
	e := in.src.take()
	in.mu.Lock()
	told, err := in.log.enter(e)
	in.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", in.Symbol.Symbol, err)
	}
	for i := range e.Trades {
		s.sendTrade(in, &e.Trades[i])
	}
	if told {
		if cs := s.subscribers(in.streams.bookTicker); len(cs) > 0 {
			s.send(in.streams.bookTicker, cs, func(binanceapi.Unit) []byte { return appendBookTicker(nil, in.Symbol.Symbol, &in.log.depth.best) })
		}
	}
	if e.Frame {
		s.sendDepth(in, in.streams.depthFast, &in.streams.partialFast, e.Book, e.TimeUs)
	}
	return nil
}

func (s *Server) sendTrade(in *instrument, t *trade) {
	eventUs := max(s.clock.nowUs(), t.TimeUs)
	aggs, singles := s.subscribers(in.streams.agg), s.subscribers(in.streams.trade)
	if s.cfg.OnSend != nil && len(aggs)+len(singles) > 0 {
		s.cfg.OnSend(in.Symbol.Symbol, t.ID, time.Now())
	}
	if len(aggs) > 0 {
		s.send(in.streams.agg, aggs, func(u binanceapi.Unit) []byte {
			return appendAggTrade(nil, u, eventUs, in.Symbol.Symbol, t)
		})
	}
	if len(singles) > 0 {
		for id := t.FirstID; id <= t.LastID; id++ {
			s.send(in.streams.trade, singles, func(u binanceapi.Unit) []byte {
				return appendTrade(nil, u, eventUs, in.Symbol.Symbol, t.single(id))
			})
		}
	}
}

// tick ends the windows of 100 ms. At a whole second it ends those of 1000 ms too; bars that end with it are sent as closed, open ones of 1m and longer
// every two seconds.
func (s *Server) tick() {
	nowMs := s.nextTickMs
	s.nextTickMs += tickMs
	eventUs := max(s.clock.nowUs(), nowMs*1000)
	for _, in := range s.instruments {
		if c, ok := in.log.depth.takeFast(); ok {
			s.sendDepth(in, in.streams.depthFast, &in.streams.partialFast, &c, eventUs)
		}
		if nowMs%market.SecondMs == 0 {
			s.tickSecond(in, nowMs, eventUs)
		}
	}
	if nowMs%market.SecondMs == 0 {
		s.sendTickers(nowMs, eventUs)
	}
}

func (s *Server) tickSecond(in *instrument, nowMs, eventUs int64) {
	in.mu.Lock()
	in.tick(nowMs, s.backlogMin)
	in.log.bars.advance(nowMs)
	in.log.depth.remember(nowMs)
	in.mu.Unlock()
	if c, ok := in.log.depth.takeSlow(); ok {
		s.sendDepth(in, in.streams.depth, &in.streams.partial, &c, eventUs)
	}
	for p, stream := range in.streams.klines {
		if cs := s.subscribers(stream); len(cs) > 0 {
			s.sendKline(in, market.Period(p), stream, cs, nowMs, eventUs)
		}
	}
}

// sendDepth sends the frames of one pace: what has changed, and the upper part of the book.
func (s *Server) sendDepth(in *instrument, stream string, partial *[len(partialLevels)]string, c *bookChange, eventUs int64) {
	if cs := s.subscribers(stream); len(cs) > 0 {
		if s.cfg.OnDepth != nil && stream == in.streams.depthFast {
			s.cfg.OnDepth(in.Symbol.Symbol, c.LastID, time.Now())
		}
		s.send(stream, cs, func(u binanceapi.Unit) []byte { return appendDepth(nil, u, eventUs, in.Symbol.Symbol, c) })
	}
	for i, stream := range partial {
		if cs := s.subscribers(stream); len(cs) > 0 {
			top := in.log.depth.book.top(partialLevels[i])
			s.send(stream, cs, func(binanceapi.Unit) []byte { return appendTop(nil, &top) })
		}
	}
}

func (s *Server) sendKline(in *instrument, p market.Period, stream string, cs []*client, nowMs, eventUs int64) {
	open := p.OpenMs(nowMs)
	closed := open == nowMs
	if closed {
		open = p.OpenMs(nowMs - 1)
	} else if nowMs%(2*market.SecondMs) != 0 {
		return
	}
	b, ok := in.log.bars.one(p, open)
	if !ok {
		return
	}
	s.send(stream, cs, func(u binanceapi.Unit) []byte {
		return appendKline(nil, u, eventUs, in.Symbol.Symbol, p, &b, closed)
	})
}
