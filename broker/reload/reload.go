// Package reload keeps what is made of files, and makes it anew when they change: certificates and keys that are replaced while the process runs.
package reload

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Every is how often files are looked at. A look is one stat of each.
const Every = 2 * time.Second

// Value is what a set of files makes at the moment. Safe for any number of goroutines.
type Value[T any] struct {
	name  string // for the log
	files []string
	read  func() (T, error)
	value atomic.Pointer[T]
	seen  []stamp // by Run alone once it runs
}

// stamp tells whether a file has changed.
type stamp struct {
	modified time.Time
	size     int64
}

// New reads the files for the first time.
func New[T any](name string, files []string, read func() (T, error)) (*Value[T], error) {
	v := &Value[T]{name: name, files: files, read: read}
	v.seen = v.stamps()
	first, err := read()
	if err != nil {
		return nil, err
	}
	v.value.Store(&first)
	return v, nil
}

// Get returns the value of the moment.
func (v *Value[T]) Get() T { return *v.value.Load() }

// Run looks at the files until ctx ends. Files that cannot be used are logged once, and the value stays as it was.
func (v *Value[T]) Run(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			v.Look(log)
		}
	}
}

// Look reads the files again if one has changed since the last look. Not for several goroutines at once.
func (v *Value[T]) Look(log *slog.Logger) {
	now := v.stamps()
	changed := false
	for i, s := range now {
		changed = changed || v.seen[i] != s
	}
	if !changed {
		return
	}
	v.seen = now
	next, err := v.read()
	if err != nil {
		log.Error("not read again; what was there before holds", "what", v.name, "error", err)
		return
	}
	v.value.Store(&next)
	log.Info("read again", "what", v.name)
}

func (v *Value[T]) stamps() []stamp {
	now := make([]stamp, len(v.files))
	for i, file := range v.files {
		if info, err := os.Stat(file); err == nil {
			now[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return now
}
