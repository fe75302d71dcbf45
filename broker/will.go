package broker

import (
	"bytes"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/wire"
)

func packetTime() int64 { return time.Now().Unix() }

// wills are those that wait for their delay, by client id. mochi's own are published without asking who may, a second or two late, and lose their properties.
type wills struct {
	mu      sync.Mutex
	waiting map[string]*time.Timer
	stopped bool
}

// connectionEnded publishes the will of a connection that ended without saying goodbye [MQTT-3.1.2-8]: at once, or after its delay or with the session,
// whichever comes first [3.1.3.2.2].
func (g *general) connectionEnded(b *Broker, c *conn, resumed, sessionOver bool) {
	w := c.in.Connect().Will
	if w == nil || c.goodbye || c.session.Load() == nil || !g.owns(w.Topic) {
		return
	}
	var props packets.Properties
	if len(w.Properties) > 0 {
		if _, err := props.Decode(packets.WillProperties, bytes.NewBuffer(w.Properties)); err != nil {
			return // it was checked when it came
		}
	}
	delay := min(props.WillDelayInterval, c.client.Properties.Props.SessionExpiryInterval)
	props.WillDelayInterval = 0
	publish := func() { g.publishWill(b, c.client.ID, w, props) }
	switch {
	case delay == 0 || sessionOver:
		publish()
	case resumed: // [MQTT-3.1.3-9]
	default:
		g.wills.wait(c.client.ID, time.Duration(delay)*time.Second, func() {
			defer b.recovered("will")
			publish()
		})
	}
}

// connected cancels the will of a session that goes on, and has that of another published at once.
func (w *wills) connected(id string, resumed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.waiting[id]
	if t == nil {
		return
	}
	if resumed {
		t.Stop()
		delete(w.waiting, id)
		return
	}
	t.Reset(0)
}

func (w *wills) wait(id string, delay time.Duration, publish func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	if w.waiting == nil {
		w.waiting = map[string]*time.Timer{}
	}
	var t *time.Timer
	t = time.AfterFunc(delay, func() {
		w.mu.Lock()
		due := w.waiting[id] == t
		if due {
			delete(w.waiting, id)
		}
		w.mu.Unlock()
		if due {
			publish()
		}
	})
	w.waiting[id] = t
}

// stop forgets those that wait: the sessions end with the process.
func (w *wills) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for _, t := range w.waiting {
		t.Stop()
	}
	w.waiting = nil
}

func (g *general) publishWill(b *Broker, id string, w *wire.Will, props packets.Properties) {
	from := b.mqtt.NewClient(nil, "will", id, true) // has the client's name, for No Local
	from.Properties.ProtocolVersion = 5             // or mochi would not let a retained one expire
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: w.QoS, Retain: w.Retain},
		TopicName:   w.Topic, Payload: w.Payload, Properties: props,
	}
	if w.QoS > 0 {
		pk.PacketID = 1 // mochi wants one, and does not use it
	}
	if w.Retain {
		g.retained.Lock()
		defer g.retained.Unlock()
	}
	if err := b.mqtt.InjectPacket(from, pk); err != nil {
		b.log.Warn("will not published", "client", id, "topic", w.Topic, "error", err)
	}
}
