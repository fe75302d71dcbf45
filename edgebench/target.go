//go:build linux

package edgebench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Target is the broker that is measured.
type Target struct {
	Address     string // host:port
	WebSocket   bool
	Path        string // of WebSocket
	Level       byte   // 4: MQTT 3.1.1, 5: MQTT 5
	User        string // of the publisher
	Password    string
	PID         int  // of the broker; 0: found by the port
	AllowRemote bool // load may leave this machine
}

// endpoint is a target whose address and process are known.
type endpoint struct {
	Target
	at     netip.AddrPort
	broker process // pid 0: on another machine
}

func (t Target) resolve(ctx context.Context) (*endpoint, error) {
	if t.Level != 4 && t.Level != 5 {
		return nil, fmt.Errorf("MQTT level %d, want 4 (3.1.1) or 5", t.Level)
	}
	host, service, err := net.SplitHostPort(t.Address)
	if err != nil {
		return nil, fmt.Errorf("broker's address: %w", err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("broker's address: %q is no port", service)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("broker's address: %w", err)
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("broker's address: %q has none", host)
	}
	e := &endpoint{Target: t, at: netip.AddrPortFrom(ips[0].Unmap(), uint16(port)), broker: process{t.PID}}
	if !e.at.Addr().IsLoopback() {
		if !t.AllowRemote {
			return nil, fmt.Errorf("%s is not on this machine: load on others needs --allow-remote", e.at)
		}
		return e, nil
	}
	if t.PID == 0 {
		if e.broker, err = findListener(e.at); err != nil {
			return nil, err
		}
	}
	if _, err = e.broker.cpu(); err != nil {
		return nil, err
	}
	return e, nil
}

// cpu is zero for a broker on another machine.
func (e *endpoint) cpu() (CPU, error) {
	if e.broker.pid == 0 {
		return CPU{}, nil
	}
	return e.broker.cpu()
}

// resident is zero for a broker on another machine.
func (e *endpoint) resident() (int64, error) {
	if e.broker.pid == 0 {
		return 0, nil
	}
	return e.broker.resident()
}

var errGone = errors.New("connection lost")
