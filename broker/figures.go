package broker

import (
	"sync/atomic"
	"time"
)

// figures are one connection's counts since it began.
type figures struct {
	since     time.Time     // when it was accepted
	sent      atomic.Uint64 // messages written to the socket
	sentBytes atomic.Uint64 // with acknowledgements and other packets
	conflated atomic.Uint64 // state updates that a newer one replaced before they could be sent
	dropped   atomic.Uint64 // events that the client never gets
	tooLarge  atomic.Uint64 // messages above the client's Maximum Packet Size
	wrote     atomic.Uint32 // coarseMS when the socket last took something; nothing yet if sentBytes is 0
}

// queueLengths are what waits for one session at a moment.
type queueLengths struct {
	state    int // topics whose latest value has still to be sent, snapshots included
	events   int
	finals   int // closed candles and status that have not been sent yet
	inflight int // QoS 1 messages that the client has not acknowledged
}

func (s *session) queued() queueLengths {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lengths()
}

// lengths is queued, by mu.
func (s *session) lengths() queueLengths {
	return queueLengths{
		state:    s.state.len() + s.snapshot.len(),
		events:   s.events.len(),
		finals:   s.finals.waiting.len(),
		inflight: s.finals.outstanding(),
	}
}

// coarseMS is a time in milliseconds that wraps around after 49 days: half the memory per waiting value, of which there may be millions. Only differences
// mean something.
func coarseMS(t time.Time) uint32 { return uint32(t.UnixMilli()) }
