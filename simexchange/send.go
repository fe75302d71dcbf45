package simexchange

import (
	"fmt"
	"strings"
	"time"

	"github.com/tickcast/tickcast/binanceapi"
)

// send encodes a frame once per form that a client wants and queues it for all of them.
func (s *Server) send(stream string, cs []*client, encode func(binanceapi.Unit) []byte) {
	var raw, combined [2][]byte // by unit
	for _, c := range cs {
		i := 0
		if c.unit == binanceapi.Us {
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
		case FaultCrossed:
			f.data = s.crossed(stream, f.data)
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

// crossed puts a bid above the best ask into a depth frame.
func (s *Server) crossed(stream string, data []byte) []byte {
	symbol, _, _ := strings.Cut(stream, "@")
	in := s.bySymbol[strings.ToUpper(symbol)]
	if in == nil {
		return data
	}
	ask := in.log.depth.book.asks.best()
	if ask.Qty == 0 {
		return data
	}
	return withBid(data, level{ask.Price + in.params.Tick, ask.Qty})
}
