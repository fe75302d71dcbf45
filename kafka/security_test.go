package kafka_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka"
)

// What is wrong in the configuration is said with its key, before anything connects.
func TestSecurityThatCannotBeIsNamed(t *testing.T) {
	t.Setenv("TICKCAST_TEST_PASSWORD", "secret")
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := configs.Secret{Env: "TICKCAST_TEST_PASSWORD"}
	for want, cfg := range map[string]kafka.Config{
		"kafka.sasl.username: is missing":                                                                {SASL: &kafka.SASLConfig{Secret: env}},
		"kafka.sasl: exactly one of password_file and password_env must be given":                        {SASL: &kafka.SASLConfig{Username: "u"}},
		`kafka.sasl.mechanism: "GSSAPI", want one of SCRAM-SHA-512, SCRAM-SHA-256, PLAIN`:                {SASL: &kafka.SASLConfig{Username: "u", Secret: env, Mechanism: "GSSAPI"}},
		"kafka.sasl.mechanism: PLAIN without kafka.tls would send the password in the clear":             {SASL: &kafka.SASLConfig{Username: "u", Secret: env, Mechanism: "PLAIN"}},
		"kafka.sasl.password_env: environment variable TICKCAST_TEST_NONE is empty":                      {SASL: &kafka.SASLConfig{Username: "u", Secret: configs.Secret{Env: "TICKCAST_TEST_NONE"}}},
		"kafka.sasl.password_file: open /nowhere: no such file or directory":                             {SASL: &kafka.SASLConfig{Username: "u", Secret: configs.Secret{File: "/nowhere"}}},
		"kafka.tls: cert_file and key_file belong together":                                              {TLS: &kafka.TLSConfig{Cert: "x"}},
		"kafka.tls.ca_file: open /nowhere: no such file or directory":                                    {TLS: &kafka.TLSConfig{CA: "/nowhere"}},
		"kafka.tls.ca_file: " + junk + " holds no PEM certificate":                                       {TLS: &kafka.TLSConfig{CA: junk}},
		"kafka.tls.cert_file and key_file: " + junk + ", " + junk + ": tls: failed to find any PEM data": {TLS: &kafka.TLSConfig{Cert: junk, Key: junk}},
		"kafka.replication: -1, want 1 to 100":                                                           {Replication: -1},
		"kafka.min_insync_replicas: 2, want at most kafka.replication, 1":                                {MinInSync: 2},
	} {
		cfg.Brokers = "127.0.0.1:1"
		_, err := kafka.NewAdmin(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestJavaPropertiesQuoteTheSecret(t *testing.T) {
	t.Setenv("TICKCAST_TEST_PASSWORD", `a "b" \c; d`)
	p, err := kafka.Config{Brokers: "x:1", TLS: &kafka.TLSConfig{}, SASL: &kafka.SASLConfig{Username: "u", Secret: configs.Secret{Env: "TICKCAST_TEST_PASSWORD"}}}.JavaProperties()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512",
		"sasl.jaas.config": `org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="a \"b\" \\c; d";`} {
		if p[key] != want {
			t.Errorf("%s is %s, want %s", key, p[key], want)
		}
	}
}
