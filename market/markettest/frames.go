// Package markettest gives tests what a recording of a market holds.
package markettest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"os"
	"strconv"
	"testing"
)

// Frames reads a recording, a gzip file of lines: when a frame was received (ns), and the frame. A frame is valid until take returns.
func Frames(t testing.TB, file string, take func(ns int64, frame []byte)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		at, frame, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		ns, err := strconv.ParseInt(string(at), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		take(ns, frame)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
