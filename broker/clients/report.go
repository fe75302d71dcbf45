// Subscribes to state/#, event/# and final/# with paho.golang (MQTT 5) or paho.mqtt.golang (3.1.1), connects again by itself, and reports as
// e2e/report_test.go says.
//
//	report HOST:PORT VERSION CLIENT-ID resume|clean
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt3 "github.com/eclipse/paho.mqtt.golang"
)

const (
	keepAlive = 240 * time.Second
	expiry    = 600 // s
	pause     = 200 * time.Millisecond
)

var filters = []string{"state/#", "event/#", "final/#"}

func main() {
	addr, version, id, clean := os.Args[1], os.Args[2], os.Args[3], os.Args[4] == "clean"
	if version == "5" {
		five(addr, id, clean)
	} else {
		three(addr, id, clean)
	}
	select {}
}

func message(topic string, qos byte, retain, dup bool, payload []byte) {
	number, _, _ := bytes.Cut(payload, []byte(" "))
	fmt.Println("message", topic, qos, bit(retain), bit(dup), string(number))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// connackReader reports CONNACK when its bytes are read: the libraries' own callbacks for it run beside those for messages, and may come later.
type connackReader struct {
	net.Conn
	head []byte // type, remaining length, flags, reason: what was read of these; ours are shorter than 128 bytes
}

func (c *connackReader) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if missing := 4 - len(c.head); missing > 0 {
		c.head = append(c.head, p[:min(n, missing)]...)
		if len(c.head) == 4 && c.head[3] == 0 {
			fmt.Println("connected", c.head[2])
		}
	}
	return n, err
}

func dial(u *url.URL) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", u.Host, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return packets.NewThreadSafeConn(&connackReader{Conn: conn}), nil // both libraries write from several goroutines
}

func five(addr, id string, clean bool) {
	ctx := context.Background()
	_, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{{Scheme: "mqtt", Host: addr}}, KeepAlive: uint16(keepAlive.Seconds()), CleanStartOnInitialConnection: clean, SessionExpiryInterval: expiry,
		ReconnectBackoff:  autopaho.NewConstantBackoff(pause),
		AttemptConnection: func(_ context.Context, _ autopaho.ClientConfig, u *url.URL) (net.Conn, error) { return dial(u) },
		OnConnectionUp: func(cm *autopaho.ConnectionManager, connack *paho.Connack) {
			if connack.SessionPresent {
				return
			}
			s := &paho.Subscribe{}
			for _, f := range filters {
				s.Subscriptions = append(s.Subscriptions, paho.SubscribeOptions{Topic: f, QoS: 1})
			}
			if _, err := cm.Subscribe(ctx, s); err != nil {
				log.Print("subscribe: ", err)
				return
			}
			fmt.Println("subscribed")
		},
		OnConnectError: func(err error) { log.Print(err) },
		ClientConfig: paho.ClientConfig{
			ClientID:           id,
			OnServerDisconnect: func(d *paho.Disconnect) { fmt.Println("disconnected", d.ReasonCode) },
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				message(p.Packet.Topic, p.Packet.QoS, p.Packet.Retain, p.Packet.Duplicate(), p.Packet.Payload)
				return true, nil
			}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
}

// three subscribes at each connection, as this library's documentation has it: it does not tell whether there was a session.
func three(addr, id string, clean bool) {
	o := mqtt3.NewClientOptions().AddBroker("tcp://" + addr).SetProtocolVersion(4).SetClientID(id).SetCleanSession(clean).SetKeepAlive(keepAlive).
		SetConnectRetry(true).SetConnectRetryInterval(pause).SetMaxReconnectInterval(pause)
	o.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt3.ClientOptions) (net.Conn, error) { return dial(u) })
	o.SetOnConnectHandler(func(c mqtt3.Client) {
		wanted := map[string]byte{}
		for _, f := range filters {
			wanted[f] = 1
		}
		t := c.SubscribeMultiple(wanted, nil)
		if t.Wait(); t.Error() != nil {
			log.Print("subscribe: ", t.Error())
			return
		}
		fmt.Println("subscribed")
	})
	o.SetDefaultPublishHandler(func(_ mqtt3.Client, m mqtt3.Message) {
		message(m.Topic(), m.Qos(), m.Retained(), m.Duplicate(), m.Payload())
	})
	mqtt3.NewClient(o).Connect()
}
