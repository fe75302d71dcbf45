package admin

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/tickcast/tickcast/configs"
)

// Config of the admin port.
type Config struct {
	Listen          string        `yaml:"listen"`           // host:port; empty: no admin port
	KeysFile        string        `yaml:"keys_file"`        // names, roles and digests of the API keys; empty: every call under /api/v1 is refused
	AuditFile       string        `yaml:"audit_file"`       // each change, two JSON objects on a line each; empty: in memory only
	AuditBytes      configs.Bytes `yaml:"audit_bytes"`      // a larger audit file is renamed to ….1, and the one before that is gone
	BannedFile      string        `yaml:"banned_file"`      // who is banned; empty: bans end with the process
	ServerReference string        `yaml:"server_reference"` // where a drain sends MQTT 5 clients, host:port (several: with spaces between); empty: they are told that this edge stops
}

// DefaultConfig listens on loopback, and has no key.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:18083", AuditBytes: 8 << 20} }

// Validate names the key that is wrong.
func (c *Config) Validate() error {
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			return fmt.Errorf("admin.listen: %q is not host:port: %w", c.Listen, err)
		}
	}
	if c.AuditBytes < 64<<10 || c.AuditBytes > 1<<30 {
		return fmt.Errorf("admin.audit_bytes: %d is not within %d and %d", c.AuditBytes, 64<<10, 1<<30)
	}
	if err := validReference(c.ServerReference); err != nil {
		return fmt.Errorf("admin.server_reference: %w", err)
	}
	for _, f := range []struct{ key, file string }{{"keys_file", c.KeysFile}, {"audit_file", c.AuditFile}, {"banned_file", c.BannedFile}} {
		if strings.HasSuffix(f.file, "/") {
			return fmt.Errorf("admin.%s: %q is a folder, want a file", f.key, f.file)
		}
	}
	return nil
}

// validReference checks a Server Reference, an MQTT string of host:port parts with spaces between [MQTT 5, 4.11].
func validReference(s string) error {
	const longest = 512
	if len(s) > longest {
		return fmt.Errorf("has %d bytes, want at most %d", len(s), longest)
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return errors.New("has a control character or is no UTF-8")
		}
	}
	for _, part := range strings.Fields(s) {
		if _, _, err := net.SplitHostPort(part); err != nil {
			return fmt.Errorf("%q is not host:port: %w", part, err)
		}
	}
	return nil
}
