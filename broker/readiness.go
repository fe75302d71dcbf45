package broker

import (
	"sync"
	"time"
)

// publisherGrace is how long an edge goes on accepting clients without a publisher whose state is complete: long enough for a reconnection. Afterwards what
// it holds is old, and clients are better off at another edge. Those that are connected stay, and see by the contracts' clocks that nothing comes.
const publisherGrace = 15 * time.Second

// readiness counts the publishers that are connected and have said that their state is complete.
type readiness struct {
	mu     sync.Mutex
	grace  time.Duration
	count  int
	lostAt time.Time // when the last of them went; zero: there was none
}

func (r *readiness) gain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
}

func (r *readiness) lose(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count--
	r.lostAt = now
}

func (r *readiness) present() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count > 0
}

func (r *readiness) at(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count > 0 || !r.lostAt.IsZero() && now.Sub(r.lostAt) < r.grace
}
