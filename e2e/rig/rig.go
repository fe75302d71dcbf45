// Package rig is what end-to-end tests are made with: the binary as a process, MQTT clients that keep all they receive, and readers of Kafka that outlive it.
package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Build makes the binary, in dir.
func Build(dir string) (binary string, err error) {
	binary = filepath.Join(dir, "tickcast")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/tickcast/tickcast/cmd/tickcast").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// Root is the repository's folder, found from the one in which a test runs.
func Root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = fmt.Errorf("there is no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// File is the absolute path of a file of the repository.
func File(t testing.TB, path string) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, filepath.FromSlash(path))
}

// WriteFile writes a file into a folder of its own.
func WriteFile(t testing.TB, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
