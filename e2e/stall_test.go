package e2e

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestInteropStall has third-party clients stand still while the market goes on, lose their connection, come back with their session and without, and take
// too little for so long that the edge ends it. All go through it side by side.
//
// The time that they stand still is TICKCAST_STALL, three seconds by default.
func TestInteropStall(t *testing.T) {
	t.Parallel()
	still := 3 * time.Second
	if s := os.Getenv("TICKCAST_STALL"); s != "" {
		var err error
		if still, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	r := newStallRun(t, still)
	if len(r.all) == 0 {
		t.Skip("no third-party client is installed")
	}
	for _, s := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"retained and live", r.live},
		{"stands still", r.standsStill},
		{"stands still and is cut off", r.cutOff},
		{"another process takes the session up", r.anotherProcess},
		{"queue full", r.queueFull},
		{"another edge", r.anotherEdge},
		{"socket takes nothing", r.takesNothing},
		{"without the session", r.withoutSession},
	} {
		begun := time.Now()
		if !t.Run(s.name, s.run) {
			return // what follows builds on it
		}
		t.Logf("%s: %.1f s", s.name, time.Since(begun).Seconds())
	}
}

// stallRun is the clients, and the edge that they are connected with.
type stallRun struct {
	numbering
	still  time.Duration
	all    []*reporter
	first  *numberedEdge // with the write_timeout of configs/bench.yaml
	second *numberedEdge // with a short one
}

// What is published while the clients stand still: more events than a connection's queue and all buffers hold; finals well below the session's queue.
var whileStill = mark{state: 6000, event: 6000, final: 2000}

const (
	queueMessages   = 4096 // of the edge's default configuration
	quickWriteLimit = 2 * time.Second
)

func newStallRun(t *testing.T, still time.Duration) *stallRun {
	r := &stallRun{still: still, first: startNumberedEdge(t, 2*time.Minute), second: startNumberedEdge(t, quickWriteLimit)}
	r.edge = r.first
	for i, p := range thirdParties(t) {
		c := &reporter{thirdParty: p, id: fmt.Sprint("stall-", i)}
		c.board = newSwitchboard(t, r.address(c))
		c.judge = judge{subscribes: p.subscribes || p.asks, have: map[string]int{}}
		r.all = append(r.all, c)
		t.Cleanup(c.kill)
	}
	return r
}

// address is where a client's switchboard leads.
func (r *stallRun) address(c *reporter) string {
	if c.webSocket {
		return r.edge.ws
	}
	return r.edge.tcp
}

func (r *stallRun) signal(s syscall.Signal) {
	for _, c := range r.all {
		c.signal(s)
	}
}

// each runs f for all clients at once.
func (r *stallRun) each(f func(c *reporter)) {
	var all sync.WaitGroup
	for _, c := range r.all {
		all.Go(func() { f(c) })
	}
	all.Wait()
}

// back waits until every client has what it gets for connecting, publishes a last round and judges the stage.
func (r *stallRun) back(t *testing.T, what string, s stage) {
	t.Helper()
	if s.ending != same {
		r.each(func(c *reporter) { c.wait(t, "what it gets for connecting", c.backAgain(s)) })
	}
	r.round()
	s.end = r.mark
	r.each(func(c *reporter) {
		if c.wait(t, "the newest values", complete(s)) {
			c.settled = time.Now()
			c.conclude(t, what, s)
		}
		c.judge.subscribes = c.subscribes
	})
}

func (r *stallRun) live(t *testing.T) {
	r.round()
	held := r.mark
	r.each(func(c *reporter) { c.start(t, "resume") })
	r.back(t, "live", stage{ending: fresh, held: held})
	for range 5 {
		r.round()
	}
	r.back(t, "live", stage{ending: same})
}

