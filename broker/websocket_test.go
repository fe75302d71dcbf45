package broker

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/mochi-mqtt/server/v2/packets"
)

func dialWebSocket(b *Broker, header http.Header, protocols ...string) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: patience}
	return d.Dial("ws://"+b.Addrs().WebSocket+"/mqtt", header)
}

func TestWebSocketHandshake(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.AllowedOrigins = []string{"https://tickcast.example"} })
	for _, tt := range []struct {
		what, origin, protocol string
		status                 int
	}{
		{"subprotocol and origin", "https://tickcast.example", "mqtt", http.StatusSwitchingProtocols},
		{"no browser, no origin", "", "mqtt", http.StatusSwitchingProtocols},
		{"another origin", "https://evil.example", "mqtt", http.StatusForbidden},
		{"another subprotocol", "", "mqttv3.1", http.StatusBadRequest},
		{"no subprotocol", "", "", http.StatusBadRequest},
	} {
		header, protocols := http.Header{}, []string(nil)
		if tt.origin != "" {
			header.Set("Origin", tt.origin)
		}
		if tt.protocol != "" {
			protocols = []string{tt.protocol}
		}
		ws, resp, err := dialWebSocket(b, header, protocols...)
		if resp == nil || resp.StatusCode != tt.status {
			t.Errorf("%s: %v, %v, want status %d", tt.what, resp, err, tt.status)
			continue
		}
		if err == nil {
			if ws.Subprotocol() != "mqtt" {
				t.Errorf("%s: subprotocol %q", tt.what, ws.Subprotocol())
			}
			_ = ws.Close()
		}
	}
}

func TestWebSocketPacketsMayBeCutAnywhereAndComeInBatches(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	const n = 200
	for i := range n {
		put(t, b, "candle/1m/S"+string(rune('A'+i%26))+string(rune('A'+i/26)), ver(1, 0, 1), "value")
	}
	ws, _, err := dialWebSocket(b, nil, "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	var out bytes.Buffer
	connect := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connect}, ProtocolVersion: 5,
		Connect: packets.ConnectParams{ProtocolName: []byte("MQTT"), Clean: true, ClientIdentifier: "ws"}}
	subscribe := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, ProtocolVersion: 5, PacketID: 1,
		Filters: packets.Subscriptions{{Filter: "candle/#"}}}
	if err := connect.ConnectEncode(&out); err != nil {
		t.Fatal(err)
	}
	if err := subscribe.SubscribeEncode(&out); err != nil {
		t.Fatal(err)
	}
	for _, c := range out.Bytes() { // each byte a message of its own
		if err := ws.WriteMessage(websocket.BinaryMessage, []byte{c}); err != nil {
			t.Fatal(err)
		}
	}
	in := webSocketConn{Conn: ws}
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	messages, frames := 0, 0
	for messages < n {
		kind, data, err := ws.ReadMessage()
		if err != nil || kind != websocket.BinaryMessage {
			t.Fatalf("type %d, %v", kind, err)
		}
		frames++
		for len(data) > 0 { // a frame holds whole packets
			length, k, err := packets.DecodeLength(bytes.NewReader(data[1:]))
			if err != nil || 1+k+length > len(data) {
				t.Fatalf("a packet is cut at the end of a frame: %v", err)
			}
			if data[0]>>4 == packets.Publish {
				messages++
			}
			data = data[1+k+length:]
		}
	}
	if frames > n/4 {
		t.Errorf("%d messages in %d frames", messages, frames)
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte{packets.Pingreq << 4, 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Read(make([]byte, 10)); err == nil {
		t.Error("a text message was taken")
	}
}
