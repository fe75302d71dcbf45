package chaos

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tickcast/tickcast/market"
)

// values asks Redis for versions all the time, and judges them.
type values struct {
	addr string

	mu     sync.Mutex
	keys   []string
	newest map[string]market.Version
	faults []string
	asked  int
}

const askEvery = 100 * time.Millisecond

// watchRedis watches the keys' versions until the test ends. A Redis that began anew may not have a key yet, and never an older version of it.
func watchRedis(t *testing.T, addr string, keys []string) *values {
	w := &values{addr: addr, keys: keys, newest: map[string]market.Version{}}
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		for {
			_ = w.watch(stop) // Redis is away
			select {
			case <-stop:
				return
			case <-time.After(askEvery):
			}
		}
	}()
	return w
}

// watch asks over one connection.
func (w *values) watch(stop <-chan struct{}) error {
	c, err := net.DialTimeout("tcp", w.addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	var ask strings.Builder
	fmt.Fprintf(&ask, "*%d\r\n$4\r\nMGET\r\n", 1+len(w.keys))
	for _, k := range w.keys {
		name := "version:{" + k + "}"
		fmt.Fprintf(&ask, "$%d\r\n%s\r\n", len(name), name)
	}
	for {
		if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			return err
		}
		if _, err := io.WriteString(c, ask.String()); err != nil {
			return err
		}
		answers, err := readArray(r)
		if err != nil {
			return err
		}
		w.judge(answers)
		select {
		case <-stop:
			return nil
		case <-time.After(askEvery):
		}
	}
}

// readArray reads an array of strings; nil stands for one that is not there (RESP, https://redis.io/docs/latest/develop/reference/protocol-spec/).
func readArray(r *bufio.Reader) ([][]byte, error) {
	number := func(sign byte) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if line[0] != sign {
			return 0, fmt.Errorf("redis answers %q", line)
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number('*')
	if err != nil {
		return nil, err
	}
	all := make([][]byte, n)
	for i := range all {
		size, err := number('$')
		if err != nil {
			return nil, err
		}
		if size < 0 {
			continue
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		all[i] = b[:size]
	}
	return all, nil
}

func (w *values) judge(answers [][]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	for i, b := range answers {
		if b == nil {
			continue
		}
		k := w.keys[i]
		v, err := market.ParseVersion(b)
		switch was := w.newest[k]; {
		case len(w.faults) >= 20:
		case err != nil:
			w.faults = append(w.faults, fmt.Sprintf("%s: %v", k, err))
		case v.Less(was):
			w.faults = append(w.faults, fmt.Sprintf("%s went back from %v to %v", k, was, v))
		}
		w.newest[k] = v
	}
}

// behind says which key is older in Redis than wanted.
func (w *values) behind(want map[string]market.Version) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, v := range want {
		if has := w.newest[k]; has.Less(v) {
			return fmt.Errorf("redis has %v of %s, not %v", has, k, v)
		}
	}
	return nil
}

func (w *values) report(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		t.Errorf("redis: %s", f)
	}
	t.Logf("redis: %d keys, asked %d times", len(w.keys), w.asked)
}