// standsStill is the stall itself: nobody loses the connection, and what the edge says that it dropped and conflated is what is missing.
func (r *stallRun) standsStill(t *testing.T) {
	before := map[*reporter]tally{}
	figuresBefore := map[*reporter]figures{}
	for _, c := range r.all {
		before[c], figuresBefore[c] = c.judge.tally, r.edge.figures(c.id)
	}
	begin := r.mark
	r.signal(syscall.SIGSTOP)
	r.over(r.still, whileStill)
	queued := map[*reporter]figures{}
	for _, c := range r.all {
		queued[c] = r.edge.figures(c.id)
	}
	resumedAt := time.Now()
	r.signal(syscall.SIGCONT)
	r.back(t, "after the stall", stage{ending: same})
	published := mark{r.state - begin.state, r.event - begin.event, r.final - begin.final}
	for _, c := range r.all {
		got, f := c.judge.tally, r.edge.figures(c.id)
		state, event, final := got.state-before[c].state, got.event-before[c].event, got.final-before[c].final
		dropped, conflated := f.Dropped-figuresBefore[c].Dropped, f.Conflated-figuresBefore[c].Conflated
		if dropped != published.event-event {
			t.Errorf("%s: %d events are missing, the edge says that it dropped %d", c, published.event-event, dropped)
		}
		if conflated != published.state-state {
			t.Errorf("%s: %d states were left out, the edge says that it conflated %d", c, published.state-state, conflated)
		}
		if sent := f.Sent - figuresBefore[c].Sent; sent != state+event+final {
			t.Errorf("%s: %d messages came, the edge says that it sent %d", c, state+event+final, sent)
		}
		if dropped == 0 || conflated == 0 || queued[c].Queued == 0 {
			t.Errorf("%s: the stall did not reach the edge: %+v", c, f)
		}
		t.Logf("%s: %.0f s; final %d of %d (%d waited at its end), event %d and %d dropped of %d, state %d and %d conflated of %d; all within %.1f s", c, r.still.Seconds(),
			final, published.final, queued[c].Queued, event, dropped, published.event, state, conflated, published.state, c.settled.Sub(resumedAt).Seconds())
	}
}

// offline waits until the edge knows that all clients are gone.
func (r *stallRun) offline(t *testing.T) {
	t.Helper()
	for _, c := range r.all {
		await(t, fmt.Sprint(c, ": the edge notices that it is gone"), func() bool { return !r.edge.figures(c.id).Connected })
	}
}

// cutOff loses the connections while messages are in flight and in every buffer.
func (r *stallRun) cutOff(t *testing.T) {
	r.signal(syscall.SIGSTOP)
	r.publish(mark{state: 2000, event: 2000, final: 600})
	r.round()
	for _, c := range r.all {
		c.board.connect("")
	}
	r.offline(t)
	s := stage{ending: resumed, held: r.mark, cut: r.final}
	r.publish(mark{state: 500, event: 500, final: 600})
	r.round()
	for _, c := range r.all {
		c.board.connect(r.address(c))
	}
	r.signal(syscall.SIGCONT)
	r.back(t, "cut off", s)
	r.logResumed(t)
}

func (r *stallRun) logResumed(t *testing.T) {
	for _, c := range r.all {
		t.Logf("%s: resumed: final %d, %d with DUP, %d not for the first time, %d as retained values; state %d", c, c.judge.tally.final, c.judge.tally.dup, c.judge.tally.again,
			c.judge.tally.retained, c.judge.tally.state)
	}
}

func (r *stallRun) anotherProcess(t *testing.T) {
	r.each(func(c *reporter) { c.kill() })
	r.offline(t)
	s := stage{ending: resumed, held: r.mark, cut: r.final}
	r.publish(mark{state: 100, event: 100, final: 600})
	r.round()
	r.each(func(c *reporter) {
		c.judge.subscribes = c.subscribes || c.asks
		c.start(t, "resume")
	})
	r.back(t, "another process", s)
	r.logResumed(t)
}

