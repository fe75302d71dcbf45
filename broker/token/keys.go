package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/tickcast/tickcast/broker/reload"
)

const (
	maxKeys    = 32 // a token without a key id is checked against each
	maxKeyFile = 1 << 20
	minSecret  = 32   // bytes of an HS256 secret (RFC 7518, 3.2)
	minRSABits = 2048 // (RFC 7518, 3.3)
)

// Config says whose tokens are taken. Files are read again when they change.
type Config struct {
	Keys     []Key  `yaml:"keys"`
	JWKSFile string `yaml:"jwks_file"` // a JSON Web Key Set (RFC 7517)
	Issuer   string `yaml:"issuer"`    // what the claim iss must be; empty: anything
	Audience string `yaml:"audience"`  // what the claim aud must hold; empty: anything
}

// Key is one key in a file of its own: a public key as PEM (PKIX, or a certificate), or for HS256 the secret's bytes without a last line end.
type Key struct {
	ID        string `yaml:"id"` // the token's kid; empty: any
	Algorithm string `yaml:"algorithm"`
	File      string `yaml:"file"`
}

// Configured says whether any tokens are taken.
func (c *Config) Configured() bool { return len(c.Keys) > 0 || c.JWKSFile != "" }

// Validate names the first key whose value cannot be used.
func (c *Config) Validate() error {
	if len(c.Keys) > maxKeys {
		return fmt.Errorf("keys: %d, at most %d", len(c.Keys), maxKeys)
	}
	for i, k := range c.Keys {
		if !slices.Contains(algorithms, jose.SignatureAlgorithm(k.Algorithm)) {
			return fmt.Errorf("keys[%d].algorithm: %q, want one of %v", i, k.Algorithm, algorithms)
		}
		if k.File == "" {
			return fmt.Errorf("keys[%d].file: is empty", i)
		}
	}
	if !c.Configured() && (c.Issuer != "" || c.Audience != "") {
		return errors.New("issuer, audience: need keys or jwks_file")
	}
	return nil
}

// key checks signatures of one algorithm.
type key struct {
	id        string
	algorithm jose.SignatureAlgorithm
	key       any
}

// Verifier checks tokens. Safe for any number of goroutines.
type Verifier struct {
	cfg  Config
	keys *reload.Value[[]key]
}

// New reads the keys.
func New(cfg Config) (*Verifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	keys, err := reload.New("token keys", cfg.files(), cfg.read)
	if err != nil {
		return nil, err
	}
	return &Verifier{cfg: cfg, keys: keys}, nil
}

// Run reads the keys again whenever a file has changed, until ctx ends.
func (v *Verifier) Run(ctx context.Context, log *slog.Logger) { v.keys.Run(ctx, log) }

func (c *Config) files() (files []string) {
	for _, k := range c.Keys {
		files = append(files, k.File)
	}
	if c.JWKSFile != "" {
		files = append(files, c.JWKSFile)
	}
	return files
}

func (c *Config) read() (keys []key, err error) {
	for i, k := range c.Keys {
		one, err := k.read()
		if err != nil {
			return nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		keys = append(keys, one)
	}
	if c.JWKSFile != "" {
		set, err := readSet(c.JWKSFile)
		if err != nil {
			return nil, fmt.Errorf("jwks_file: %w", err)
		}
		keys = append(keys, set...)
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("%d keys, at most %d", len(keys), maxKeys)
	}
	return keys, nil
}

func (k *Key) read() (key, error) {
	b, err := readFile(k.File)
	if err != nil {
		return key{}, err
	}
	one := key{id: k.ID, algorithm: jose.SignatureAlgorithm(k.Algorithm)}
	if one.algorithm == jose.HS256 {
		for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
			b = b[:len(b)-1]
		}
		one.key = b
	} else {
		block, _ := pem.Decode(b)
		if block == nil {
			return key{}, fmt.Errorf("%s: no PEM block", k.File)
		}
		if one.key, err = publicKey(block); err != nil {
			return key{}, fmt.Errorf("%s: %w", k.File, err)
		}
	}
	got, err := algorithmOf(one.key)
	if err == nil && got != one.algorithm {
		err = fmt.Errorf("is a key of %s, not of %s", got, one.algorithm)
	}
	if err != nil {
		return key{}, fmt.Errorf("%s: %w", k.File, err)
	}
	return one, nil
}

func publicKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	return nil, fmt.Errorf("a PEM block %q, want a public key or a certificate", block.Type)
}

// algorithmOf returns the one algorithm that a key is used with, or why it cannot be used.
func algorithmOf(k any) (jose.SignatureAlgorithm, error) {
	switch k := k.(type) {
	case []byte:
		if len(k) < minSecret {
			return "", fmt.Errorf("a secret of %d bytes, at least %d are needed (RFC 7518, 3.2)", len(k), minSecret)
		}
		return jose.HS256, nil
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return "", fmt.Errorf("an RSA key of %d bits, at least %d are needed (RFC 7518, 3.3)", k.N.BitLen(), minRSABits)
		}
		return jose.RS256, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", errors.New("an elliptic curve other than P-256")
		}
		return jose.ES256, nil
	case ed25519.PublicKey:
		return jose.EdDSA, nil
	}
	return "", fmt.Errorf("a key of type %T cannot be used", k)
}

// readSet reads a JSON Web Key Set. Keys for other uses are passed over (RFC 7517, 5); one that is for us and cannot be used is an error.
func readSet(file string) (keys []key, err error) {
	b, err := readFile(file)
	if err != nil {
		return nil, err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" || k.Algorithm != "" && !slices.Contains(algorithms, jose.SignatureAlgorithm(k.Algorithm)) {
			continue
		}
		if _, secret := k.Key.([]byte); !secret && !k.IsPublic() {
			return nil, fmt.Errorf("%s: keys[%d] is a private key", file, i)
		}
		algorithm, err := algorithmOf(k.Key)
		if err == nil && k.Algorithm != "" && string(algorithm) != k.Algorithm {
			err = fmt.Errorf("alg %s does not fit the key", k.Algorithm)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: keys[%d]: %w", file, i, err)
		}
		keys = append(keys, key{id: k.KeyID, algorithm: algorithm, key: k.Key})
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: no key to check signatures with", file)
	}
	return keys, nil
}

func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, maxKeyFile)
	}
	return os.ReadFile(file)
}
