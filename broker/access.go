package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/sampled"
	"github.com/tickcast/tickcast/broker/token"
	"github.com/tickcast/tickcast/broker/wire"
)

const maxClientIDBytes = 256

// access knows who may do what. Passwords are kept as digests only.
type access struct {
	anonymousRead bool
	public        []string // filters: what whoever is not told otherwise may subscribe to
	publishers    map[string][sha256.Size]byte
	tokens        *token.Verifier // nil: none are taken
	anyUser       bool            // of the general-purpose realm
	refusals      sampled.Log     // of tokens: they come from whoever can connect
}

// identity is who a client is, and what it may do. The zero value is nobody.
type identity struct {
	user      string // publisher's name or token's subject; empty: anonymous
	publisher bool
	topics    []string  // filters: what may be subscribed to; not asked of a publisher
	anything  bool      // nor in the general-purpose realm
	expiresAt time.Time // of the token; zero: never
	limits    token.Limits
}

// sameUser says whether both are the same user in the same role.
func (i *identity) sameUser(o *identity) bool { return i.user == o.user && i.publisher == o.publisher }

// mayRead says whether a valid filter lies within what may be subscribed to.
func (i *identity) mayRead(filter string) bool {
	if i.publisher || i.anything {
		return true
	}
	for _, pattern := range i.topics {
		if covers(pattern, filter) {
			return true
		}
	}
	return false
}

func newAccess(cfg *Config) (*access, error) {
	a := &access{anonymousRead: cfg.AnonymousRead, public: cfg.PublicTopics, publishers: map[string][sha256.Size]byte{}}
	a.anyUser = cfg.General != nil && cfg.General.AnyUser
	for i := range cfg.Publishers {
		password, err := cfg.Publishers[i].password()
		if err != nil {
			return nil, err
		}
		a.publishers[cfg.Publishers[i].User] = sha256.Sum256([]byte(password))
	}
	if cfg.Tokens.Configured() {
		var err error
		if a.tokens, err = token.New(cfg.Tokens); err != nil {
			return nil, fmt.Errorf("tokens.%w", err)
		}
	}
	return a, nil
}

// identify returns who a client is. Credentials that are given must be right, also where none are needed. err is the reason for the log where there is more
// to say than the code.
func (a *access) identify(pk *packets.ConnectParams, now time.Time) (id identity, code packets.Code, err error) {
	if !pk.UsernameFlag && !pk.PasswordFlag {
		if !a.anonymousRead {
			return id, packets.ErrNotAuthorized, nil
		}
		return identity{topics: a.public}, packets.CodeSuccess, nil
	}
	want, known := a.publishers[string(pk.Username)]
	got := sha256.Sum256(pk.Password)
	right := subtle.ConstantTimeCompare(got[:], want[:]) == 1
	switch {
	case known && right:
		return identity{user: string(pk.Username), publisher: true}, packets.CodeSuccess, nil
	case !known && a.anyUser:
		return identity{topics: a.public}, packets.CodeSuccess, nil
	case known || a.tokens == nil:
		return id, packets.ErrBadUsernameOrPassword, nil
	}
	g, err := a.tokens.Verify(pk.Password, now, wire.ValidFilter)
	if err != nil {
		return id, packets.ErrBadUsernameOrPassword, err
	}
	id = identity{user: g.Subject, topics: g.Subscribe, expiresAt: g.ExpiresAt, limits: g.Limits}
	if g.Subscribe == nil {
		id.topics = a.public
	}
	return id, packets.CodeSuccess, nil
}

// ownsClientID says whether a token's subject may use a client id: its own name, or that and a device after a slash. Where the edge made the id, nobody
// else can know it.
func (i *identity) ownsClientID(id string, assigned bool) bool {
	return assigned || id == i.user || strings.HasPrefix(id, i.user+"/")
}

// admit decides about a CONNECT.
func (b *Broker) admit(c *conn, id string, pk packets.Packet) packets.Code {
	if len(id) > maxClientIDBytes || id == "inline" { // mochi's name for its own client
		return packets.ErrClientIdentifierNotValid
	}
	who, code, err := b.access.identify(&pk.Connect, time.Now())
	who.anything = b.general != nil
	switch {
	case code != packets.CodeSuccess:
		if err != nil {
			b.access.refusals.Info(b.log, "client refused", "client", id, "remote", c.RemoteAddr(), "reason", err)
		}
		return code
	case b.bans.hit(id, who.user, remoteAddr(c).Addr(), time.Now()):
		return packets.ErrBanned
	case !b.sessions.mayTake(id, &who):
		return packets.ErrClientIdentifierNotValid // or anyone could throw another out by its client id
	case !who.expiresAt.IsZero() && !who.ownsClientID(id, pk.Connect.ClientIdentifier == ""):
		return packets.ErrClientIdentifierNotValid
	case who.publisher && !c.v5 && len(b.cfg.ArrivalTopics) == 0:
		b.log.Warn("publisher refused: needs MQTT 5 for the version of its messages", "client", id, "remote", c.RemoteAddr())
		return packets.ErrUnsupportedProtocolVersion
	case who.publisher:
		c.who = who
		return packets.CodeSuccess // whatever the limits: without it nobody gets anything
	case c.refuse != packets.Code{}:
		return c.refuse
	case b.drainer.on():
		return b.drainer.refusal()
	case !b.Ready():
		return packets.ErrServerUnavailable
	case !b.makeRoom(id):
		return packets.ErrQuotaExceeded
	}
	c.who = who
	return packets.CodeSuccess
}

// maySubscribe says why a filter is refused, CodeSuccess if it is not. One that the session has already may always be sent again: clients that come back do.
func (b *Broker) maySubscribe(c *conn, filter string) packets.Code {
	check := b.limits.check
	if b.general != nil {
		check = func(filter string) packets.Code { return b.general.check(filter, b.limits) }
	}
	if code := check(filter); code != packets.CodeSuccess {
		return code
	}
	if !c.who.mayRead(filter) {
		return packets.ErrNotAuthorized
	}
	s := c.session.Load()
	if s == nil {
		return packets.ErrUnspecifiedError
	}
	n, has := s.filters(filter)
	limit := b.cfg.MaxFilters
	if c.who.limits.Filters > 0 {
		limit = c.who.limits.Filters
	}
	switch {
	case has:
		return packets.CodeSuccess
	case n+c.asked >= limit, b.stats.subscriptions.Load()+int64(c.asked) >= int64(b.cfg.MaxAllFilters):
		return packets.ErrQuotaExceeded
	}
	c.asked++
	return packets.CodeSuccess
}

// endAtExpiry ends the connection of a client when its token expires; nil if it has none that does.
func (b *Broker) endAtExpiry(c *conn) *time.Timer {
	if c.who.expiresAt.IsZero() {
		return nil
	}
	return time.AfterFunc(time.Until(c.who.expiresAt), func() {
		defer b.recovered("expired token")
		c.setReason("token expired")
		_ = b.mqtt.DisconnectClient(c.client, packets.ErrNotAuthorized)
	})
}
