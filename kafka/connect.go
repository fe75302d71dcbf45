package kafka

import (
	"context"
	"fmt"
	"strings"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// One question for the cluster's metadata takes at most askFirst, the next twice as long, up to askMost: between them what the driver says of its connections is heard, and that nobody waits any
// more. An answer that comes later than its question's end is lost, so that a cluster that is always slow needs the longer ones.
const (
	askFirst = 200 * time.Millisecond
	askMost  = 2 * time.Second
)

// connect waits for the cluster's first answer, until ctx ends. Where it cannot be, next has heard why: a wrong password ends the wait at once, and whatever else the driver said last is in the error.
func connect(ctx context.Context, cfg Config, c asker, next func() ck.Event) error {
	begun := time.Now()
	within, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	var said error
	for each := askFirst; ; each = min(2*each, askMost) {
		_, err := c.GetMetadata(nil, false, int(each/time.Millisecond))
		if err == nil {
			return nil
		}
		for e := next(); e != nil; e = next() {
			e, ok := e.(ck.Error)
			if !ok || e.Code() == ck.ErrAllBrokersDown {
				continue
			}
			said = explain(cfg, e)
			if said == error(e) { // a connection that was closed while something was written to it says no more than one that was closed before
				said = fmt.Errorf("%w%s", e, unconfigured(cfg))
			}
			if refused(e) {
				return said
			}
		}
		if within.Err() != nil {
			if said == nil {
				said = fmt.Errorf("%w%s", err, unconfigured(cfg))
			}
			err = fmt.Errorf("no answer from Kafka at %s within %s: %w", cfg.Brokers, time.Since(begun).Round(100*time.Millisecond), said)
			if ctx.Err() != nil { // nobody waits any more: that is no fault of Kafka's
				err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
			}
			return err
		}
	}
}

// unconfigured names what a listener may want that takes a connection and closes it without a word: the driver does not say that.
func unconfigured(cfg Config) string {
	var keys []string
	if cfg.TLS == nil {
		keys = append(keys, "kafka.tls")
	}
	if cfg.SASL == nil {
		keys = append(keys, "kafka.sasl")
	}
	if keys == nil {
		return ""
	}
	return " (not configured: " + strings.Join(keys, ", ") + ")"
}

// refused says whether an error is a broker's or our own refusal, which waiting does not change.
func refused(e ck.Error) bool {
	return e.Code() == ck.ErrAuthentication || e.Code() == ck.ErrSaslAuthenticationFailed || e.Code() == ck.ErrSsl
}

// explain names the keys of the configuration that an error of the driver is about. The driver's own text names the broker.
func explain(cfg Config, e ck.Error) error {
	text := e.Error()
	has := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case e.Code() == ck.ErrAuthentication || e.Code() == ck.ErrSaslAuthenticationFailed:
		if cfg.SASL == nil {
			return fmt.Errorf("kafka.sasl: is missing, Kafka at %s wants to know who this is: %w", cfg.Brokers, e)
		}
		return fmt.Errorf("kafka.sasl: Kafka at %s refuses user %q (kafka.sasl.username) with this password (%s) and mechanism %s: %w", cfg.Brokers, cfg.SASL.Username, cfg.SASL.where(), cfg.SASL.mechanism(), e)
	case cfg.TLS != nil && has("certificate verify failed"):
		signers := "the system's CAs"
		if cfg.TLS.CA != "" {
			signers = cfg.TLS.CA
		}
		return fmt.Errorf("kafka.tls.ca_file: Kafka at %s shows a certificate that %s did not sign, or of another host: %w", cfg.Brokers, signers, e)
	case cfg.TLS != nil && (has("certificate required") || has("bad certificate") || has("unknown ca") || has("handshake failure")):
		if cfg.TLS.Cert == "" {
			return fmt.Errorf("kafka.tls.cert_file: is missing, Kafka at %s wants a client certificate: %w", cfg.Brokers, e)
		}
		return fmt.Errorf("kafka.tls.cert_file: Kafka at %s refuses the certificate of %s: %w", cfg.Brokers, cfg.TLS.Cert, e)
	case has("security.protocol") || has("SSL handshake") || has("in state SSL_HANDSHAKE"):
		want := "TLS, but kafka.tls is not configured, or SASL, but kafka.sasl is not"
		if cfg.TLS != nil {
			want = "no TLS, but kafka.tls is configured, or another kafka.sasl.mechanism"
		}
		return fmt.Errorf("kafka: Kafka at %s seems to speak %s: %w", cfg.Brokers, want, e)
	}
	return e
}

// queued returns the next of a producer's events that has come already.
func queued(p *ck.Producer) func() ck.Event {
	return func() ck.Event {
		select {
		case e := <-p.Events():
			return e
		default:
			return nil
		}
	}
}
