// Package token checks the JSON Web Tokens (RFC 7519) that clients show in place of a password, and says what they grant.
package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	maxBytes    = 8 << 10 // of a token; nobody is authenticated yet
	maxPatterns = 64
	maxSubject  = 128              // bytes
	skew        = 30 * time.Second // that an issuer's clock may be ahead of ours; expiry is exact
)

// algorithms are those that a key can have. A key has one, so that a token cannot choose how it is checked (RFC 8725, 3.1).
var algorithms = []jose.SignatureAlgorithm{jose.HS256, jose.RS256, jose.ES256, jose.EdDSA}

// Grant is what a token allows its bearer. Zero limits mean that the edge's own hold.
type Grant struct {
	Subject   string
	ExpiresAt time.Time
	Subscribe []string // topic filters; each subscription must lie within one of them; nil: the public topics
	Limits
}

// Limits of one client, of what it is sent and asks for.
type Limits struct {
	MessagesPerSecond int `json:"messages_per_second"`
	BytesPerSecond    int `json:"bytes_per_second"`
	Filters           int `json:"filters"` // subscriptions
}

// claims are a token's: the registered ones, and ours under one name.
type claims struct {
	jwt.Claims
	Tickcast json.RawMessage `json:"tickcast"`
}

type ours struct {
	Subscribe *[]string `json:"subscribe"`
	Limits
}

// errInvalid is all that a client may learn; the cause is for the log.
var errInvalid = errors.New("token refused")

// Verify returns what a token grants at this time, or why it is refused. The error never holds any of the token. valid says whether a topic filter is well-formed.
func (v *Verifier) Verify(token []byte, now time.Time, valid func(filter string) bool) (Grant, error) {
	if len(token) > maxBytes {
		return Grant{}, fmt.Errorf("%w: longer than %d bytes", errInvalid, maxBytes)
	}
	signed, err := jwt.ParseSigned(string(token), algorithms)
	if err != nil || len(signed.Headers) != 1 {
		return Grant{}, fmt.Errorf("%w: not a compact JWS of an allowed algorithm", errInvalid)
	}
	var c claims
	if err := v.checked(signed, &c); err != nil {
		return Grant{}, err
	}
	return c.grant(&v.cfg, now, valid)
}

// checked reads the claims with the first key that the signature is of.
func (v *Verifier) checked(signed *jwt.JSONWebToken, c *claims) error {
	header := signed.Headers[0]
	tried := false
	for _, k := range v.keys.Get() {
		if string(k.algorithm) != header.Algorithm || k.id != "" && header.KeyID != "" && k.id != header.KeyID {
			continue
		}
		tried = true
		switch err := signed.Claims(k.key, c); {
		case err == nil:
			return nil
		case !errors.Is(err, jose.ErrCryptoFailure):
			return fmt.Errorf("%w: its claims do not decode", errInvalid)
		}
	}
	if !tried {
		return fmt.Errorf("%w: no key for its algorithm and key id", errInvalid)
	}
	return fmt.Errorf("%w: wrong signature", errInvalid)
}

func (c *claims) grant(cfg *Config, now time.Time, valid func(string) bool) (Grant, error) {
	refuse := func(why string) (Grant, error) { return Grant{}, fmt.Errorf("%w: %s", errInvalid, why) }
	switch {
	case c.Expiry == nil:
		return refuse("no exp claim")
	case !now.Before(c.Expiry.Time()):
		return refuse("expired")
	case c.NotBefore != nil && now.Add(skew).Before(c.NotBefore.Time()):
		return refuse("not valid yet")
	case c.Subject == "" || len(c.Subject) > maxSubject:
		return refuse(fmt.Sprintf("the sub claim must have 1 to %d bytes", maxSubject))
	case cfg.Issuer != "" && c.Issuer != cfg.Issuer:
		return refuse("another issuer")
	case cfg.Audience != "" && !slices.Contains(c.Audience, cfg.Audience):
		return refuse("another audience")
	}
	g := Grant{Subject: c.Subject, ExpiresAt: c.Expiry.Time()}
	if len(c.Tickcast) == 0 || string(c.Tickcast) == "null" {
		return g, nil
	}
	var o ours
	dec := json.NewDecoder(bytes.NewReader(c.Tickcast))
	dec.DisallowUnknownFields() // a misspelt limit must not be no limit
	if err := dec.Decode(&o); err != nil {
		return refuse("claim tickcast: " + err.Error())
	}
	if o.MessagesPerSecond < 0 || o.BytesPerSecond < 0 || o.Filters < 0 {
		return refuse("claim tickcast: a negative limit")
	}
	g.Limits = o.Limits
	if o.Subscribe == nil {
		return g, nil
	}
	g.Subscribe = append([]string{}, *o.Subscribe...)
	if len(g.Subscribe) > maxPatterns {
		return refuse(fmt.Sprintf("claim tickcast.subscribe: more than %d patterns", maxPatterns))
	}
	for i, f := range g.Subscribe {
		if !valid(f) {
			return refuse(fmt.Sprintf("claim tickcast.subscribe[%d] is no topic filter", i))
		}
	}
	return g, nil
}
