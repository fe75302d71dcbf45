package broker

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats are counts since the start, and the present sizes.
type Stats struct {
	Connections   int64 // open now, connected or not yet
	Sessions      int64 // connected, or waiting for their client to come back
	Subscriptions int64
	Topics        int64

	Accepted         uint64 // connections ever
	Published        uint64 // messages taken by the hub
	Sent             uint64 // messages written to sockets
	SentBytes        uint64 // with acknowledgements and other packets
	Repeated         uint64 // unchanged state, as a sign of life
	Conflated        uint64 // state updates that a newer one replaced before a client could take them
	Dropped          uint64 // events that a slow client never gets
	TooLarge         uint64 // messages above a client's Maximum Packet Size
	RefusedVersions  uint64 // messages that were not newer than what their topic held
	RefusedPublishes uint64 // messages from clients that may not send them, or without a valid version
	RefusedFilters   uint64
	Panics           uint64 // connections ended by a panic while their packet was read

	Disconnects map[string]uint64 // by reason
}

// counters are the live form of Stats.
type counters struct {
	connections, subscriptions                                  atomic.Int64
	accepted, published, sent, sentBytes, conflated, dropped    atomic.Uint64
	tooLarge, refusedVersions, refusedPublishes, refusedFilters atomic.Uint64
	panics, repeated                                            atomic.Uint64
	mu                                                          sync.Mutex
	disconnects                                                 map[string]uint64
}

func (c *counters) disconnected(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.disconnects == nil {
		c.disconnects = map[string]uint64{}
	}
	c.disconnects[reason]++
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Connections:   c.connections.Load(),
		Subscriptions: c.subscriptions.Load(),

		Accepted:         c.accepted.Load(),
		Published:        c.published.Load(),
		Sent:             c.sent.Load(),
		SentBytes:        c.sentBytes.Load(),
		Repeated:         c.repeated.Load(),
		Conflated:        c.conflated.Load(),
		Dropped:          c.dropped.Load(),
		TooLarge:         c.tooLarge.Load(),
		RefusedVersions:  c.refusedVersions.Load(),
		RefusedPublishes: c.refusedPublishes.Load(),
		RefusedFilters:   c.refusedFilters.Load(),
		Panics:           c.panics.Load(),

		Disconnects: maps.Clone(c.disconnects),
	}
}
