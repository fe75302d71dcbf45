package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/tickcast/tickcast/configs"
)

// TLSConfig encrypts the connections. An empty section trusts the system's CAs.
type TLSConfig struct {
	CA   string `yaml:"ca_file"`   // PEM: who may have signed the brokers' certificates; empty: the system's CAs
	Cert string `yaml:"cert_file"` // PEM: our certificate, and what is between it and its CA, for brokers that ask for one
	Key  string `yaml:"key_file"`  // PEM: its key
}

// SASLConfig says as whom.
type SASLConfig struct {
	Mechanism      string `yaml:"mechanism"` // SCRAM-SHA-512 (default), SCRAM-SHA-256 or PLAIN
	Username       string `yaml:"username"`
	configs.Secret `yaml:",inline"`
}

var mechanisms = []string{"SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"}

func (s *SASLConfig) mechanism() string {
	if s.Mechanism == "" {
		return mechanisms[0]
	}
	return s.Mechanism
}

// where names the key that says where the password is, never the password.
func (s *SASLConfig) where() string {
	if s.Env != "" {
		return "kafka.sasl.password_env, variable " + s.Env
	}
	return "kafka.sasl.password_file, " + s.File
}

func (c Config) validateSecurity() error {
	if t := c.TLS; t != nil {
		if (t.Cert == "") != (t.Key == "") {
			return errors.New("kafka.tls: cert_file and key_file belong together")
		}
	}
	if s := c.SASL; s != nil {
		switch {
		case !slices.Contains(mechanisms, s.mechanism()):
			return fmt.Errorf("kafka.sasl.mechanism: %q, want one of %s", s.Mechanism, strings.Join(mechanisms, ", "))
		case s.Username == "":
			return errors.New("kafka.sasl.username: is missing")
		case !s.Given() || s.Secret.Validate() != nil:
			return errors.New("kafka.sasl: exactly one of password_file and password_env must be given")
		case s.mechanism() == "PLAIN" && c.TLS == nil:
			return errors.New("kafka.sasl.mechanism: PLAIN without kafka.tls would send the password in the clear")
		}
	}
	return nil
}

// protocol is Kafka's security.protocol.
func (c Config) protocol() string {
	switch {
	case c.TLS != nil && c.SASL != nil:
		return "SASL_SSL"
	case c.TLS != nil:
		return "SSL"
	case c.SASL != nil:
		return "SASL_PLAINTEXT"
	}
	return "PLAINTEXT"
}

// security reads the files and the password, and returns what the driver is told of them. Files are checked here, where the error can name the key.
func (c Config) security() (ck.ConfigMap, error) {
	m := ck.ConfigMap{"security.protocol": c.protocol()}
	t, err := c.readTLS()
	if err != nil {
		return nil, err
	}
	for key, v := range map[string]string{"ssl.ca.pem": t.ca, "ssl.certificate.pem": t.cert, "ssl.key.pem": t.key} {
		if v != "" {
			m[key] = v
		}
	}
	if s := c.SASL; s != nil {
		password, err := s.Read()
		if err != nil {
			return nil, fmt.Errorf("kafka.sasl.%w", err)
		}
		m["sasl.mechanisms"], m["sasl.username"], m["sasl.password"] = s.mechanism(), s.Username, password
	}
	return m, nil
}

// material are PEM texts.
type material struct{ ca, cert, key string }

func (c Config) readTLS() (m material, err error) {
	t := c.TLS
	if t == nil {
		return m, nil
	}
	read := func(key, path string) string {
		if path == "" || err != nil {
			return ""
		}
		b, e := os.ReadFile(path)
		if e != nil {
			err = fmt.Errorf("kafka.tls.%s: %w", key, e)
		}
		return string(b)
	}
	m = material{read("ca_file", t.CA), read("cert_file", t.Cert), read("key_file", t.Key)}
	if err != nil {
		return m, err
	}
	if t.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(m.ca)) {
		return m, fmt.Errorf("kafka.tls.ca_file: %s holds no PEM certificate", t.CA)
	}
	if t.Cert != "" {
		if _, err := tls.X509KeyPair([]byte(m.cert), []byte(m.key)); err != nil {
			return m, fmt.Errorf("kafka.tls.cert_file and key_file: %s, %s: %w", t.Cert, t.Key, err)
		}
	}
	return m, nil
}

// JavaProperties are the same settings under the names of Kafka's Java clients, whose values hold the password and the key: for Flink's SQL. Files are given whole, so that Flink's
// machines need none. PEM texts stand on one line, as KIP-651 allows.
func (c Config) JavaProperties() (map[string]string, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := map[string]string{"security.protocol": c.protocol()}
	t, err := c.readTLS()
	if err != nil {
		return nil, err
	}
	oneLine := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	if t.ca != "" {
		p["ssl.truststore.type"], p["ssl.truststore.certificates"] = "PEM", oneLine(t.ca)
	}
	if t.key != "" {
		if block, _ := pem.Decode([]byte(t.key)); block == nil || block.Type != "PRIVATE KEY" {
			return nil, fmt.Errorf("kafka.tls.key_file: %s is not PKCS #8 (BEGIN PRIVATE KEY), the only form that Flink's client reads; `openssl pkcs8 -topk8 -nocrypt` makes it", c.TLS.Key)
		}
		p["ssl.keystore.type"], p["ssl.keystore.certificate.chain"], p["ssl.keystore.key"] = "PEM", oneLine(t.cert), oneLine(t.key)
	}
	if s := c.SASL; s != nil {
		password, err := s.Read()
		if err != nil {
			return nil, fmt.Errorf("kafka.sasl.%w", err)
		}
		class := "org.apache.kafka.common.security.scram.ScramLoginModule"
		if s.mechanism() == "PLAIN" {
			class = "org.apache.kafka.common.security.plain.PlainLoginModule"
		}
		quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		p["sasl.mechanism"] = s.mechanism()
		p["sasl.jaas.config"] = fmt.Sprintf(`%s required username="%s" password="%s";`, class, quote.Replace(s.Username), quote.Replace(password))
	}
	return p, nil
}
