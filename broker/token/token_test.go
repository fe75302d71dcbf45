package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var (
	now    = time.Unix(1_800_000_000, 0)
	secret = []byte("0123456789abcdef0123456789abcdef")
	anyOK  = func(f string) bool { return f != "" && !strings.Contains(f, "#/") }
)

type object = map[string]any

func good() object { return object{"sub": "alice", "exp": now.Unix() + 60} }

func with(c object, k string, v any) object { c[k] = v; return c }

func sign(tb testing.TB, alg jose.SignatureAlgorithm, k any, kid string, payload any) string {
	tb.Helper()
	opt := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		opt = opt.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: k}, opt)
	if err != nil {
		tb.Fatal(err)
	}
	t, err := jwt.Signed(s).Claims(payload).Serialize()
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func write(tb testing.TB, name string, b []byte) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

func publicPEM(tb testing.TB, k any) []byte {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func hs256(tb testing.TB, change func(*Config)) *Verifier {
	tb.Helper()
	cfg := Config{Keys: []Key{{Algorithm: "HS256", File: write(tb, "secret", append(secret, '\n'))}}}
	if change != nil {
		change(&cfg)
	}
	v, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestEachAlgorithmByPEMAndByJWKS(t *testing.T) {
	t.Parallel()
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, edKey, _ := ed25519.GenerateKey(rand.Reader)
	for _, tt := range []struct {
		alg             jose.SignatureAlgorithm
		private, public any
		file            []byte
	}{
		{jose.HS256, secret, secret, secret},
		{jose.RS256, rsaKey, rsaKey.Public(), publicPEM(t, rsaKey.Public())},
		{jose.ES256, ecKey, ecKey.Public(), publicPEM(t, ecKey.Public())},
		{jose.EdDSA, edKey, edPublic, publicPEM(t, edPublic)},
	} {
		t.Run(string(tt.alg), func(t *testing.T) {
			t.Parallel()
			set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
				{Key: ecKey.Public(), KeyID: "encryption", Use: "enc"}, {Key: tt.public, KeyID: "k1", Algorithm: string(tt.alg), Use: "sig"}}})
			if err != nil {
				t.Fatal(err)
			}
			token := sign(t, tt.alg, tt.private, "k1", good())
			for name, cfg := range map[string]Config{
				"PEM":           {Keys: []Key{{Algorithm: string(tt.alg), File: write(t, "key", tt.file)}}},
				"PEM with id":   {Keys: []Key{{ID: "k1", Algorithm: string(tt.alg), File: write(t, "key", tt.file)}}},
				"JSON Web Keys": {JWKSFile: write(t, "jwks.json", set)},
			} {
				v, err := New(cfg)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				g, err := v.Verify([]byte(token), now, anyOK)
				if err != nil || g.Subject != "alice" || !g.ExpiresAt.Equal(now.Add(time.Minute)) || g.Subscribe != nil {
					t.Errorf("%s: %+v %v", name, g, err)
				}
				sep := strings.LastIndexByte(token, '.')
				forged := []byte(token[:sep+1] + base64.RawURLEncoding.EncodeToString(make([]byte, 64)))
				if _, err := v.Verify(forged, now, anyOK); err == nil {
					t.Errorf("%s: a token of another signature is taken", name)
				}
			}
		})
	}
}

