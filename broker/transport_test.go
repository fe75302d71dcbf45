package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/pires/go-proxyproto"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

// issue writes a certificate of a serial number and its key.
func (a *authority) issue(t *testing.T, serial int64, certFile, keyFile string) {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEncryptedTransportsAndACertificateThatChanges(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	a.issue(t, 100, cert, key)
	b := startBroker(t, func(c *Config) {
		c.TLS = TLS{TCP: "127.0.0.1:0", WebSocket: "127.0.0.1:0", Certificate: cert, Key: key}
		c.ConnectTimeout = seconds(2)
	})
	client := &tls.Config{RootCAs: a.pool}
	secure := func() *tls.Conn {
		t.Helper()
		c, err := tls.Dial("tcp", b.Addrs().TLS, client)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	follow := func(what string, over net.Conn) *named {
		t.Helper()
		return &named{what, dial(t, "", dialing{id: what, over: over})}
	}
	overTLS := secure()
	if serial := overTLS.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); serial != 100 {
		t.Errorf("certificate %d", serial)
	}
	ws, _, err := (&websocket.Dialer{Subprotocols: []string{"mqtt"}, TLSClientConfig: client}).Dial("wss://"+b.Addrs().SecureWebSocket+"/mqtt", nil)
	if err != nil {
		t.Fatal(err)
	}
	clients := []*named{follow("tls", overTLS), follow("wss", &webSocketConn{Conn: ws})}
	for _, c := range clients {
		c.subscribe(filter("candle/#", 0), filter("candle/1m/+/closed", 1))
	}
	big := strings.Repeat("x", 20_000) // more than one TLS record
	for i := range int64(50) {
		put(t, b, "candle/1m/A/closed", ver(1, i, 1), big+fmt.Sprint(i))
		for _, c := range clients {
			if m := c.message(); string(m.Payload) != big+fmt.Sprint(i) || m.FixedHeader.Qos != 1 {
				t.Fatalf("%s: message %d has %d bytes, QoS %d", c.what, i, len(m.Payload), m.FixedHeader.Qos)
			}
		}
	}

	a.issue(t, 101, cert, key)
	waitFor(t, "the new certificate", func() bool {
		c := secure()
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64() == 101
	})
	for _, c := range clients {
		c.ping() // the connections of before are still there
	}
	if _, err := tls.Dial("tcp", b.Addrs().TLS, &tls.Config{RootCAs: a.pool, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is taken")
	}
	silentOne, err := net.Dial("tcp", b.Addrs().TLS) // and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silentOne.Close()
	waitFor(t, "the handshake to time out", func() bool { return b.Stats().Disconnects["TLS handshake failed"] >= 2 })
}

// named is a client and how it came.
type named struct {
	what string
	*client
}

func TestCertificateThatCannotBeUsedIsAnErrorAtTheStart(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.TCP, cfg.WebSocket = "127.0.0.1:0", ""
	cfg.TLS = TLS{TCP: "127.0.0.1:0", Certificate: "/no/such/cert.pem", Key: "/no/such/key.pem"}
	_, err := newBroker(cfg, testClassOf, nil)
	if err == nil || err.Error() != "broker: tls: open /no/such/cert.pem: no such file or directory" {
		t.Errorf("%v", err)
	}
}

// proxied connects as a load balancer does for a client of that address.
func proxied(t *testing.T, addr, from string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if from != "" {
		source, err := net.ResolveTCPAddr("tcp", from)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proxyproto.HeaderProxyFromAddrs(2, source, c.RemoteAddr()).WriteTo(c); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestBehindALoadBalancerAClientIsWhomTheHeaderNames(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) {
		c.Proxies, c.MaxConnectionsPerAddress, c.ConnectTimeout = []string{"127.0.0.0/8"}, 1, seconds(2)
	})
	put(t, b, "candle/1m/A", ver(1, 0, 1), "a")
	for i, from := range []string{"192.0.2.1:1000", "192.0.2.2:1000", "[2001:db8:1::1]:1", "[2001:db8:2::1]:1"} {
		c := dial(t, "", dialing{id: fmt.Sprint("c", i), over: proxied(t, b.Addrs().TCP, from)})
		c.subscribe(filter("candle/#", 0))
		if m := c.message(); string(m.Payload) != "a" {
			t.Errorf("%s: %s", from, m.Payload)
		}
	}
	// One address has one connection, the /64 of IPv6 is one address: not the balancer's, which all share.
	for _, from := range []string{"192.0.2.1:2000", "[2001:db8:1::2]:1"} {
		c := dial(t, "", dialing{id: "more", over: proxied(t, b.Addrs().TCP, from), refused: true})
		if c.ack.ReasonCode != packets.ErrQuotaExceeded.Code {
			t.Errorf("%s: CONNACK %#x", from, c.ack.ReasonCode)
		}
	}
	dialer := websocket.Dialer{Subprotocols: []string{"mqtt"}, NetDial: func(_, addr string) (net.Conn, error) { return proxied(t, addr, "192.0.2.9:1"), nil }}
	ws, _, err := dialer.Dial("ws://"+b.Addrs().WebSocket+"/mqtt", nil)
	if err != nil {
		t.Fatal(err)
	}
	dial(t, "", dialing{id: "ws", over: &webSocketConn{Conn: ws}}).subscribe(filter("candle/#", 0))

	naked := proxied(t, b.Addrs().TCP, "")
	_, _ = naked.Write([]byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01x"))
	proxied(t, b.Addrs().TCP, "") // and one that says nothing at all
	waitFor(t, "connections without a header to be closed", func() bool { return b.Stats().Disconnects["no PROXY protocol header"] == 2 })
}

func TestNewConnectionsOfAnAddressAreLimitedInTime(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.ConnectsPerAddress = 5 })
	for i := range 5 {
		_ = dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint(i)}).Close()
	}
	c := dialRaw(t, b.Addrs().TCP, 0)
	if _, err := c.next(patience); err == nil {
		t.Error("a sixth was let in")
	}
	g := newGate(&Config{MaxConnections: 10, ConnectsPerAddress: 2})
	start, one, other := time.Unix(100, 0), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i, tt := range []struct {
		at   time.Duration
		from int
		open bool
	}{{0, 0, true}, {1, 0, true}, {2, 0, false}, {3, 1, true}, {connectsWindow, 0, true}} {
		from := one
		if tt.from == 1 {
			from = other
		}
		if _, open := g.comesFrom(from, start.Add(tt.at)); open != tt.open {
			t.Errorf("step %d: open %v", i, open)
		}
	}
}

func TestClientBehindALoadBalancerIsListenedToUntilItHasReadWhy(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client := proxied(t, l.Addr().String(), "192.0.2.1:1000")
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go linger(&socket{Conn: behindProxy(c, time.Second)})
	_ = client.SetReadDeadline(time.Now().Add(patience))
	if n, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the sending side is not closed: %d, %v", n, err)
	}
	if _, err := client.Write([]byte("the client goes on")); err != nil {
		t.Error(err)
	}
}
