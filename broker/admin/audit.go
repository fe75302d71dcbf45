package admin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// auditKept is how many entries the API shows; the file has more.
const auditKept = 5000

// Entry is one change, asked for or made.
type Entry struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`            // name of the key; empty: none that is known
	Role   Role      `json:"role,omitempty"` // of the key
	From   string    `json:"from"`           // address of the caller
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Asked  string    `json:"asked,omitempty"` // the request's body
	Status int       `json:"status"`          // of the answer
	Result string    `json:"result"`          // "done", or the problem's code
}

// auditLog is the append-only record of changes: a file with a bound, and the newest entries in memory.
type auditLog struct {
	path  string // empty: in memory only
	bound int64

	mu     sync.Mutex
	file   *os.File
	size   int64
	owed   []byte  // lines that are not in the file yet
	newest []Entry // oldest first
}

func openAudit(path string, bound int64) (*auditLog, error) {
	a := &auditLog{path: path, bound: bound}
	if path == "" {
		return a, nil
	}
	for _, f := range []string{path + ".1", path} {
		if err := a.load(f); err != nil {
			return nil, fmt.Errorf("open audit: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open audit: %w", err)
	}
	if err := a.open(); err != nil {
		return nil, fmt.Errorf("open audit: %w", err)
	}
	return a, nil
}

// load takes the entries of a file; what is cut off by a crash is passed over.
func (a *auditLog) load(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		var e Entry
		if json.Unmarshal(line, &e) == nil {
			a.remember(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (a *auditLog) open() error {
	f, err := os.OpenFile(a.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	last := []byte{'\n'}
	if info.Size() > 0 {
		if _, err := f.ReadAt(last, info.Size()-1); err != nil {
			f.Close()
			return err
		}
	}
	a.file, a.size = f, info.Size()
	if last[0] != '\n' { // a line that a crash cut off must not swallow the next
		n, err := f.Write([]byte{'\n'})
		a.size += int64(n)
		return err
	}
	return nil
}

func (a *auditLog) remember(e Entry) {
	if len(a.newest) >= 2*auditKept {
		a.newest = append([]Entry(nil), a.newest[auditKept:]...)
	}
	a.newest = append(a.newest, e)
}

// add appends an entry; when it returns nil the entry is on disk. What could not be written is kept, and goes first the next time.
func (a *auditLog) add(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remember(e)
	a.owed = append(append(a.owed, line...), '\n')
	return a.flush()
}

// ready says whether changes can be recorded: one that cannot must not be made.
func (a *auditLog) ready() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.flush()
}

func (a *auditLog) flush() error {
	if a.path == "" {
		a.owed = nil
	}
	if len(a.owed) == 0 {
		return nil
	}
	if err := a.place(); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	n, err := a.file.Write(a.owed)
	a.size, a.owed = a.size+int64(n), a.owed[n:]
	if err == nil {
		err = a.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	a.owed = nil
	return nil
}

// place sees to it that the file is where it belongs, and has room.
func (a *auditLog) place() error {
	switch _, err := os.Stat(a.path); {
	case errors.Is(err, os.ErrNotExist): // moved away, by logrotate or by hand
	case err != nil:
		return err
	case a.size > 0 && a.size+int64(len(a.owed)) > a.bound:
		if err := os.Rename(a.path, a.path+".1"); err != nil {
			return err
		}
	default:
		return nil
	}
	_ = a.file.Close() // synced with each entry
	return a.open()
}

// page returns entries, the newest first.
func (a *auditLog) page(p Page) (entries []Entry, total int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	total = min(len(a.newest), auditKept)
	from, to := p.Bounds(total)
	for i := from; i < to; i++ {
		entries = append(entries, a.newest[len(a.newest)-1-i])
	}
	return entries, total
}

func (a *auditLog) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file != nil {
		_ = a.file.Close() // synced with each entry
	}
}

// asked cuts a request's body to what an entry holds.
func asked(body []byte) string {
	const longest = 1 << 10
	var b bytes.Buffer
	if json.Compact(&b, body) != nil {
		b.Reset()
		b.Write(body)
	}
	if b.Len() > longest {
		return string(bytes.ToValidUTF8(b.Bytes()[:longest], nil)) + "…"
	}
	return string(bytes.ToValidUTF8(b.Bytes(), []byte("\ufffd")))
}
