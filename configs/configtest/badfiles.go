// Package configtest tests what reads configuration files.
package configtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BadFiles reads each file of a pattern such as testdata/*.bad.yaml. Its first line, after "# want: ", is the message that it must give, to the letter; only the
// file's folder is left out there.
func BadFiles(t *testing.T, pattern string, read func(file string, data []byte) error) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(data), "\n")
		want, ok := strings.CutPrefix(first, "# want: ")
		if !ok {
			t.Fatalf("%s: does not begin with what it wants", f)
		}
		got := "(no error)"
		if err := read(f, data); err != nil {
			got = strings.TrimPrefix(err.Error(), filepath.Dir(f)+string(filepath.Separator))
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", f, got, want)
		}
	}
}
