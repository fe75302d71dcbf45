package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/tickcast/tickcast/configs"
)

// Role is what a key allows.
type Role string

// The roles. An operator may do what a viewer may.
const (
	Viewer   Role = "viewer"   // reads
	Operator Role = "operator" // reads and changes
)

func (r Role) allows(need Role) bool { return r == Operator || r == need }

// key is one API key: 32 random bytes, of which only the SHA-256 is kept. A slow password hash would add nothing, because there is nothing to guess.
type key struct {
	name   string
	role   Role
	digest [sha256.Size]byte
}

// keysFile is the form of the keys file.
type keysFile struct {
	Keys []struct {
		Name   string `yaml:"name"`
		Role   Role   `yaml:"role"`
		SHA256 string `yaml:"sha256"` // of the key, in hexadecimal
	} `yaml:"keys"`
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func decodeKeys(file string, b []byte) ([]key, error) {
	var f keysFile
	if err := configs.Decode(file, b, &f); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	var keys []key
	for i, k := range f.Keys {
		digest, err := hex.DecodeString(k.SHA256)
		switch {
		case !keyName.MatchString(k.Name):
			return nil, fmt.Errorf("%s: keys[%d].name: %q, want 1 to 64 letters, digits, dots, hyphens or underscores", file, i, k.Name)
		case names[k.Name]:
			return nil, fmt.Errorf("%s: keys[%d].name: %q is there twice", file, i, k.Name)
		case k.Role != Viewer && k.Role != Operator:
			return nil, fmt.Errorf("%s: keys[%d].role: %q, want viewer or operator", file, i, k.Role)
		case err != nil || len(digest) != sha256.Size:
			return nil, fmt.Errorf("%s: keys[%d].sha256: want 64 hexadecimal digits", file, i)
		}
		names[k.Name] = true
		keys = append(keys, key{k.Name, k.Role, [sha256.Size]byte(digest)})
	}
	return keys, nil
}

func readKeys(file string) ([]key, os.FileInfo, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read API keys: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, nil, fmt.Errorf("read API keys: %s can be written by others (mode %#o): whoever does has every right here", file, info.Mode().Perm())
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read API keys: %w", err)
	}
	keys, err := decodeKeys(file, b)
	return keys, info, err
}

// keyring holds the keys of a file, and reads it again when it has changed: a key that is taken out is refused a second later.
type keyring struct {
	file string // empty: no keys, nothing is allowed
	log  *slog.Logger

	mu     sync.Mutex
	keys   []key
	info   os.FileInfo
	looked time.Time
}

func newKeyring(file string, log *slog.Logger) (*keyring, error) {
	k := &keyring{file: file, log: log, looked: time.Now()}
	if file == "" {
		return k, nil
	}
	var err error
	k.keys, k.info, err = readKeys(file)
	if errors.Is(err, os.ErrNotExist) {
		log.Warn("there are no API keys yet; `tickcast ctl keys add` makes one", "file", file)
		return k, nil
	}
	return k, err
}

// find returns the key that was presented. A name that is given must be the key's. The time that it takes does not depend on which key is nearly right.
func (k *keyring) find(name, presented string) (found key, ok bool) {
	digest := sha256.Sum256([]byte(presented))
	for _, c := range k.current() {
		if subtle.ConstantTimeCompare(digest[:], c.digest[:]) == 1 && (name == "" || name == c.name) {
			found, ok = c, true
		}
	}
	return found, ok
}

func (k *keyring) current() []key {
	const lookEvery = time.Second
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file == "" || time.Since(k.looked) < lookEvery {
		return k.keys
	}
	k.looked = time.Now()
	info, err := os.Stat(k.file)
	if err == nil && k.info != nil && info.ModTime().Equal(k.info.ModTime()) && info.Size() == k.info.Size() && os.SameFile(info, k.info) {
		return k.keys
	}
	keys, info, err := readKeys(k.file)
	if errors.Is(err, os.ErrNotExist) {
		keys, info, err = nil, nil, nil // taken away: so are the keys
	}
	if err != nil {
		k.log.Error("API keys not read again, the former ones hold", "error", err)
		return k.keys
	}
	if len(keys) != len(k.keys) {
		k.log.Info("API keys read again", "file", k.file, "keys", len(keys))
	}
	k.keys, k.info = keys, info
	return k.keys
}
