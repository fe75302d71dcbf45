// Package datadir takes a data folder for one process.
package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Lock makes the folder and holds it until the file is closed or the process ends: two would write over each other.
func Lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("data_dir: %s is in use by another Tickcast", dir)
	}
	return f, nil
}