// A public key is public: who could use it as an HS256 secret could sign anything (RFC 8725, 2.1).
func TestATokenDoesNotChooseItsAlgorithm(t *testing.T) {
	t.Parallel()
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	public := publicPEM(t, rsaKey.Public())
	v, err := New(Config{Keys: []Key{{Algorithm: "RS256", File: write(t, "key", public)}}})
	if err != nil {
		t.Fatal(err)
	}
	part := func(v any) string { b, _ := json.Marshal(v); return base64.RawURLEncoding.EncodeToString(b) }
	for name, token := range map[string]string{
		"HS256 by the public key": sign(t, jose.HS256, public, "", good()),
		"none":                    part(object{"alg": "none", "typ": "JWT"}) + "." + part(good()) + ".",
		"RS512":                   sign(t, jose.RS512, rsaKey, "", good()),
		"its own key":             sign(t, jose.HS256, jose.JSONWebKey{Key: secret, KeyID: "mine"}, "", good()),
	} {
		if _, err := v.Verify([]byte(token), now, anyOK); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	v := hs256(t, func(c *Config) { c.Issuer, c.Audience = "issuer", "tickcast" })
	base := func() object { return with(with(good(), "iss", "issuer"), "aud", []string{"other", "tickcast"}) }
	for _, tt := range []struct {
		name   string
		claims object
		want   Grant
		err    string
	}{
		{name: "plain", claims: base(), want: Grant{Subject: "alice"}},
		{name: "one audience as text", claims: with(base(), "aud", "tickcast"), want: Grant{Subject: "alice"}},
		{name: "patterns and limits", claims: with(base(), "tickcast", object{"subscribe": []string{"candle/#"}, "messages_per_second": 10, "bytes_per_second": 2000, "filters": 3}),
			want: Grant{Subject: "alice", Subscribe: []string{"candle/#"}, Limits: Limits{10, 2000, 3}}},
		{name: "nothing may be subscribed to", claims: with(base(), "tickcast", object{"subscribe": []string{}}), want: Grant{Subject: "alice", Subscribe: []string{}}},
		{name: "no expiry", claims: with(base(), "exp", nil), err: "no exp claim"},
		{name: "expires now", claims: with(base(), "exp", now.Unix()), err: "expired"},
		{name: "not yet", claims: with(base(), "nbf", now.Unix()+31), err: "not valid yet"},
		{name: "a clock that is ahead", claims: with(base(), "nbf", now.Unix()+30), want: Grant{Subject: "alice"}},
		{name: "no subject", claims: with(base(), "sub", ""), err: "the sub claim must have 1 to 128 bytes"},
		{name: "long subject", claims: with(base(), "sub", strings.Repeat("a", 129)), err: "the sub claim must have 1 to 128 bytes"},
		{name: "issuer", claims: with(base(), "iss", "else"), err: "another issuer"},
		{name: "audience", claims: with(base(), "aud", "else"), err: "another audience"},
		{name: "a number as subject", claims: with(base(), "sub", 7), err: "its claims do not decode"},
		{name: "misspelt limit", claims: with(base(), "tickcast", object{"filter": 3}), err: `claim tickcast: json: unknown field "filter"`},
		{name: "negative limit", claims: with(base(), "tickcast", object{"filters": -1}), err: "claim tickcast: a negative limit"},
		{name: "bad pattern", claims: with(base(), "tickcast", object{"subscribe": []string{"a", "#/b"}}), err: "claim tickcast.subscribe[1] is no topic filter"},
		{name: "too many patterns", claims: with(base(), "tickcast", object{"subscribe": make([]string, 65)}), err: "claim tickcast.subscribe: more than 64 patterns"},
	} {
		g, err := v.Verify([]byte(sign(t, jose.HS256, secret, "", tt.claims)), now, anyOK)
		if tt.err != "" {
			if err == nil || err.Error() != "token refused: "+tt.err {
				t.Errorf("%s: %v, want %s", tt.name, err, tt.err)
			}
			continue
		}
		tt.want.ExpiresAt = now.Add(time.Minute)
		if err != nil || !reflect.DeepEqual(g, tt.want) {
			t.Errorf("%s: %+v %v", tt.name, g, err)
		}
	}
	for name, token := range map[string]string{"empty": "", "text": "hello", "too long": strings.Repeat("a", maxBytes+1)} {
		if _, err := v.Verify([]byte(token), now, anyOK); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestKeysAreReadAgainAndABadFileChangesNothing(t *testing.T) {
	t.Parallel()
	file := write(t, "secret", secret)
	v, err := New(Config{Keys: []Key{{Algorithm: "HS256", File: file}}})
	if err != nil {
		t.Fatal(err)
	}
	next := []byte(strings.Repeat("n", 40))
	taken := func(k []byte) bool {
		_, err := v.Verify([]byte(sign(t, jose.HS256, k, "", good())), now, anyOK)
		return err == nil
	}
	log := slog.New(slog.DiscardHandler)
	for _, step := range []struct {
		content  []byte
		old, new bool
	}{{[]byte("short"), true, false}, {next, false, true}, {nil, false, true}} {
		if err := os.WriteFile(file, step.content, 0o600); err != nil {
			t.Fatal(err)
		}
		v.keys.Look(log)
		if o, n := taken(secret), taken(next); o != step.old || n != step.new {
			t.Errorf("after %q: old key %v, new key %v", step.content, o, n)
		}
	}
}

func TestBadKeysAreNamed(t *testing.T) {
	t.Parallel()
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	private, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p256, KeyID: "k"}}})
	for _, tt := range []struct {
		key  Key
		body []byte
		err  string
	}{
		{Key{Algorithm: "HS512", File: "x"}, nil, `keys[0].algorithm: "HS512", want one of [HS256 RS256 ES256 EdDSA]`},
		{Key{Algorithm: "HS256"}, nil, "keys[0].file: is empty"},
		{Key{Algorithm: "HS256"}, []byte("too short\n"), "keys[0]: FILE: a secret of 9 bytes, at least 32 are needed (RFC 7518, 3.2)"},
		{Key{Algorithm: "RS256"}, publicPEM(t, small.Public()), "keys[0]: FILE: an RSA key of 1024 bits, at least 2048 are needed (RFC 7518, 3.3)"},
		{Key{Algorithm: "ES256"}, publicPEM(t, p384.Public()), "keys[0]: FILE: an elliptic curve other than P-256"},
		{Key{Algorithm: "RS256"}, publicPEM(t, p256.Public()), "keys[0]: FILE: is a key of ES256, not of RS256"},
		{Key{Algorithm: "RS256"}, []byte("hello"), "keys[0]: FILE: no PEM block"},
		{Key{}, private, "jwks_file: FILE: keys[0] is a private key"},
		{Key{}, []byte(`{"keys":[]}`), "jwks_file: FILE: no key to check signatures with"},
	} {
		cfg := Config{Keys: []Key{tt.key}}
		file := ""
		if tt.body != nil {
			file = write(t, "key", tt.body)
			cfg.Keys[0].File = file
		}
		if tt.key.Algorithm == "" {
			cfg = Config{JWKSFile: file}
		}
		_, err := New(cfg)
		if want := strings.ReplaceAll(tt.err, "FILE", file); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}
