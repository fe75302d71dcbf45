// Package coretest runs the golden files of flink-sql/testdata through a core, and what every core must bear: restarts anywhere, and any log.
package coretest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

var update = flag.Bool("update", false, "write the golden files again")

// Folder holds the sets of golden files, seen from a core's own folder.
const Folder = "../../flink-sql/testdata"

// Machine is a core under test.
type Machine interface {
	Apply(*core.Input) (core.Verdict, error)
	PublishAll(computeMs int64)
	SaveState(pieces [][]byte) [][]byte
	LoadState([]byte) (rest []byte, err error)
}

// Set is a folder of golden files. They show the outputs of some topics only.
type Set struct {
	Folder string
	Topics []string
	New    func(contract string, startMs int64, emit func(*core.Output)) Machine
}

// Output is a copy of what a machine emitted.
type Output struct {
	Topic   string
	Key     string
	Version market.Version
	Value   string
}

func (o Output) String() string {
	v := o.Version
	return fmt.Sprintf("%s %s %d.%d.%d %s", o.Topic, o.Key, v.Epoch, v.T, v.Seq, o.Value)
}

// Copy copies an output.
func Copy(o *core.Output) Output { return Output{o.Topic, string(o.Key), o.Version, string(o.Value)} }

// Check compares a scenario, whose lines are given, with its golden file; -update writes the file.
func (s *Set) Check(t *testing.T, name, input string) {
	t.Helper()
	got := s.transcript(t, input)
	file := filepath.Join(Folder, s.Folder, name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	compareLines(t, file, got, string(want))
	if again := s.transcript(t, string(want)); again != string(want) {
		t.Errorf("%s: its inputs alone do not give its outputs", file)
	}
}

// transcript runs the input lines of a golden file and returns the whole file as it should be.
// Lines: '{' an input record; "start <ms>" the job's start; "at <ms>" Kafka's timestamp of the records that follow; '#' a comment; all others are outputs.
func (s *Set) transcript(t *testing.T, input string) string {
	t.Helper()
	var want bytes.Buffer
	var startMs, atMs int64
	machines := map[string]Machine{}
	var d market.Decoder
	var r market.Record
	for n, line := range strings.Split(strings.TrimSuffix(input, "\n"), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '{':
			if err = d.Decode([]byte(line), &r); err != nil {
				break
			}
			fmt.Fprintln(&want, line)
			m := machines[r.Contract]
			if m == nil {
				m = s.New(r.Contract, startMs, func(o *core.Output) {
					if slices.Contains(s.Topics, o.Topic) {
						fmt.Fprintln(&want, Copy(o))
					}
				})
				machines[r.Contract] = m
			}
			if _, err = m.Apply(&core.Input{Record: &r, Value: []byte(line), AppendMs: atMs}); err != nil {
				fmt.Fprintf(&want, "# refused: %v\n", err)
			}
			continue
		case word == "start":
			startMs, err = strconv.ParseInt(rest, 10, 64)
		case word == "at":
			atMs, err = strconv.ParseInt(rest, 10, 64)
		default:
			continue // an output of before
		}
		if err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		if strings.HasPrefix(line, "# refused: ") {
			continue
		}
		fmt.Fprintln(&want, line)
	}
	return want.String()
}

func compareLines(t *testing.T, file, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("%s: line %d\n got %s\nwant %s\n(-update writes the golden files again)", file, i+1, a, b)
		}
	}
}
