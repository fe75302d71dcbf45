package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const keysHeader = "# API keys of the admin port: who, what they may do, and the SHA-256 of the key. Take a line out to refuse its key.\nkeys:\n"

// AddKey makes a key, adds its digest to the keys file (made if absent, mode 0600) and returns the key, which is kept nowhere.
func AddKey(file, name string, role Role) (string, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails [crypto/rand]
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", fmt.Errorf("add API key: %w", err)
	}
	presented := "tck_" + base64.RawURLEncoding.EncodeToString(secret)
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		b = []byte(keysHeader)
	case err != nil:
		return "", fmt.Errorf("add API key: %w", err)
	}
	if n := len(b); n > 0 && b[n-1] != '\n' {
		b = append(b, '\n')
	}
	b = fmt.Appendf(b, "  - {name: %s, role: %s, sha256: %x}\n", name, role, sha256.Sum256([]byte(presented)))
	if _, err := decodeKeys(file, b); err != nil {
		return "", fmt.Errorf("add API key: %w", err)
	}
	if err := ReplaceFile(file, b); err != nil {
		return "", fmt.Errorf("add API key: %w", err)
	}
	return presented, nil
}

// FirstKey makes an operator's key in a folder that has none yet: its digest goes to keysFile, the key itself to keyFile, which only its owner can read.
func FirstKey(keysFile, keyFile string) (made bool, err error) {
	if _, err := os.Stat(keysFile); !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	presented, err := AddKey(keysFile, "operator", Operator)
	if err != nil {
		return false, err
	}
	if err := ReplaceFile(keyFile, []byte(presented+"\n")); err != nil {
		_ = os.Remove(keysFile) // or nobody would ever have the key
		return false, fmt.Errorf("first API key: %w", err)
	}
	return true, nil
}

// ReplaceFile writes a file that only its owner can read, whole or not at all.
func ReplaceFile(file string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone after the rename
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
