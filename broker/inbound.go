package broker

import (
	"errors"

	"github.com/tickcast/tickcast/broker/wire"
)

// maxConnectBytes bounds the first packet of a connection, from whoever it may be. A token in the password needs some KiB.
const maxConnectBytes = 16 << 10

// wireLimits are what packets of clients are held to.
func wireLimits(cfg *Config) wire.Limits {
	return wire.Limits{ConnectBytes: min(maxConnectBytes, int(cfg.MaxPacket)), PacketBytes: int(cfg.MaxPacket), MaxQoS: 1}
}

// Read gives mochi whole packets that are valid, and the end of the connection at the first that is not: its decoder panics at some, and lets others through
// that a server must refuse.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.unread) == 0 {
		pk, err := c.in.Next()
		if err != nil {
			return 0, c.invalid(err)
		}
		c.unread = pk.Raw
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// invalid answers a packet that broke a rule and ends the connection; any other error is returned as it is.
func (c *conn) invalid(err error) error {
	var broken *wire.Error
	if errors.As(err, &broken) {
		if answer := broken.Answer(); answer != nil {
			_, _ = c.Write(answer)
		}
		c.closeFor(broken.Error())
	}
	return err
}
