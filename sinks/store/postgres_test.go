package store

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/market"
)

// postgresServer is a PostgreSQL of its own on loopback, on an address that stays when it is killed and started again.
type postgresServer struct {
	bin, dir string
	port     int
	as       *syscall.Credential // it does not run as root
	cmd      *exec.Cmd
}

// postgresBin is the folder of the newest server that Debian has installed; "" if there is none.
func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well formed
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

func newPostgres(options ...string) (_ *postgresServer, err error) {
	s := &postgresServer{bin: postgresBin()}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid) // numbers on this system
		gid, _ := strconv.Atoi(u.Gid)
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	if s.dir, err = os.MkdirTemp("", "tickcast-postgres-"); err != nil {
		return nil, err
	}
	if s.as != nil {
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, err
		}
	}
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte("right"), 0o644); err != nil {
		return nil, err
	}
	if out, err := s.command("initdb", "-D", s.data(), "-U", "tickcast", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	return s, s.start(options...)
}

func (s *postgresServer) data() string { return filepath.Join(s.dir, "data") }

func (s *postgresServer) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Pdeathsig: syscall.SIGQUIT}
	return cmd
}

func (s *postgresServer) start(options ...string) error {
	s.cmd = s.command("postgres", append([]string{"-D", s.data(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "shared_buffers=16MB"}, options...)...)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		c, err := pgx.Connect(context.Background(), s.url("postgres", "right"))
		if err == nil {
			return c.Close(context.Background())
		}
		if time.Since(begun) > patience {
			return fmt.Errorf("PostgreSQL does not start: %w", err)
		}
	}
}

func (s *postgresServer) url(database, password string) string {
	return fmt.Sprintf("postgres://tickcast:%s@127.0.0.1:%d/%s?sslmode=disable", password, s.port, database)
}

// end stops it by a signal: SIGQUIT is PostgreSQL's immediate shutdown, in which its processes end as in a crash, without leaving orphans.
func (s *postgresServer) end() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT) // it may have ended
	_ = s.cmd.Wait()
}

func (s *postgresServer) remove() {
	s.end()
	os.RemoveAll(s.dir)
}

// shared is the server of all tests that do not stop it.
var shared struct {
	once      sync.Once
	server    *postgresServer
	err       error
	databases atomic.Int64
}

func needPostgres(t testing.TB) {
	t.Helper()
	if postgresBin() != "" {
		return
	}
	if os.Getenv("TICKCAST_REQUIRE") != "" {
		t.Fatal("there is no PostgreSQL")
	}
	t.Skip("there is no PostgreSQL here (Debian: apt-get install postgresql)")
}

// freshPostgres is a new database on the shared server.
func freshPostgres(t testing.TB) Config {
	t.Helper()
	needPostgres(t)
	shared.once.Do(func() { shared.server, shared.err = newPostgres() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server.database(t, fmt.Sprintf("d%d", shared.databases.Add(1)))
}

func (s *postgresServer) database(t testing.TB, name string) Config {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.url("postgres", "right"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.BatchEvery = configs.Duration(5 * time.Millisecond)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Postgres = &PostgresConfig{URL: strings.Replace(s.url(name, ""), ":@", "@", 1), Secret: configs.Secret{File: password}}
	return cfg
}

func freshSQLite(t testing.TB) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.BatchEvery = configs.Duration(5 * time.Millisecond)
	cfg.File = filepath.Join(t.TempDir(), "a?b #c", "store.db")
	return cfg
}

// each runs a test with either database: what the store promises does not depend on it.
func each(t *testing.T, test func(t *testing.T, fresh func(testing.TB) Config)) {
	t.Parallel()
	for name, fresh := range map[string]func(testing.TB) Config{"sqlite": freshSQLite, "postgres": freshPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh)
		})
	}
}

// TestAPostgresThatStopsLosesNothing stops the server as a crash would while candles come, and starts it again.
func TestAPostgresThatStopsLosesNothing(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	server, err := newPostgres()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.remove)
	c := newCluster(t, 2, nil)
	cfg := server.database(t, "tickcast")
	cfg.Kafka = c.cfg
	var log syncBuffer
	s, stop := run(t, cfg, slog.New(slog.NewTextHandler(&log, nil)))
	var all []market.CandleMessage
	add := func(n int64) {
		for range n {
			seq := int64(len(all) + 1)
			m := candle(fmt.Sprintf("C%d", seq%5), market.Period1s, seq*1000, 1, seq)
			all = append(all, m)
			c.produce(t, m)
		}
		c.flush(t)
	}
	for range 3 {
		add(500)
		server.end()
		add(500)
		for begun := time.Now(); !strings.Contains(log.String(), "trying again"); time.Sleep(time.Millisecond) {
			if time.Since(begun) > patience {
				t.Fatalf("the log says nothing of it:\n%s", log.String())
			}
		}
		if err := server.start(); err != nil {
			t.Fatal(err)
		}
	}
	add(100)
	for begun, rows := time.Now(), 0; rows < len(all); time.Sleep(10 * time.Millisecond) {
		_ = s.db.w.QueryRow("SELECT count(*) FROM candles").Scan(&rows) // a connection from before the stop gives an error once
		if time.Since(begun) > patience {
			t.Fatalf("%d of %d candles\n%s", rows, len(all), log.String())
		}
	}
	stop()
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	has(t, db, newest(all))
	if strings.Contains(log.String(), "right") || s.Stats().Rejected != 0 {
		t.Errorf("%+v\n%s", s.Stats(), log.String())
	}
}

// TestAWrongPasswordNamesThePlaceAndNotThePassword: and so does a server that is not there.
func TestAWrongPasswordNamesThePlaceAndNotThePassword(t *testing.T) {
	cfg := freshPostgres(t)
	t.Setenv("TICKCAST_TEST_STORE_PASSWORD", "wrong-secret")
	cfg.Postgres.Secret = configs.Secret{Env: "TICKCAST_TEST_STORE_PASSWORD"}
	place := fmt.Sprintf("store tickcast@127.0.0.1:%d/", shared.server.port)
	if _, err := New(cfg, quiet); err == nil || !strings.Contains(err.Error(), place) || !strings.Contains(err.Error(), "password authentication failed") || strings.Contains(err.Error(), "wrong-secret") {
		t.Errorf("a wrong password: %v", err)
	}
	cfg.Postgres.URL = "postgres://tickcast@127.0.0.1:1/x"
	if _, err := New(cfg, quiet); err == nil || !strings.Contains(err.Error(), "store tickcast@127.0.0.1:1/x") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("no server: %v", err)
	}
}
