// Package secured tests Tickcast against a real Kafka that is reached over TLS and asks who one is.
package secured

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/stack"
)

const (
	user        = "tickcast"
	password    = "it's a secret" // SQL has a quote to double
	passwordEnv = "TICKCAST_TEST_KAFKA_PASSWORD"
)

// authority signs certificates for one test.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key = a.newKey()
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.file = a.write(name+".pem", pemOf("CERTIFICATE", der))
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func (a *authority) write(name, text string) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// sign makes a certificate of 127.0.0.1, and files with it and its key, and one with both.
func (a *authority) sign(name string) (cert, key, both string) {
	a.t.Helper()
	k := a.newKey()
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	certText, keyText := pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", pkcs8)
	return a.write(name+".crt", certText), a.write(name+".key", keyText), a.write(name+".both", keyText+certText)
}

// properties of one node with a listener over TLS that asks for a user, one that asks for a client's certificate, and a plain one for the node itself.
const properties = `process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.voters=1@%[1]s
listeners=USERS://%[2]s,CERTS://%[3]s,INTERNAL://%[4]s,CONTROLLER://%[1]s
advertised.listeners=USERS://%[2]s,CERTS://%[3]s,INTERNAL://%[4]s
listener.security.protocol.map=USERS:SASL_SSL,CERTS:SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.users.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.certs.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=%[5]s
ssl.truststore.type=PEM
ssl.truststore.location=%[6]s
log.dirs=%[7]s
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
`

const log4j = `rootLogger.level=WARN
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%p %c - %m%n
`

// secured is a running Kafka and what one needs to reach it.
type secured struct {
	ca                     *authority
	users, certs, internal string // addresses
	clientCert, clientKey  string
}

func (k *secured) asUser() kafka.Config {
	c := kafka.Config{Brokers: k.users, TLS: &kafka.TLSConfig{CA: k.ca.file}, SASL: &kafka.SASLConfig{Username: user}}
	c.SASL.Env = passwordEnv
	return c
}

func (k *secured) byCertificate() kafka.Config {
	return kafka.Config{Brokers: k.certs, TLS: &kafka.TLSConfig{CA: k.ca.file, Cert: k.clientCert, Key: k.clientKey}}
}

func start(t *testing.T) *secured {
	t.Helper()
	if os.Getenv("TICKCAST_REQUIRE") == "" {
		t.Skip("starts a Kafka: `make stack-test` does")
	}
	java, jars, err := stack.KafkaJars(t.Context(), stack.DefaultConfig(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(passwordEnv, password)
	k := &secured{ca: newAuthority(t, "ca")}
	_, _, server := k.ca.sign("server")
	k.clientCert, k.clientKey, _ = k.ca.sign("client")
	ports, err := rig.FreePorts(4)
	if err != nil {
		t.Fatal(err)
	}
	addr := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	k.users, k.certs, k.internal = addr(1), addr(2), addr(3)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := write("server.properties", fmt.Sprintf(properties, addr(0), k.users, k.certs, k.internal, server, k.ca.file, filepath.Join(dir, "logs")))
	options := []string{"-Xmx400m", "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=file:" + write("log4j2.properties", log4j), "-cp", filepath.Join(jars, "*")}
	format := exec.Command(java, append(options, "kafka.tools.StorageTool", "format", "--cluster-id", "MkU3OEVBNTcwNTJENDM2Qk", "--config", config,
		"--add-scram", "SCRAM-SHA-512=[name="+user+`,password="`+password+`"]`)...)
	if out, err := format.CombinedOutput(); err != nil {
		t.Fatalf("format: %v: %s", err, out)
	}
	var said bytes.Buffer
	cmd := exec.Command(java, append(options, "kafka.Kafka", config)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its data are the test's
		<-ended
		if t.Failed() {
			t.Logf("Kafka says: %.3000s", said.String())
		}
	})
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if c, err := net.DialTimeout("tcp", k.users, time.Second); err == nil {
			c.Close()
			break
		}
		select {
		case <-ended:
			t.Fatal("Kafka ended at its start")
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("Kafka does not start")
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) { // its users are loaded after it listens
		a, err := kafka.NewAdmin(t.Context(), k.asUser())
		if err == nil {
			a.Close()
			return k
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// binary builds tickcast once for the test.
func binary(t *testing.T) func(args ...string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tickcast")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/tickcast").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
		return string(out), err
	}
}
