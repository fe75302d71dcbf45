package configs

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Secret is where a password is, so that no configuration holds it. In YAML it is inlined.
type Secret struct {
	File string `yaml:"password_file"`
	Env  string `yaml:"password_env"`
}

// Given says whether there is a password.
func (s Secret) Given() bool { return s != Secret{} }

// Validate refuses both at once.
func (s Secret) Validate() error {
	if s.File != "" && s.Env != "" {
		return errors.New("password_file and password_env: only one can be given")
	}
	return nil
}

// Read returns the password; "" where none is given. The error never contains it.
func (s Secret) Read() (string, error) {
	switch {
	case s.Env != "":
		p := os.Getenv(s.Env)
		if p == "" {
			return "", fmt.Errorf("password_env: environment variable %s is empty", s.Env)
		}
		return p, nil
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("password_file: %w", err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	return "", nil
}
