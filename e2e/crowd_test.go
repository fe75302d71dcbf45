package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// crowd is what uses a system for hours: clients that stay, clients that come and go, one that stops reading, and one that asks for the past. It keeps counts, not messages.
type crowd struct {
	deliveries, trades, missed, visits, stalls, asked atomic.Int64

	mu     sync.Mutex
	lastID map[string]int64
	lagMs  []float64 // of each trade since the last look: from event time to receipt, on one clock
}

// gather lets the crowd in until ctx ends; the returned function waits until all have left.
func gather(ctx context.Context, t *testing.T, a addrs) (*crowd, func()) {
	t.Helper()
	c := &crowd{lastID: map[string]int64{}}
	var wg sync.WaitGroup
	stay := func(name, server string, receive func(*paho.Publish), filters ...string) {
		u, err := url.Parse(server)
		if err != nil {
			t.Fatal(err)
		}
		cm, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
			ServerUrls: []*url.URL{u}, KeepAlive: 30, CleanStartOnInitialConnection: true,
			OnConnectionUp: func(cm *autopaho.ConnectionManager, _ *paho.Connack) {
				s := &paho.Subscribe{}
				for _, f := range filters {
					s.Subscriptions = append(s.Subscriptions, paho.SubscribeOptions{Topic: f, QoS: 1})
				}
				if _, err := cm.Subscribe(ctx, s); err != nil && ctx.Err() == nil {
					t.Errorf("%s subscribes: %v", name, err)
				}
			},
			ClientConfig: paho.ClientConfig{ClientID: name, OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				c.deliveries.Add(1)
				if receive != nil {
					receive(p.Packet)
				}
				return true, nil
			}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { <-cm.Done() })
	}
	stay("soak-tape", a.mqtt, c.trade, "trade/+")
	stay("soak-all", a.mqtt, nil, "candle/#", "ticker/+", "bbo/+", "orderbook/#", "status/#")
	stay("soak-browser", a.ws, nil, "candle/1m/+", "candle/1m/+/closed", "ticker/+", "bbo/+")
	host := strings.TrimPrefix(a.mqtt, "mqtt://")
	repeat := func(every time.Duration, what func(i int) error) {
		wg.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if err := what(i); err != nil && ctx.Err() == nil {
					t.Errorf("after %d times: %v", i, err)
					return
				}
			}
		})
	}
	repeat(2*time.Second, func(i int) error { c.visits.Add(1); return visit(ctx, host, fmt.Sprintf("soak-visit-%d", i), 0) })
	repeat(30*time.Second, func(i int) error {
		c.stalls.Add(1)
		return visit(ctx, host, fmt.Sprintf("soak-stall-%d", i), 20*time.Second)
	})
	asks := []string{"klines?symbol=BTCUSDT&interval=1m", "depth?symbol=ETHUSDT", "aggTrades?symbol=BTC-PERP", "ticker/24hr?symbol=SOLUSDT"}
	repeat(time.Second, func(i int) error { c.asked.Add(1); return ask(ctx, a.http+"/api/v3/"+asks[i%len(asks)]) })
	return c, wg.Wait
}

// visit connects, subscribes and reads some of what comes; with a stall it reads nothing for so long, and may be thrown out for it.
func visit(ctx context.Context, host, id string, stall time.Duration) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	defer conn.Close()
	hello := packets.NewControlPacket(packets.CONNECT)
	k := hello.Content.(*packets.Connect)
	k.ClientID, k.CleanStart, k.KeepAlive = id, true, 30
	filters := packets.NewControlPacket(packets.SUBSCRIBE)
	s := filters.Content.(*packets.Subscribe)
	s.PacketID, s.Subscriptions = 1, []packets.SubOptions{{Topic: "candle/#", QoS: 1}, {Topic: "orderbook/#"}}
	for _, p := range []*packets.ControlPacket{hello, filters} {
		if _, err := p.WriteTo(conn); err != nil {
			return fmt.Errorf("visit: %w", err)
		}
	}
	if stall > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(stall):
		}
		return nil
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if n, err := io.CopyN(io.Discard, conn, 50_000); err != nil {
		return fmt.Errorf("a visitor got %d bytes: %w", n, err)
	}
	return nil
}

func ask(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s, %v", url, res.Status, err)
	}
	return nil
}

// trade counts a trade, those missed before it, and how late it is.
func (c *crowd) trade(p *paho.Publish) {
	now := float64(time.Now().UnixMicro()) / 1000
	id := number(p.Payload, `"a":`)
	c.trades.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := c.lastID[p.Topic]; last != 0 {
		c.missed.Add(id - last - 1)
	}
	c.lastID[p.Topic] = id
	c.lagMs = append(c.lagMs, now-float64(number(p.Payload, `"ts":`)))
}

// lag returns percentiles of the trades since it was last asked.
func (c *crowd) lag() (p50, p99 float64) {
	c.mu.Lock()
	ms := c.lagMs
	c.lagMs = nil
	c.mu.Unlock()
	if len(ms) == 0 {
		return -1, -1
	}
	slices.Sort(ms)
	return ms[len(ms)/2], ms[len(ms)*99/100]
}
