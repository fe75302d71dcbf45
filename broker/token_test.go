package broker

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/token"
	"github.com/tickcast/tickcast/configs"
)

var tokenSecret = []byte("a secret of tests: 0123456789abcdef")

// withTokens takes tokens by tokenSecret, and nobody without one.
func withTokens(t *testing.T) func(*Config) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, tokenSecret, 0o600); err != nil {
		t.Fatal(err)
	}
	publisher := withPublisher(t)
	return func(c *Config) {
		publisher(c)
		c.AnonymousRead, c.PublicTopics = false, []string{"status/#"}
		c.Tokens = token.Config{Keys: []token.Key{{Algorithm: "HS256", File: file}}}
	}
}

func tokenFor(t *testing.T, subject string, expires time.Time, ours map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: tokenSecret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := map[string]any{"sub": subject, "exp": expires.Unix()}
	if ours != nil {
		c["tickcast"] = ours
	}
	text, err := jwt.Signed(s).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestATokenSaysWhatItsBearerMayReadAndWhoItIs(t *testing.T) {
	t.Parallel()
	b := startBroker(t, withTokens(t))
	put(t, b, "candle/1m/A", ver(1, 0, 1), "a")
	hour := time.Now().Add(time.Hour)
	alice := tokenFor(t, "alice", hour, map[string]any{"subscribe": []string{"candle/+/A", "status/#"}, "filters": 3})
	connect := func(id, password string, v byte) (*client, byte) {
		c := dial(t, b.Addrs().TCP, dialing{id: id, v: v, user: "jwt", password: password, refused: true})
		return c, c.ack.ReasonCode
	}
	for _, tt := range []struct {
		what, id, password string
		five, three        byte
	}{
		{"her name", "alice", alice, 0, 0},
		{"a device of hers", "alice/phone", alice, 0, 0},
		{"another's name", "bob", alice, packets.ErrClientIdentifierNotValid.Code, packets.Err3ClientIdentifierNotValid.Code},
		{"a name that begins like hers", "alice2", alice, packets.ErrClientIdentifierNotValid.Code, packets.Err3ClientIdentifierNotValid.Code},
		{"expired", "alice", tokenFor(t, "alice", time.Now().Add(-time.Second), nil), packets.ErrBadUsernameOrPassword.Code, packets.ErrMalformedUsernameOrPassword.Code},
		{"no token", "alice", "secret", packets.ErrBadUsernameOrPassword.Code, packets.ErrMalformedUsernameOrPassword.Code},
	} {
		for v, want := range map[byte]byte{5: tt.five, 4: tt.three} {
			if _, code := connect(tt.id, tt.password, v); code != want {
				t.Errorf("%s, protocol %d: CONNACK %#x, want %#x", tt.what, v, code, want)
			}
		}
	}
	if c := dial(t, b.Addrs().TCP, dialing{id: "anonymous", refused: true}); c.ack.ReasonCode != packets.ErrNotAuthorized.Code {
		t.Errorf("nobody: CONNACK %#x", c.ack.ReasonCode)
	}
	if c, code := connect("", alice, 5); code != 0 || c.ack.Properties.AssignedClientID == "" {
		t.Errorf("an id from the edge: CONNACK %#x %q", code, c.ack.Properties.AssignedClientID)
	}
	na, full := packets.ErrNotAuthorized.Code, packets.ErrQuotaExceeded.Code
	for v, want := range map[byte][]byte{5: {0, na, na, na, 0, 0, full}, 4: {0, 0x80, 0x80, 0x80, 0, 0, 0x80}} {
		c, _ := connect("alice/filters", alice, v)
		codes := c.subscribe(filter("candle/1m/A", 0), filter("candle/1m/B", 0), filter("candle/#", 0), filter("trade/A", 0), filter("candle/+/A", 0),
			filter("status/A/+", 0), filter("status/B/+", 0))
		if !slices.Equal(codes, want) {
			t.Errorf("protocol %d: codes % x, want % x", v, codes, want)
		}
		if m := c.message(); string(m.Payload) != "a" {
			t.Errorf("%s", m.Payload)
		}
		_ = c.Close()
		waitFor(t, "the end", func() bool { return offline(b, "alice/filters") == nil && b.Stats().Subscriptions == 0 })
	}
	plain, _ := connect("carol", tokenFor(t, "carol", hour, nil), 5)
	if codes := plain.subscribe(filter("status/#", 1), filter("candle/1m/A", 0)); !slices.Equal(codes, []byte{1, na}) {
		t.Errorf("a token that names no topics: codes % x", codes)
	}
}

func TestAnExpiredTokenEndsItsConnection(t *testing.T) {
	t.Parallel()
	b := startBroker(t, withTokens(t))
	expires := time.Now().Add(2 * time.Second).Truncate(time.Second)
	if time.Until(expires) < 500*time.Millisecond {
		expires = expires.Add(time.Second)
	}
	short := tokenFor(t, "alice", expires, nil)
	five := dial(t, b.Addrs().TCP, dialing{id: "alice", user: "jwt", password: short})
	three := dial(t, b.Addrs().TCP, dialing{id: "alice/3", v: 4, user: "jwt", password: short})
	long := dial(t, b.Addrs().TCP, dialing{id: "alice/long", user: "jwt", password: tokenFor(t, "alice", expires.Add(time.Hour), nil)})
	if code := five.closed(); code != packets.ErrNotAuthorized.Code {
		t.Errorf("DISCONNECT %#x, want 0x87", code)
	}
	if code := three.closed(); code != 0 {
		t.Errorf("MQTT 3.1.1: DISCONNECT %#x", code)
	}
	if early := time.Until(expires); early > 0 {
		t.Errorf("closed %s before the token expired", early)
	}
	long.subscribe(filter("status/#", 0)) // is still there
	waitFor(t, "the count", func() bool { return b.Stats().Disconnects["token expired"] == 2 })
}

// A session goes on with a new token of the same subject, but not with what that one does not grant any more.
func TestASessionIsItsSubjectsOwn(t *testing.T) {
	t.Parallel()
	b := startBroker(t, withTokens(t))
	hour := time.Now().Add(time.Hour)
	grant := func(filters ...string) string {
		return tokenFor(t, "alice", hour, map[string]any{"subscribe": filters})
	}
	session := func(password string) *client {
		return dial(t, b.Addrs().TCP, dialing{id: "alice", user: "jwt", password: password, resume: true, expiry: 60})
	}
	c := session(grant("candle/#"))
	c.subscribe(filter("candle/1m/A/closed", 1))
	for i, tt := range []struct {
		password string
		present  bool
	}{{grant("candle/1m/+/closed"), true}, {grant("candle/5m/#"), false}} {
		_ = c.Close()
		waitFor(t, "the client to be away", func() bool { return offline(b, "alice") != nil })
		put(t, b, "candle/1m/A/closed", ver(1, int64(i), 1), "secret")
		if c = session(tt.password); c.ack.SessionPresent != tt.present {
			t.Errorf("session present %v, want %v", c.ack.SessionPresent, tt.present)
		}
		if tt.present {
			if m := c.message(); string(m.Payload) != "secret" {
				t.Errorf("%s", m.Payload)
			}
		}
		c.silent()
	}
	// Nobody else throws her out, not even with a token that allows the same client id.
	other := tokenFor(t, "alice/x", hour, nil)
	mine := dial(t, b.Addrs().TCP, dialing{id: "alice/x", user: "jwt", password: grant("candle/#")})
	if thief := dial(t, b.Addrs().TCP, dialing{id: "alice/x", user: "jwt", password: other, refused: true}); thief.ack.ReasonCode != packets.ErrClientIdentifierNotValid.Code {
		t.Errorf("another subject: CONNACK %#x", thief.ack.ReasonCode)
	}
	mine.subscribe(filter("candle/1m/B", 0))
}

func TestCovers(t *testing.T) {
	t.Parallel()
	topics := []string{"a", "b", "a/a", "a/b", "b/a", "a/a/a", "a/b/a", "a/a/b", "a/a/a/a", "$s", "$s/a"}
	filters := []string{"#", "+", "a", "b", "a/#", "+/#", "a/+", "+/a", "+/+", "a/a", "a/+/a", "a/a/#", "+/+/#", "a/+/#", "$s", "$s/#", "$s/+"}
	for _, pattern := range filters {
		for _, f := range filters {
			all := true
			for _, topic := range topics {
				all = all && (!matches(f, topic) || matches(pattern, topic))
			}
			if got := covers(pattern, f); got && !all {
				t.Errorf("%s covers %s, but matches less", pattern, f)
			} else if !got && pattern == f {
				t.Errorf("%s does not cover itself", f)
			}
		}
	}
	for _, yes := range [][2]string{{"#", "a/#"}, {"a/#", "a"}, {"a/#", "a/+/b"}, {"a/+", "a/b"}, {"+/#", "a"}, {"a/+/#", "a/b/#"}} {
		if !covers(yes[0], yes[1]) {
			t.Errorf("%s does not cover %s", yes[0], yes[1])
		}
	}
}

// Whoever can connect can show wrong tokens, as fast as connections are taken: they must not fill the log.
func TestWrongTokensLeaveOneLineASecondInTheLog(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.TCP, cfg.WebSocket, cfg.Admin.Listen, cfg.ConnectsPerAddress = "127.0.0.1:0", "", "", 0
	withTokens(t)(&cfg)
	var lines countedLines
	b, err := newBroker(cfg, testClassOf, slog.New(slog.NewTextHandler(&lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	began := time.Now()
	const n = 50
	for range n {
		dial(t, b.Addrs().TCP, dialing{id: "alice", user: "jwt", password: "wrong", refused: true}).Close()
	}
	allowed := int64(time.Since(began)/time.Second) + 1
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := lines.refused.Load(); got < 1 || got > allowed {
		t.Errorf("%d lines of %d refusals, want 1 to %d", got, n, allowed)
	}
}

// countedLines counts the lines that say that a client was refused.
type countedLines struct{ refused atomic.Int64 }

func (c *countedLines) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`msg="client refused"`)) {
		c.refused.Add(1)
	}
	return len(line), nil
}

// The configuration that the documentation shows is one that works.
func TestTheDocumentedConfigurationIsValid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```yaml\n")
	block, _, _ = strings.Cut(block, "```")
	file := struct {
		Broker Config `yaml:"broker"`
	}{DefaultConfig()}
	if err := configs.Decode("access.md", []byte(block), &file); err != nil {
		t.Fatal(err)
	}
	if err := file.Broker.Validate(); err != nil {
		t.Error(err)
	}
	if b := &file.Broker; b.AnonymousRead || b.TCP != "" || b.Tokens.Audience != "tickcast" || b.TLS.TCP != ":8883" {
		t.Errorf("%+v", b)
	}
}
