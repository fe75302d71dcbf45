package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tickcast/tickcast/broker/wire"
)

// timely fails if one input takes over a second, three times: a machine that does other work may hold a single run up.
func timely(t *testing.T, run func()) {
	t.Helper()
	for range 3 {
		start := time.Now()
		if run(); time.Since(start) < time.Second {
			return
		}
	}
	t.Fatal("takes over a second")
}

// FuzzVerify: nobody but the holder of a key makes a token, of whatever algorithm.
func FuzzVerify(f *testing.F) {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, edKey, _ := ed25519.GenerateKey(rand.Reader)
	v, err := New(Config{Keys: []Key{
		{Algorithm: "HS256", File: write(f, "secret", secret)}, {Algorithm: "RS256", File: write(f, "rsa", publicPEM(f, rsaKey.Public()))},
		{Algorithm: "ES256", File: write(f, "ec", publicPEM(f, ecKey.Public()))}, {ID: "ed", Algorithm: "EdDSA", File: write(f, "ed", publicPEM(f, edPublic))},
	}})
	if err != nil {
		f.Fatal(err)
	}
	claims := with(good(), "tickcast", object{"subscribe": []string{"candle/#"}})
	for alg, k := range map[jose.SignatureAlgorithm]any{jose.HS256: secret, jose.RS256: rsaKey, jose.ES256: ecKey, jose.EdDSA: edKey} {
		token := sign(f, alg, k, "ed", claims)
		f.Add([]byte(token))
		f.Add([]byte(strings.ToUpper(token)))
		f.Add([]byte(`{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}` + token))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		timely(t, func() {
			g, err := v.Verify(b, now, wire.ValidFilter)
			if (err == nil) != (g.Subject != "") {
				t.Fatalf("%+v %v", g, err)
			}
			// What is taken says what the seeds say.
			if err == nil && (g.Subject != "alice" || len(g.Subscribe) != 1 || g.Subscribe[0] != "candle/#") {
				t.Fatalf("forged: %+v", g)
			}
		})
	})
}

// FuzzClaims: whatever a token says that is signed, what it grants is within bounds.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		`{"sub":"alice","exp":1800000060}`, `{"sub":"alice","exp":1800000060.5,"nbf":1800000000,"iat":1e9,"aud":["a","b"],"iss":"i","jti":"x"}`, `{"sub":"alice","exp":1e300}`,
		`{"sub":"alice","exp":9223372036854775807,"tickcast":null}`, `{"sub":"alice","exp":1800000060,"tickcast":{"subscribe":["candle/#","+"],"messages_per_second":10,"bytes_per_second":2000,"filters":3}}`,
		`{"sub":"alice","exp":1800000060,"tickcast":{"subscribe":[]}}`, `{"sub":"alice","exp":1800000060,"tickcast":{"subscribe":["a#"]}}`, `{"sub":"alice","exp":1800000060,"tickcast":{"filters":-1}}`,
		`{"sub":"alice","exp":1800000060,"tickcast":{"filter":1}}`, `{"SUB":"alice","Exp":1800000060}`, `{"sub":"alice","sub":"bob","exp":1800000060}`, `[]`, `null`, `{"sub":7}`, `{"aud":{}}`,
		strings.Repeat("[", 5000),
	} {
		f.Add([]byte(s))
	}
	v := hs256(f, nil)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, claims []byte) {
		signed, err := signer.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		timely(t, func() { checkGrant(t, v, []byte(token)) })
	})
}

func checkGrant(t *testing.T, v *Verifier, token []byte) {
	g, err := v.Verify(token, now, wire.ValidFilter)
	if err != nil {
		if g.Subject != "" || g.Subscribe != nil || strings.Contains(err.Error(), string(token)) {
			t.Fatalf("%+v with %v", g, err)
		}
		return
	}
	if g.Subject == "" || len(g.Subject) > maxSubject || !g.ExpiresAt.After(now) || len(g.Subscribe) > maxPatterns ||
		g.MessagesPerSecond < 0 || g.BytesPerSecond < 0 || g.Filters < 0 {
		t.Fatalf("%+v", g)
	}
	for _, filter := range g.Subscribe {
		if !wire.ValidFilter(filter) {
			t.Fatalf("%q is granted", filter)
		}
	}
}
