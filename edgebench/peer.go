//go:build linux

package edgebench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tickcast/tickcast/configs"
)

// Peer is a broker that a comparison starts, measures and stops.
type Peer struct {
	Name    string
	Program string // path; empty: it is not installed
	Hint    string // how to get it

	// command returns the program's arguments, with its files in dir.
	command func(dir string, tcp, webSocket int) ([]string, error)
}

// Peers are the brokers that a comparison knows, ours first. tools is a folder that is searched before PATH.
func Peers(tickcast, tools string) []Peer {
	find := func(program string) string {
		for _, dir := range append([]string{tools}, append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin")...) {
			path := filepath.Join(dir, program)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path
			}
		}
		return ""
	}
	return []Peer{
		{Name: "tickcast", Program: tickcast, command: ownConfig},
		{Name: "mosquitto", Program: find("mosquitto"), Hint: "apt-get install mosquitto", command: mosquittoConfig},
		{Name: "nats-server", Program: find("nats-server"), Hint: "go install github.com/nats-io/nats-server/v2@latest", command: natsConfig},
		{Name: "stock mochi", Program: find("stock-mochi"), Hint: "go build -o stock-mochi ./broker/stock",
			command: func(_ string, tcp, webSocket int) ([]string, error) {
				return []string{"-tcp", loopback(tcp), "-websocket", loopback(webSocket)}, nil
			}},
	}
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func writeConfig(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// ownConfig is the shipped configuration for measuring, on other ports.
func ownConfig(dir string, tcp, webSocket int) ([]string, error) {
	const shippedTCP, shippedWebSocket = "127.0.0.1:21883", "127.0.0.1:28083"
	b, err := configs.Shipped.ReadFile("bench.yaml")
	if err != nil {
		return nil, err
	}
	text := string(b)
	if strings.Count(text, shippedTCP) != 1 || strings.Count(text, shippedWebSocket) != 1 {
		return nil, errors.New("bench.yaml does not listen where it is expected to")
	}
	path, err := writeConfig(dir, "bench.yaml", strings.NewReplacer(shippedTCP, loopback(tcp), shippedWebSocket, loopback(webSocket)).Replace(text))
	return []string{"broker", "--config", path, "--log-level", "warn"}, err
}

// mosquittoConfig takes away the limits that would make a run invalid, and Nagle's delay.
func mosquittoConfig(dir string, tcp, webSocket int) ([]string, error) {
	path, err := writeConfig(dir, "mosquitto.conf", fmt.Sprintf(`allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 100
max_queued_messages 100000
listener %d 127.0.0.1
listener %d 127.0.0.1
protocol websockets
`, tcp, webSocket))
	return []string{"-c", path}, err
}

func natsConfig(dir string, tcp, webSocket int) ([]string, error) {
	path, err := writeConfig(dir, "nats.conf", fmt.Sprintf(`listen: "127.0.0.1:-1"
server_name: bench
jetstream { store_dir: %q }
mqtt { listen: %q, max_ack_pending: 1024 }
websocket { listen: %q, no_tls: true }
`, dir, loopback(tcp), loopback(webSocket)))
	return []string{"-c", path}, err
}

// runningPeer is a peer's process.
type runningPeer struct {
	cmd       *exec.Cmd
	dir       string
	tcp       string // addresses
	webSocket string
	ended     chan error
}

// start runs the peer until stop, with its files in a folder of its own.
func (p *Peer) start(ctx context.Context) (r *runningPeer, err error) {
	r = &runningPeer{ended: make(chan error, 1)}
	if r.dir, err = os.MkdirTemp("", "bench-edge-"); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	if err = os.Chmod(r.dir, 0o755); err != nil { // mosquitto gives root's rights up
		return nil, errors.Join(err, os.RemoveAll(r.dir))
	}
	if err = r.run(ctx, p); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", p.Name, err), os.RemoveAll(r.dir))
	}
	return r, nil
}

func (r *runningPeer) run(ctx context.Context, p *Peer) error {
	tcp, webSocket, err := freePorts()
	if err != nil {
		return err
	}
	r.tcp, r.webSocket = loopback(tcp), loopback(webSocket)
	args, err := p.command(r.dir, tcp, webSocket)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(r.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	r.cmd = exec.CommandContext(ctx, p.Program, args...)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	go func() { r.ended <- r.cmd.Wait() }()
	for end := time.Now().Add(handshakeTimeout); ; {
		if listens(r.tcp) && listens(r.webSocket) {
			return nil
		}
		select {
		case err := <-r.ended:
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("it ended: %w: %s", err, said)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			r.stop()
			return fmt.Errorf("it does not listen after %s", handshakeTimeout)
		}
	}
}

func (r *runningPeer) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(drainTime):
		_ = r.cmd.Process.Kill()
		<-r.ended
	}
	_ = os.RemoveAll(r.dir)
}

func listens(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// freePorts returns two ports that nobody listens on now.
func freePorts() (a, b int, err error) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer first.Close()
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer second.Close()
	return first.Addr().(*net.TCPAddr).Port, second.Addr().(*net.TCPAddr).Port, nil
}
