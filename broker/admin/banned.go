package admin

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"time"
	"unicode/utf8"
)

func (s *Server) banned(c *call) (answer, error) {
	q := c.query("page", "limit")
	p := q.page()
	if q.err != nil {
		return answer{}, q.err
	}
	data, total := s.edge.Banned(p)
	return listed(data, total, p), nil
}

// banOrder is the body of POST /banned.
type banOrder struct {
	As     string     `json:"as"`
	Who    string     `json:"who"`
	Reason string     `json:"reason"`
	Until  *time.Time `json:"until"`
}

// banAnswer says what a ban did at once.
type banAnswer struct {
	Ban
	Kicked int `json:"kicked"` // clients that were connected
}

func (s *Server) ban(c *call) (answer, error) {
	var o banOrder
	if err := c.decode(&o); err != nil {
		return answer{}, err
	}
	who, err := normalWho(o.As, o.Who)
	if err != nil {
		return answer{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	switch {
	case len(o.Reason) > 256:
		return answer{}, badRequest("reason: has %d bytes, want at most 256", len(o.Reason))
	case o.Until != nil && !o.Until.After(now):
		return answer{}, badRequest("until: %s is over", o.Until.Format(time.RFC3339))
	}
	b := Ban{As: o.As, Who: who, Reason: o.Reason, By: c.key.name, At: now, Until: o.Until}
	kicked, err := s.edge.Ban(b)
	if errors.Is(err, ErrTooMany) {
		return answer{}, newProblem(http.StatusConflict, "TOO_MANY_BANS", "no more bans are kept; take some out")
	}
	return answer{status: http.StatusCreated, body: banAnswer{b, kicked}}, err
}

func (s *Server) unban(c *call) (answer, error) {
	who, err := normalWho(c.PathValue("as"), c.PathValue("who"))
	if err != nil {
		return answer{}, err
	}
	found, err := s.edge.Unban(c.PathValue("as"), who)
	if err == nil && !found {
		err = newProblem(http.StatusNotFound, "BAN_NOT_FOUND", "%s %q is not banned", c.PathValue("as"), who)
	}
	return answer{}, err
}

// normalWho checks whom a ban is about, and gives addresses their one form.
func normalWho(as, who string) (string, error) {
	kinds := []string{BanClientID, BanUser, BanAddress}
	switch {
	case !slices.Contains(kinds, as):
		return "", badRequest("as: %q, want clientid, username or peerhost", as)
	case who == "" || len(who) > 256 || !utf8.ValidString(who):
		return "", badRequest("who: want 1 to 256 bytes of text")
	case as != BanAddress:
		return who, nil
	}
	if who, ok := NormalAddress(who); ok {
		return who, nil
	}
	return "", badRequest("who: %q is neither an address nor a prefix such as 10.0.0.0/8", who)
}

// NormalAddress gives an address or a prefix the one form in which it is compared: clients' IPv4 addresses are never written as IPv6 (::ffff:10.0.0.1).
func NormalAddress(who string) (string, bool) {
	if a, err := netip.ParseAddr(who); err == nil && a.Zone() == "" {
		return a.Unmap().String(), true
	}
	p, err := netip.ParsePrefix(who)
	if err != nil {
		return "", false
	}
	p = p.Masked()
	if p.Addr().Is4In6() { // masked, so it has 96 bits or more
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.String(), true
}
