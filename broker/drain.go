package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/admin"
)

// ErrDrained is what Run returns after an operator has drained the edge: all clients are gone, and the process is to end well.
var ErrDrained = errors.New("the edge was drained")

// wavesShown bounds the waves that a drain's state lists.
const wavesShown = 100

// drainer is an operator's order to empty the edge, and how far it is.
type drainer struct {
	begin chan struct{} // closed by start

	mu    sync.Mutex
	order admin.DrainOrder
	state admin.DrainState
}

func newDrainer() *drainer {
	return &drainer{begin: make(chan struct{}), state: admin.DrainState{State: admin.DrainNone, Waves: []admin.DrainWave{}}}
}

// Drain implements admin.Edge.
func (m manage) Drain(o admin.DrainOrder) (admin.DrainState, error) {
	if err := m.drainer.start(o, len(m.ordinary())); err != nil {
		return admin.DrainState{}, err
	}
	m.log.Warn("draining", "clients", m.DrainState().Clients, "wave", o.Wave, "interval", o.Interval, "server_reference", o.ServerReference)
	return m.DrainState(), nil
}

// DrainState implements admin.Edge.
func (m manage) DrainState() admin.DrainState {
	left := len(m.ordinary())
	d := m.drainer
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	s.Remaining = left
	s.Waves = append([]admin.DrainWave{}, s.Waves...)
	return s
}

func (d *drainer) start(o admin.DrainOrder, clients int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.State != admin.DrainNone {
		return admin.ErrDraining
	}
	if o.Reason == "" {
		o.Reason = packets.ErrServerShuttingDown.Reason
		if o.ServerReference != "" {
			o.Reason = "use another server"
		}
	}
	d.order = o
	now := time.Now().UTC()
	d.state.State, d.state.StartedAt, d.state.Clients = admin.DrainRunning, &now, clients
	d.state.ReasonCode, d.state.Reason, d.state.ServerReference = int(farewell(o).Code), o.Reason, o.ServerReference
	close(d.begin)
	return nil
}

// farewell is the reason of the DISCONNECT.
func farewell(o admin.DrainOrder) packets.Code {
	if o.ServerReference == "" {
		return packets.Code{Code: packets.ErrServerShuttingDown.Code, Reason: o.Reason}
	}
	return packets.Code{Code: packets.ErrServerMoved.Code, Reason: o.Reason}
}

// on says whether the edge is being drained.
func (d *drainer) on() bool {
	select {
	case <-d.begin:
		return true
	default:
		return false
	}
}

// refusal answers a newcomer's CONNECT.
func (d *drainer) refusal() packets.Code {
	if d.reference() == "" {
		return packets.ErrServerUnavailable
	}
	return packets.ErrServerMoved
}

func (d *drainer) reference() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.order.ServerReference
}

// drainLoop waits for an order and moves the clients off; true when all are gone, false if ctx ended first.
func (b *Broker) drainLoop(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-b.drainer.begin:
	}
	o := b.drainer.order // not changed after start
	told := map[*conn]bool{}
	for wave := b.nextWave(o.Wave, told); len(wave) > 0; wave = b.nextWave(o.Wave, told) {
		began := time.Now()
		undelivered := b.moveOff(ctx, wave, o)
		b.drainer.waveDone(admin.DrainWave{At: began.UTC(), Clients: len(wave), Undelivered: undelivered, TookMS: time.Since(began).Milliseconds()})
		if len(b.untold(told)) > 0 && !pause(ctx, o.Interval-time.Since(began)) {
			return false
		}
	}
	for end := time.Now().Add(2 * closingFlush); len(b.ordinary()) > 0 && time.Now().Before(end); {
		if !pause(ctx, drainLook) {
			return false
		}
	}
	b.drainer.finish(b)
	return true
}

// drainLook is how often a drain looks whether clients have acknowledged.
const drainLook = 5 * time.Millisecond

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// ordinary returns the clients' connections that have a session; publishers go on until the end, what they send is still for those who remain.
func (b *Broker) ordinary() (cs []*conn) {
	for _, c := range b.connected() {
		if !c.who.publisher {
			cs = append(cs, c)
		}
	}
	return cs
}

func (b *Broker) untold(told map[*conn]bool) (cs []*conn) {
	for _, c := range b.ordinary() {
		if !told[c] {
			cs = append(cs, c)
		}
	}
	return cs
}

func (b *Broker) nextWave(n int, told map[*conn]bool) []*conn {
	wave := b.untold(told)
	wave = wave[:min(n, len(wave))]
	for _, c := range wave {
		told[c] = true
	}
	return wave
}

// moveOff disconnects each client of a wave once it has acknowledged everything that it was promised, or its grace is over. It returns how many messages were
// not acknowledged.
func (b *Broker) moveOff(ctx context.Context, wave []*conn, o admin.DrainOrder) (undelivered int) {
	for end := time.Now().Add(o.Grace); len(wave) > 0; {
		last := !time.Now().Before(end) || ctx.Err() != nil
		rest := wave[:0]
		for _, c := range wave {
			owed := c.session.Load().owed()
			if owed > 0 && !last && !c.isClosed() {
				rest = append(rest, c)
				continue
			}
			undelivered += owed
			b.bid(c, farewell(o))
		}
		if wave = rest; len(wave) > 0 {
			_ = pause(ctx, drainLook)
		}
	}
	return undelivered
}

// bid says goodbye. The session ends too: it would gather messages that nobody comes back for.
func (b *Broker) bid(c *conn, code packets.Code) {
	c.setReason("drained")
	b.endSession(c.session.Load())
	_ = b.mqtt.DisconnectClient(c.client, code)
}

// owed is how many QoS 1 messages the client was promised and has not acknowledged.
func (s *session) owed() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.finals.waiting.all() {
		if d.qos > 0 {
			n++
		}
	}
	return n + s.finals.outstanding() + s.snapshot.len()
}

func (d *drainer) waveDone(w admin.DrainWave) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.state
	s.Moved, s.Undelivered, s.WavesDone = s.Moved+w.Clients, s.Undelivered+w.Undelivered, s.WavesDone+1
	s.Waves = append(s.Waves, w)
	if len(s.Waves) > wavesShown {
		s.Waves = s.Waves[1:]
	}
}

func (d *drainer) finish(b *Broker) {
	away := 0
	for _, e := range b.sessions.all() {
		if !e.publisher {
			away += e.s.owed()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.State = admin.DrainDone
	b.log.Warn("drained", "moved", d.state.Moved, "waves", d.state.WavesDone, "undelivered", d.state.Undelivered, "undelivered_to_absent_clients", away)
}
