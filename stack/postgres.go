package stack

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	partPostgres = "postgres"
	databaseName = "tickcast" // and its owner
)

// homelessDir is where PostgreSQL's data are if its account cannot get into the data folder, such as one below /root.
const homelessDir = "/var/lib/tickcast"

// postgresSecret is the file with the password of PostgreSQL, which only the stack's owner reads.
func (s *Stack) postgresSecret() string { return filepath.Join(s.dataDir, "postgres.password") }

// postgres is the server of the store, with a database and a password of its own.
func (s *Stack) postgres() (*part, error) {
	cred, err := s.postgresAccount()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dataDir, "postgres")
	if cred != nil && !reachable(filepath.Dir(dir), cred) {
		hash := sha256.Sum256([]byte(s.dataDir))
		dir = filepath.Join(homelessDir, hex.EncodeToString(hash[:6]), "postgres")
		s.say(partPostgres, "", fmt.Sprintf("account %s cannot enter %s: its data are in %s", s.cfg.Postgres.Account, s.dataDir, dir))
	}
	addr := loopback(s.cfg.Postgres.Port)
	port := strconv.Itoa(s.cfg.Postgres.Port)
	secret := s.postgresSecret()
	tool := func(ctx context.Context, name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, filepath.Join(s.tools.postgresBin, name), args...)
		cmd.Dir = "/" // its account cannot stay in ours
		if cred != nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
		}
		return cmd
	}
	return s.part(program{name: partPostgres, addr: addr, patience: 20 * time.Second,
		stop: syscall.SIGINT, // "fast shutdown": ends sessions instead of waiting for them (PostgreSQL's manual, 19.5)
		command: func() (*exec.Cmd, error) {
			if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
				return nil, err
			}
			if _, err := os.Stat(filepath.Join(dir, "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
				if err := initPostgres(tool, dir, secret, cred); err != nil {
					return nil, fmt.Errorf("make PostgreSQL's data folder: %w", err)
				}
			}
			return tool(context.Background(), "postgres", "-D", dir, "-c", "listen_addresses=127.0.0.1", "-c", "port="+port, "-c", "unix_socket_directories="), nil
		},
		check: func(ctx context.Context) error {
			password, err := os.ReadFile(secret)
			if err != nil {
				return err
			}
			psql := func(database, sql string) (string, error) {
				cmd := tool(ctx, "psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", port, "-U", databaseName, "-d", database, "-c", sql)
				cmd.Env = append(os.Environ(), "PGPASSWORD="+strings.TrimSpace(string(password)))
				out, err := cmd.CombinedOutput()
				if err != nil {
					return "", fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(string(out)))
				}
				return strings.TrimSpace(string(out)), nil
			}
			has, err := psql("postgres", "select count(*) from pg_database where datname = '"+databaseName+"'")
			if err == nil && has == "0" {
				_, err = psql("postgres", "create database "+databaseName)
			}
			return err
		},
	}), nil
}

// initPostgres makes the data folder. initdb wants it to be its account's, and reads the password from a file.
func initPostgres(tool func(context.Context, string, ...string) *exec.Cmd, dir, secret string, cred *syscall.Credential) error {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	password := hex.EncodeToString(random) + "\n"
	if err := os.RemoveAll(dir); err != nil { // what an interrupted initdb has left
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return err
	}
	forInit := dir + ".init" // beside the folder, which initdb wants to be empty
	defer os.Remove(forInit)
	if err := os.WriteFile(forInit, []byte(password), 0o600); err != nil {
		return err
	}
	if cred != nil {
		if err := os.Chown(forInit, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	return run(tool(context.Background(), "initdb", "-D", dir, "-U", databaseName, "--auth=scram-sha-256", "--pwfile="+forInit, "--encoding=UTF8", "--locale=C.UTF-8"))
}

// postgresAccount is the account that PostgreSQL runs as: nil is the stack's own, unless that is root's.
func (s *Stack) postgresAccount() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(s.cfg.Postgres.Account)
	if err != nil {
		return nil, fmt.Errorf("postgres.account: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("postgres.account: %w", err)
	}
	if uid == 0 {
		return nil, fmt.Errorf("postgres.account: %s is root, which PostgreSQL refuses to run as", s.cfg.Postgres.Account)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// reachable says whether an account may go through every folder of an absolute path.
func reachable(dir string, cred *syscall.Credential) bool {
	for ; ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		if err != nil {
			return false
		}
		sys, ok := st.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		need := os.FileMode(0o001)
		switch {
		case sys.Uid == cred.Uid:
			need = 0o100
		case sys.Gid == cred.Gid:
			need = 0o010
		}
		if st.Mode().Perm()&need == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
