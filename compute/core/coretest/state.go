package coretest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// State is what a checkpoint would hold of a machine.
func State(m Machine) []byte { return bytes.Join(m.SaveState(nil), nil) }

// Lines are records as the log has them.
func Lines(records []market.Record) (lines [][]byte) {
	for i := range records {
		lines = append(lines, records[i].AppendJSON(nil))
	}
	return lines
}

// Life is one life of a job: it begins at a record, from scratch or from a saved state, and ends at another. Kafka's timestamp of record i is i.
type Life struct {
	From, To int
	State    []byte
	Thin     int // of ten records
}

// Live lets a new machine live it, and returns the state at its end. All keys are published now and then, and in the end.
func (l Life) Live(t *testing.T, r *rand.Rand, m Machine, lines [][]byte) (state []byte) {
	t.Helper()
	if l.State != nil {
		if rest, err := m.LoadState(l.State); err != nil || len(rest) != 0 {
			t.Fatalf("load state: %v, %d bytes left", err, len(rest))
		}
	}
	var d market.Decoder
	var rec market.Record
	for i := l.From; i < l.To; i++ {
		if err := d.Decode(lines[i], &rec); err != nil {
			t.Fatal(err)
		}
		if v, err := m.Apply(&core.Input{Record: &rec, Value: lines[i], AppendMs: int64(i), Thin: r.IntN(10) < l.Thin}); v == core.Invalid {
			t.Fatalf("%s: %v", lines[i], err)
		}
		if r.IntN(300) == 0 {
			m.PublishAll(0)
		}
	}
	m.PublishAll(0)
	return State(m)
}

// FuzzLog gives any lines to the decoder and to machines, beginning with those of golden files: no panic, no impossible output, and a state that comes back as it
// was saved. check looks at a machine after each record.
func FuzzLog[M Machine](f *testing.F, pattern string, machine func(contract string, startMs int64, emit func(*core.Output)) M, check func(*testing.T, M)) {
	files, err := filepath.Glob(filepath.Join(Folder, pattern))
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var input [][]byte
		for _, line := range bytes.Split(b, []byte("\n")) {
			if bytes.HasPrefix(line, []byte("{")) {
				input = append(input, line)
			}
		}
		f.Add(bytes.Join(input, []byte("\n")), uint8(0))
	}
	f.Fuzz(func(t *testing.T, log []byte, thin uint8) {
		var d market.Decoder
		var r market.Record
		machines := map[string]M{}
		for i, line := range bytes.Split(log, []byte("\n")) {
			if d.Decode(line, &r) != nil {
				continue
			}
			m, ok := machines[r.Contract]
			if !ok {
				m = machine(r.Contract, 0, func(o *core.Output) {
					if o.Version.T < 0 || len(o.Ver) != market.VersionLen || (len(o.Value) == 0) != (o.Value == nil) {
						t.Fatalf("impossible output %+v", o)
					}
				})
				machines[r.Contract] = m
			}
			m.Apply(&core.Input{Record: &r, Value: line, Thin: thin&(1<<(i%8)) != 0})
			check(t, m)
		}
		for id, m := range machines {
			state := State(m)
			again := machine(id, 0, func(*core.Output) {})
			if _, err := again.LoadState(state); err != nil {
				t.Fatalf("state of %s: %v", id, err)
			}
			if !bytes.Equal(State(again), state) {
				t.Fatalf("state of %s is another one after it was loaded", id)
			}
		}
	})
}
