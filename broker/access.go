package broker

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/mochi-mqtt/server/v2/packets"
)

const maxClientIDBytes = 256

// access holds who may publish. Passwords are kept as digests only.
type access struct {
	anonymousRead bool
	publishers    map[string][sha256.Size]byte
}

func newAccess(cfg *Config) (*access, error) {
	a := &access{anonymousRead: cfg.AnonymousRead, publishers: map[string][sha256.Size]byte{}}
	for i := range cfg.Publishers {
		password, err := cfg.Publishers[i].password()
		if err != nil {
			return nil, err
		}
		a.publishers[cfg.Publishers[i].User] = sha256.Sum256([]byte(password))
	}
	return a, nil
}

// check returns the role of a client. Credentials that are given must be right, also where none are needed.
func (a *access) check(user, password []byte, given bool) (publisher bool, code packets.Code) {
	if !given {
		if !a.anonymousRead {
			return false, packets.ErrNotAuthorized
		}
		return false, packets.CodeSuccess
	}
	want, known := a.publishers[string(user)]
	got := sha256.Sum256(password)
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !known {
		return false, packets.ErrBadUsernameOrPassword
	}
	return true, packets.CodeSuccess
}

// admit decides about a CONNECT.
func (b *Broker) admit(c *conn, id string, pk packets.Packet) packets.Code {
	if len(id) > maxClientIDBytes || id == "inline" { // mochi's name for its own client
		return packets.ErrClientIdentifierNotValid
	}
	publisher, code := b.access.check(pk.Connect.Username, pk.Connect.Password, pk.Connect.UsernameFlag || pk.Connect.PasswordFlag)
	switch {
	case code != packets.CodeSuccess:
		return code
	case !publisher && b.sessions.owned(id):
		return packets.ErrClientIdentifierNotValid // or anyone could throw a publisher out by its client id
	case publisher && !c.v5:
		b.log.Warn("publisher refused: needs MQTT 5 for the version of its messages", "client", id, "remote", c.RemoteAddr())
		return packets.ErrUnsupportedProtocolVersion
	case publisher:
		c.publisher, c.user = true, string(pk.Connect.Username)
		return packets.CodeSuccess // whatever the limits: without it nobody gets anything
	case c.refuse != packets.Code{}:
		return c.refuse
	case !b.Ready():
		return packets.ErrServerUnavailable
	case !b.makeRoom(id):
		return packets.ErrQuotaExceeded
	}
	return packets.CodeSuccess
}
