package secured

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	flinksql "github.com/tickcast/tickcast/flink-sql"
	"github.com/tickcast/tickcast/kafka"
)

var quiet = slog.New(slog.DiscardHandler)

func TestARealKafkaOverTLSWithUsersAndWithCertificates(t *testing.T) {
	k := start(t)
	tickcast := binary(t)

	t.Run("topics apply", func(t *testing.T) {
		section := fmt.Sprintf("kafka:\n  brokers: %q\n  replication: 1\n  min_insync_replicas: 1\n  tls: {ca_file: %q}\n  sasl: {username: %s, password_env: %s}\n", k.users, k.ca.file, user, passwordEnv)
		path := filepath.Join(t.TempDir(), "kafka.yaml")
		if err := os.WriteFile(path, []byte(section), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := tickcast("topics", "apply", "-c", path)
		if err != nil || !strings.Contains(out, "topics are as the catalogue says") {
			t.Fatalf("%v: %s", err, out)
		}
		if out, err = tickcast("topics", "check", "-c", path); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(strings.Replace(section, "replication: 1", "replication: 3", 1), "min_insync_replicas: 1", "min_insync_replicas: 2", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err = tickcast("topics", "check", "-c", path)
		for _, want := range []string{"market.trades: replicas is 1, want 3", "market.trades: min.insync.replicas is 1, want 2"} {
			if err == nil || !strings.Contains(out, want) {
				t.Errorf("%v: %s does not say %s", err, out, want)
			}
		}
		if strings.Contains(out, password) {
			t.Error("the password is printed")
		}
	})
	for name, cfg := range map[string]kafka.Config{"user": k.asUser(), "certificate": k.byCertificate()} {
		t.Run("written and read as "+name, func(t *testing.T) { roundTrip(t, cfg, name) })
	}
	t.Run("refusals", func(t *testing.T) { refusals(t, k) })
	t.Run("SQL", func(t *testing.T) {
		p, err := k.asUser().JavaProperties()
		if err != nil {
			t.Fatal(err)
		}
		cat, err := catalog.Load("", "", catalog.Stack)
		if err != nil {
			t.Fatal(err)
		}
		sql, err := flinksql.Render(flinksql.Candles, cat, flinksql.Params{Brokers: k.users, Checkpoints: "file:///c", Savepoints: "file:///s", StartMs: 1, Kafka: p})
		want := `'properties.sasl.jaas.config' = 'org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule required username="tickcast" password="it''s a secret";'`
		if err != nil || strings.Count(sql, want) != 3 { // the log, live topics and the ledger
			t.Errorf("%v: %s", err, sql)
		}
	})
}

func roundTrip(t *testing.T, cfg kafka.Config, value string) {
	t.Helper()
	p, err := kafka.NewProducer(cfg, kafka.ProducerOptions{Name: "test"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Produce(t.Context(), catalog.MarketLate, []byte("k"), []byte(value)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "test"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ranges, err := r.Ranges(catalog.MarketLate)
	if err != nil {
		t.Fatal(err)
	}
	var ps []kafka.Position
	for i := range ranges {
		ps = append(ps, kafka.Position{Topic: catalog.MarketLate, Partition: int32(i), Offset: kafka.OffsetStart})
	}
	if err := r.Assign(ps); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		rec, err := r.Poll(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if rec != nil && string(rec.Value) == value {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("what was written does not come back")
		}
	}
}

// refusals sees that what is wrong is said with the key of the configuration and the broker, and without the password.
func refusals(t *testing.T, k *secured) {
	other := newAuthority(t, "other")
	otherCert, otherKey, _ := other.sign("client")
	t.Setenv("TICKCAST_TEST_WRONG", "wrong")
	for _, c := range []struct {
		name   string
		change func(*kafka.Config)
		want   []string
	}{
		{"wrong password", func(c *kafka.Config) { c.SASL.Env = "TICKCAST_TEST_WRONG" }, []string{"kafka.sasl: ", k.users, `"tickcast"`, "password_env, variable TICKCAST_TEST_WRONG"}},
		{"no such user", func(c *kafka.Config) { c.SASL.Username = "nobody" }, []string{"kafka.sasl: ", k.users, `"nobody" (kafka.sasl.username)`}},
		{"mechanism that it has not", func(c *kafka.Config) { c.SASL.Mechanism = "SCRAM-SHA-256" }, []string{"kafka.sasl: ", k.users, "mechanism SCRAM-SHA-256"}},
		{"no user", func(c *kafka.Config) { c.SASL = nil }, []string{k.users, "not configured: kafka.sasl"}},
		{"unknown CA", func(c *kafka.Config) { c.TLS.CA = other.file }, []string{"kafka.tls.ca_file: ", k.users, other.file}},
		{"system's CAs", func(c *kafka.Config) { c.TLS.CA = "" }, []string{"kafka.tls.ca_file: ", k.users, "the system's CAs"}},
		{"no TLS", func(c *kafka.Config) { c.TLS, c.SASL = nil, nil }, []string{k.users, "not configured: kafka.tls, kafka.sasl"}},
		{"no client certificate", func(c *kafka.Config) { *c = k.byCertificate(); c.TLS.Cert, c.TLS.Key = "", "" }, []string{"kafka.tls.cert_file: is missing", k.certs}},
		{"client certificate of another CA", func(c *kafka.Config) { *c = k.byCertificate(); c.TLS.Cert, c.TLS.Key = otherCert, otherKey }, []string{"kafka.tls.cert_file: ", k.certs, otherCert}},
		{"TLS to a plain listener", func(c *kafka.Config) { c.Brokers, c.SASL = k.internal, nil }, []string{k.internal, "no TLS"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := k.asUser()
			c.change(&cfg)
			for what, open := range map[string]func() error{
				"admin":    func() error { a, err := kafka.NewAdmin(t.Context(), cfg); closeIf(err == nil, a); return err },
				"producer": func() error { _, err := kafka.NewProducer(cfg, kafka.ProducerOptions{Name: "t"}, quiet); return err },
				"reader":   func() error { _, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "t"}, quiet); return err },
			} {
				begun := time.Now()
				err := open()
				for _, want := range c.want {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%s: error %v does not say %q", what, err, want)
					}
				}
				if err != nil && (strings.Contains(err.Error(), password) || strings.Contains(err.Error(), `"wrong"`)) {
					t.Errorf("%s: the password is in the error", what)
				}
				if took := time.Since(begun); took > kafka.ConnectTimeout+10*time.Second {
					t.Errorf("%s: said after %s", what, took)
				}
				t.Logf("%s after %s: %v", what, time.Since(begun).Round(time.Millisecond), err)
			}
		})
	}
}

func closeIf(yes bool, a *kafka.Admin) {
	if yes {
		a.Close()
	}
}
