package stack

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const partRedis = "redis"

// redis keeps nothing on disk: it holds latest values only, and whoever writes them writes them again when it was away.
func (s *Stack) redis() *part {
	addr := loopback(s.cfg.Redis.Port)
	return s.part(program{name: partRedis, addr: addr, stop: syscall.SIGTERM, patience: 10 * time.Second,
		command: func() (*exec.Cmd, error) {
			dir := filepath.Join(s.dataDir, "redis")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return nil, err
			}
			return exec.Command(s.tools.redis, "--bind", "127.0.0.1", "--port", strconv.Itoa(s.cfg.Redis.Port), "--dir", dir, "--save", "", "--appendonly", "no", "--daemonize", "no"), nil
		},
		check: func(ctx context.Context) error { return pingRedis(ctx, addr) },
	})
}

// pingRedis says PING (RESP, https://redis.io/docs/latest/develop/reference/protocol-spec/).
func pingRedis(ctx context.Context, addr string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) }) // the read below tells of it
	defer stop()
	if _, err := fmt.Fprint(c, "PING\r\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && strings.TrimSpace(answer) != "+PONG" {
		err = fmt.Errorf("answers %q to PING", answer)
	}
	return err
}
