package engine

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tickcast/tickcast/engine/core"
	"github.com/tickcast/tickcast/market"
)

// commands reads a file of orders, busts and corrections, a line each, in order of time. Empty lines and those that begin with # are passed over.
type commands struct {
	path string
	file *os.File
	in   *bufio.Reader
	c    *market.Contract
	n    int // line
	next core.Entry
	has  bool
	last int64
}

const maxLine = 4096

// openCommands opens a file and passes over the orders that the market has had already, and what lies between them.
func openCommands(path string, c *market.Contract, orders int64) (*commands, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("commands: %w", err)
	}
	k := &commands{path: path, file: f, in: bufio.NewReaderSize(f, maxLine), c: c}
	if err = k.read(); err == nil && !k.has {
		err = fmt.Errorf("commands: %s has none", path)
	}
	for ; err == nil && k.has && orders > 0; err = k.read() {
		if k.next.Verb == core.Order {
			orders--
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return k, nil
}

// nextUs is the time of the next entry, or of the last one.
func (k *commands) nextUs() int64 { return k.last }

func (k *commands) take() (e core.Entry, ok bool, err error) {
	e, ok = k.next, k.has
	return e, ok, k.read()
}

func (k *commands) read() error {
	k.has = false
	for {
		line, err := k.in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%s:%d: more than %d bytes", k.path, k.n+1, maxLine)
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("commands: %w", err)
		case len(line) == 0:
			return nil
		}
		k.n++
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
			continue
		}
		e, err := core.ParseLine(line, k.c)
		switch {
		case err != nil:
			return fmt.Errorf("%s:%d: %w", k.path, k.n, err)
		case e.Verb == core.Open || e.Verb == core.Skip || e.Verb == core.Close:
			return fmt.Errorf("%s:%d: opening and closing are the engine's own", k.path, k.n)
		case e.TimeUs < k.last:
			return fmt.Errorf("%s:%d: the time goes back from %d to %d", k.path, k.n, k.last, e.TimeUs)
		}
		k.next, k.has, k.last = e, true, e.TimeUs
		return nil
	}
}

func (k *commands) close() { k.file.Close() }
