package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tickcast/tickcast/market"
)

// put writes a value and publishes it, if its version is greater than what Redis has: there can be several writers, and each begins with old records after a
// restart. KEYS: the value's, the version's; ARGV: the version's 24 bytes, the value (of no bytes: the key is cleared). Lua compares strings by the locale's rules, so the bytes are compared one by
// one. It answers 1 if the value was newer.
var put = goredis.NewScript(`
local had, has = redis.call('GET', KEYS[2]), ARGV[1]
if had then
  local newer = false
  for i = 1, 24 do
    local a, b = had:byte(i), has:byte(i)
    if a ~= b then newer = b > a break end
  end
  if not newer then return 0 end
end
redis.call('SET', KEYS[2], has)
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1
`)

// versionKey is where a key's version stands: in the same slot of a cluster.
func versionKey(key string) string { return "version:{" + key + "}" }

// writer is the loop towards Redis; it belongs to one goroutine.
type writer struct {
	*Sink
	client *goredis.Client
	batch  []value
	down   bool      // the last round trip failed, or there was none: Redis may not know the script, or have lost what it had
	since  time.Time // of down
	said   time.Time
}

const (
	retryFirst = 50 * time.Millisecond
	retryMost  = 2 * time.Second
	sayEvery   = 10 * time.Second // while Redis stays away
)

// run writes until ctx ends, and then once more what waits, as long as that does not fail.
func (w *writer) run(ctx context.Context) {
	pause := retryFirst
	for {
		err := w.flush(context.WithoutCancel(ctx))
		if err == nil {
			pause = retryFirst
			if w.down {
				w.back()
				continue
			}
			select {
			case <-ctx.Done():
				if w.newest.waiting() == 0 {
					return
				}
			case <-w.newest.wake:
			}
			continue
		}
		w.away(err)
		select {
		case <-ctx.Done():
			w.log.Warn("values did not reach Redis", "address", w.cfg.Address, "values", w.newest.waiting())
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// flush writes everything that waits; while Redis is away it asks for an answer only.
func (w *writer) flush(ctx context.Context) error {
	if w.down {
		limit, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
		defer cancel()
		return put.Load(limit, w.client).Err()
	}
	for {
		w.batch = w.newest.take(w.batch[:0], w.cfg.Batch)
		if len(w.batch) == 0 {
			return nil
		}
		if err := w.write(ctx, w.batch); err != nil {
			return err
		}
	}
}

// write is one round trip. After an error nobody knows what was written: it may be written again, since Redis refuses what is not newer.
func (w *writer) write(ctx context.Context, batch []value) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	p := w.client.Pipeline()
	for i := range batch {
		v := &batch[i]
		put.EvalSha(ctx, p, []string{v.key, versionKey(v.key)}, v.version.Append(make([]byte, 0, market.VersionLen)), v.json)
	}
	answers, err := p.Exec(ctx)
	if err != nil {
		return err
	}
	for _, a := range answers {
		if n, _ := a.(*goredis.Cmd).Int(); n == 1 {
			w.written.Add(1)
		} else {
			w.old.Add(1)
		}
	}
	return nil
}

// away is told each time that Redis does not take what it is given.
func (w *writer) away(err error) {
	w.failures.Add(1)
	now := time.Now()
	if !w.down {
		w.down, w.since, w.said = true, now, time.Time{}
	}
	if goredis.HasErrorPrefix(err, "NOSCRIPT") || now.Sub(w.said) < sayEvery {
		return // a Redis that began anew knows no script, and is given it next
	}
	w.said = now
	w.log.Error("Redis does not take values; the newest of each key is kept", "address", w.cfg.Address, "keys_waiting", w.newest.waiting(), "error", plain(err))
}

// back makes everything wait again: Redis may have begun anew, with nothing.
func (w *writer) back() {
	w.down = false
	w.newest.again()
	if !w.said.IsZero() {
		w.log.Info("Redis is back: every key's newest value is written again", "address", w.cfg.Address, "away", time.Since(w.since).Round(time.Millisecond), "keys", w.newest.waiting())
	}
}

// plain says what is behind an error of the driver, which repeats the same text for each command of a batch.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	if text, _, many := strings.Cut(err.Error(), "\n"); many {
		return fmt.Errorf("%s", text)
	}
	return err
}
