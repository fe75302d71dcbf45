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
	"slices"
	"sync"
	"syscall"
	"time"
)

// auditKept is how many entries the API shows; the file has more.
const auditKept = 5000

// Entry is one change. It has two lines in the file, of which the first is on disk before anything is changed: as it was asked for, and what came of it.
type Entry struct {
	Change int64     `json:"change,omitempty"` // its number, the same in both lines
	At     time.Time `json:"at"`
	Who    string    `json:"who"` // name of the key
	Role   Role      `json:"role,omitempty"`
	From   string    `json:"from"` // address of the caller
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Asked  string    `json:"asked,omitempty"`  // the request's body
	Status int       `json:"status,omitempty"` // of the answer; 0: not known yet, or the process ended before it was
	Result string    `json:"result"`           // resultAsked, "done", or the problem's code
}

const resultAsked = "asked" // of the first line

// auditLog is the append-only record of changes: a file with a bound, and the newest entries in memory.
type auditLog struct {
	path  string // empty: in memory only
	bound int64

	writing sync.Mutex // held while the disk works: by changes alone
	file    *os.File   // nil: to be opened again
	size    int64
	owed    []byte // second lines that are not in the file yet. While there are any no change is made, so they are as many as were under way
	number  int64  // of the last change; without holes

	mu     sync.Mutex
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
			a.number = max(a.number, e.Change)
			if e.Status == 0 || !a.settle(e) {
				a.remember(e)
			}
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
	if last[0] != '\n' { // a line that was cut off must not swallow the next
		if _, err := f.Write([]byte{'\n'}); err != nil {
			f.Close()
			return err
		}
	}
	if err := syncFolder(filepath.Dir(a.path)); err != nil { // or a crash takes the file's name with all that is in it
		f.Close()
		return err
	}
	a.file, a.size = f, info.Size()
	if last[0] != '\n' {
		a.size++
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // some file systems have no such thing
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

// settle puts what came of a change into its entry; false: there is none that waits for it.
func (a *auditLog) settle(e Entry) bool {
	for i := len(a.newest) - 1; i >= 0; i-- {
		if o := &a.newest[i]; o.Change == e.Change && o.Status == 0 {
			*o = e
			return true
		}
	}
	return false
}

// begin numbers a change and records that it is asked for. Unless it returns nil, with the entry on disk, the change must not be made.
func (a *auditLog) begin(e *Entry) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	e.Change, e.Result = a.number+1, resultAsked
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	if err := a.flush(append(line, '\n')); err != nil {
		return err
	}
	a.number = e.Change
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remember(*e)
	return nil
}

// end records what came of a change. What cannot be written is kept, and goes before the next change.
func (a *auditLog) end(e Entry) error {
	a.mu.Lock()
	a.settle(e)
	a.mu.Unlock()
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	a.owed = append(append(a.owed, line...), '\n')
	return a.flush(nil)
}

// flush writes what is owed, and then a line. On an error the line is not in the file, unless that cannot even be cut off again.
func (a *auditLog) flush(line []byte) error {
	if a.path == "" {
		a.owed = nil
	}
	lines := slices.Concat(a.owed, line)
	if a.path == "" || len(lines) == 0 {
		return nil
	}
	if err := a.place(int64(len(lines))); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	_, err := a.file.Write(lines)
	if err == nil {
		err = a.file.Sync()
	}
	if err != nil {
		// After a sync that failed the next one may succeed without these pages: the lines are written anew then.
		_ = a.file.Truncate(a.size)
		a.shut()
		return fmt.Errorf("write audit: %w", err)
	}
	a.size, a.owed = a.size+int64(len(lines)), nil
	return nil
}

// place sees to it that the file is the one with that name, and has room for n bytes.
func (a *auditLog) place(n int64) error {
	if a.file != nil && !a.named() { // moved away, by logrotate or by hand
		a.shut()
	}
	if a.file == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	if a.size == 0 || a.size+n <= a.bound {
		return nil
	}
	if err := os.Rename(a.path, a.path+".1"); err != nil {
		return err
	}
	a.shut()
	return a.open()
}

func (a *auditLog) named() bool {
	there, err := os.Stat(a.path)
	if err != nil {
		return false
	}
	ours, err := a.file.Stat()
	return err == nil && os.SameFile(there, ours)
}

func (a *auditLog) shut() {
	_ = a.file.Close() // what is in it was synced
	a.file = nil
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

// close writes what is owed, and closes the file.
func (a *auditLog) close() error {
	a.writing.Lock()
	defer a.writing.Unlock()
	err := a.flush(nil)
	if a.file != nil {
		a.shut()
	}
	return err
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
