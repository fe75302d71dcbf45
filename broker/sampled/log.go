// Package sampled writes log lines that anybody can cause without a right to anything, so that nobody fills the disk with them.
package sampled

import (
	"log/slog"
	"sync"
	"time"
)

// every is how much time passes between two lines of one Log.
const every = time.Second

// Log writes at most one line a second; the next says how many were left out before it. The zero value is ready, for any number of goroutines.
type Log struct {
	mu      sync.Mutex
	next    time.Time
	omitted int
}

// Info writes a line to log, or counts it.
func (l *Log) Info(log *slog.Logger, line string, args ...any) {
	if omitted, ok := l.turn(time.Now()); ok {
		log.Info(line, append(args, "left_out_before", omitted)...)
	}
}

func (l *Log) turn(now time.Time) (omitted int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.next) {
		l.omitted++
		return 0, false
	}
	omitted, l.omitted, l.next = l.omitted, 0, now.Add(every)
	return omitted, true
}
