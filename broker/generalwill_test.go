package broker

import (
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

func TestGeneralRealmPublishesWills(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	out := dial(t, b.Addrs().TCP, dialing{id: "out"})
	out.subscribe(filter("gone/#", 2), filter("candle/#", 0))
	for _, v := range []byte{4, 5} {
		_ = dial(t, b.Addrs().TCP, dialing{id: "c", v: v, will: "gone/c"}).Close()
		if m := out.take(); m.TopicName != "gone/c" || string(m.Payload) != "spoof" {
			t.Errorf("MQTT %d: %s %s", v, m.TopicName, m.Payload)
		}
		late := dial(t, b.Addrs().TCP, dialing{id: "late"})
		late.subscribe(filter("gone/c", 0))
		if m := late.message(); !m.FixedHeader.Retain {
			t.Errorf("MQTT %d: the will was not retained", v)
		}
		bye := dial(t, b.Addrs().TCP, dialing{id: "bye", v: v, will: "gone/bye"})
		bye.write([]byte{0xe0, 0})
		bye.closed()
		_ = dial(t, b.Addrs().TCP, dialing{id: "market", v: v, will: "candle/1m/BTCUSDT"}).Close()
	}
	waitFor(t, "the connections to end", func() bool { return b.Stats().Connections == 3 })
	out.silent()
}

// willing connects with a will that waits, in a session that lasts.
func willing(t *testing.T, b *Broker, id string, delay, expiry byte, clean bool) *client {
	t.Helper()
	c := dialRaw(t, b.Addrs().TCP, 0)
	c.v = 5
	flags := byte(0x04)
	if clean {
		flags |= 2
	}
	body := []byte{0, 4, 'M', 'Q', 'T', 'T', 5, flags, 0, 60, 5, 0x11, 0, 0, 0, expiry, 0, byte(len(id))}
	body = append(body, id...)
	body = append(body, 5, 0x18, 0, 0, 0, delay, 0, 4, 'w', 'i', 'l', 'l', 0, byte(len(id)))
	body = append(body, id...)
	c.write(append([]byte{0x10, byte(len(body))}, body...))
	c.until(packets.Connack)
	return c
}

func TestDelayedWill(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	out := dial(t, b.Addrs().TCP, dialing{id: "out"})
	out.subscribe(filter("will", 0))
	start := time.Now()
	_ = willing(t, b, "waits", 1, 100, false).Close()
	_ = willing(t, b, "session", 100, 2, false).Close()
	_ = willing(t, b, "resumed", 3, 100, false).Close()
	_ = willing(t, b, "replaced", 100, 100, false).Close()
	waitFor(t, "the connections to end", func() bool { return b.Stats().Connections == 1 })
	willing(t, b, "resumed", 100, 100, false)
	willing(t, b, "replaced", 100, 100, true)
	for _, want := range []struct {
		id    string
		after time.Duration
	}{{"replaced", 0}, {"waits", time.Second}, {"session", 2 * time.Second}} {
		if m := out.message(); string(m.Payload) != want.id || time.Since(start) < want.after {
			t.Errorf("will of %s after %v, want %s after %v", m.Payload, time.Since(start), want.id, want.after)
		}
	}
	time.Sleep(time.Until(start.Add(4 * time.Second))) // until the resumed session's will would have come
	out.silent()
}