// saysQuotaExceeded finds a DISCONNECT with reason code 0x97 in the last bytes of a connection.
func saysQuotaExceeded(end []byte) bool {
	for len(end) > 2 {
		if end[0] == 0xe0 && end[1] < 0x80 && end[2] == 0x97 { // type, length, reason
			return true
		}
		end = end[1:]
	}
	return false
}

// queueFull stops the clients until their sessions cannot take more: each is told, and what it has then is a new session. Whether a program reads the reason
// depends on what it does first once it runs again: one that acknowledges finds the connection closed.
func (r *stallRun) queueFull(t *testing.T) {
	full := r.edge.disconnects("queue full")
	r.signal(syscall.SIGSTOP)
	r.publish(mark{final: queueMessages + 2*inflightWindow})
	r.round()
	await(t, "sessions ended", func() bool { return r.edge.disconnects("queue full")-full == len(r.all) })
	s := stage{ending: fresh, held: r.mark}
	r.signal(syscall.SIGCONT)
	r.each(func(c *reporter) { c.wait(t, "what it gets for connecting", c.backAgain(s)) })
	for _, c := range r.all {
		ends := c.board.lastWords()
		if told := saysQuotaExceeded(ends[len(ends)-1]); told != (c.v == 5) {
			t.Errorf("%s: a DISCONNECT with 0x97 was sent: %v; the last bytes: %x", c, told, ends[len(ends)-1])
		}
		t.Logf("%s: the program saw reason %#x", c, c.reason())
	}
	r.back(t, "queue full", s)
}

// anotherEdge has the clients ask for their session where nobody knows it.
func (r *stallRun) anotherEdge(t *testing.T) {
	r.edge = r.second
	r.round()
	s := stage{ending: fresh, held: r.mark}
	for _, c := range r.all {
		c.board.connect(r.address(c))
	}
	r.back(t, "another edge", s)
}

// takesNothing lets the edge's own limit end the connections: a socket that took nothing for write_timeout.
func (r *stallRun) takesNothing(t *testing.T) {
	r.signal(syscall.SIGSTOP)
	r.publish(whileStill)
	r.round()
	await(t, "connections ended by write_timeout", func() bool { return r.edge.disconnects("write timeout") == len(r.all) })
	r.offline(t)
	s := stage{ending: resumed, held: r.mark, cut: r.final}
	r.publish(mark{final: 100})
	r.round()
	r.signal(syscall.SIGCONT)
	r.back(t, "write timeout", s)
	r.logResumed(t)
}

// withoutSession starts the clients anew at the first edge, with a clean start, while the market goes on; their old sessions there have messages.
func (r *stallRun) withoutSession(t *testing.T) {
	r.each(func(c *reporter) { c.kill() })
	r.edge = r.first
	for _, c := range r.all {
		c.board.connect(r.address(c))
	}
	r.offline(t)
	r.publish(mark{state: 100, event: 100, final: 600})
	r.round()
	s := stage{ending: fresh, held: r.mark}
	r.each(func(c *reporter) {
		if f := r.edge.figures(c.id); f.Queued == 0 {
			t.Errorf("%s: nothing waits in its old session: %+v", c, f)
		}
		c.judge.subscribes = true
		c.start(t, "clean")
	})
	connected := make(chan struct{})
	go func() {
		defer close(connected)
		r.each(func(c *reporter) { c.wait(t, "what it gets for connecting", c.backAgain(s)) })
	}()
	for waiting := true; waiting; {
		r.over(100*time.Millisecond, mark{state: 20, event: 20, final: 10})
		select {
		case <-connected:
			waiting = false
		default:
		}
	}
	r.back(t, "without the session", s)
	for _, c := range r.all {
		t.Logf("%s: new session: final %d, %d as retained values; state %d, event %d", c, c.judge.tally.final, c.judge.tally.retained, c.judge.tally.state, c.judge.tally.event)
	}
}
