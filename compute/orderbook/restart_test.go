package orderbook

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/compute/core/coretest"
	"github.com/tickcast/tickcast/market"
)

// life is one life of a job: it begins at a record, from scratch or from a saved state, and ends at another. Kafka's timestamp of record i is i.
type life struct {
	from, to int
	startMs  int64
	state    []byte
}

func (u life) live(t *testing.T, r *rand.Rand, contract string, lines [][]byte, out func(coretest.Output)) (state []byte) {
	t.Helper()
	m := New(contract, u.startMs, func(o *core.Output) { out(coretest.Copy(o)) })
	if u.state != nil {
		if rest, err := m.LoadState(u.state); err != nil || len(rest) != 0 {
			t.Fatalf("load state: %v, %d bytes left", err, len(rest))
		}
	}
	var d market.Decoder
	var rec market.Record
	thin := r.IntN(10)
	for i := u.from; i < u.to; i++ {
		if err := d.Decode(lines[i], &rec); err != nil {
			t.Fatal(err)
		}
		if v, err := m.Apply(&core.Input{Record: &rec, Value: lines[i], AppendMs: int64(i), Thin: r.IntN(10) < thin}); v == core.Invalid {
			t.Fatalf("%s: %v", lines[i], err)
		}
		if r.IntN(300) == 0 {
			m.PublishAll(0)
		}
	}
	m.PublishAll(0)
	return bytes.Join(m.SaveState(nil), nil)
}

// The same log, cut and restarted anywhere, gives the same bytes for every key and version, the same state, and the same last version of each key.
func TestRestartsAnywhereGiveTheSameBytes(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 13))
			var l scribe
			l.begin("")
			chaos(r, &l, 3000)
			l.depth++
			l.books = append(l.books[1:], market.Unit{Size: 7})
			l.spec(l.records[len(l.records)-1].EventMs, false)
			lines := linesOf(&l)
			want := map[string]string{} // by topic, key and version
			last := map[string]market.Version{}
			id := func(o coretest.Output) string { return fmt.Sprint(o.Topic, o.Key, o.Version) }
			// every version there is: a job that is complete and publishes all keys after each record
			var d market.Decoder
			var rec market.Record
			m := New(l.contract, 0, func(o *core.Output) {
				c := coretest.Copy(o)
				if had, ok := want[id(c)]; ok && had != c.Value {
					t.Fatalf("one version, two values:\n%s\n%s", had, c.Value)
				}
				want[id(c)] = c.Value
				last[c.Key] = c.Version
			})
			for _, line := range lines {
				if err := d.Decode(line, &rec); err != nil {
					t.Fatal(err)
				}
				if _, err := m.Apply(&core.Input{Record: &rec}); err != nil {
					t.Fatal(err)
				}
				m.PublishAll(0)
			}
			end := bytes.Join(m.SaveState(nil), nil)
			for round := range 4 {
				got := map[string]market.Version{}
				check := func(o coretest.Output) {
					if w, ok := want[id(o)]; !ok || w != o.Value {
						t.Fatalf("round %d: %s\nwant %s", round, o, w)
					}
					if got[o.Key].Less(o.Version) {
						got[o.Key] = o.Version
					}
				}
				// lives that end anywhere and begin again at or before their end, as after kill -9 behind a checkpoint
				var state []byte
				for saved := 0; saved < len(lines); {
					save := min(saved+1+r.IntN(len(lines)/2), len(lines))
					next := life{from: saved, to: save, startMs: int64(saved + r.IntN(50)), state: state}.live(t, r, l.contract, lines, check)
					if at := min(save+r.IntN(1000), len(lines)); at > save { // lost with the kill
						life{from: save, to: at, startMs: int64(save), state: next}.live(t, r, l.contract, lines, check)
					}
					saved, state = save, next
				}
				if !bytes.Equal(state, end) {
					t.Fatalf("round %d: the state at the end is another one", round)
				}
				for key, w := range last {
					if got[key] != w {
						t.Fatalf("round %d: the last version of %s is %v, want %v", round, key, got[key], w)
					}
				}
			}
		})
	}
}

func TestBrokenStateIsRefused(t *testing.T) {
	t.Parallel()
	var l scribe
	l.begin("")
	chaos(rand.New(rand.NewPCG(1, 1)), &l, 300)
	state := life{to: len(l.records)}.live(t, rand.New(rand.NewPCG(1, 1)), l.contract, linesOf(&l), func(coretest.Output) {})
	for n := range state {
		if rest, err := New(l.contract, 0, func(*core.Output) {}).LoadState(state[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken for a state (%d left)", n, len(state), len(rest))
		}
	}
}

func linesOf(l *scribe) (lines [][]byte) {
	for i := range l.records {
		lines = append(lines, l.records[i].AppendJSON(nil))
	}
	return lines
}

// FuzzLog gives any lines to the decoder and the core: no panic, never a crossed book, and a state that comes back as it was saved.
func FuzzLog(f *testing.F) {
	files, err := filepath.Glob(coretest.Folder + "/books/*.txt")
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
		machines := map[string]*Machine{}
		for i, line := range bytes.Split(log, []byte("\n")) {
			if d.Decode(line, &r) != nil {
				continue
			}
			m := machines[r.Contract]
			if m == nil {
				m = New(r.Contract, 0, func(o *core.Output) {
					if len(o.Ver) != market.VersionLen || (len(o.Value) == 0) != (o.Value == nil) {
						t.Fatalf("impossible output %+v", o)
					}
				})
				machines[r.Contract] = m
			}
			m.Apply(&core.Input{Record: &r, Value: line, Thin: thin&(1<<(i%8)) != 0})
			for _, v := range m.views {
				if b, a := v.shown[bids], v.shown[asks]; len(b) > 0 && len(a) > 0 && b[0].Price >= a[0].Price {
					t.Fatalf("crossed at %s: %v %v", v.resolution, b[0], a[0])
				}
			}
		}
		for id, m := range machines {
			state := bytes.Join(m.SaveState(nil), nil)
			again := New(id, 0, func(*core.Output) {})
			if _, err := again.LoadState(state); err != nil {
				t.Fatalf("state of %s: %v", id, err)
			}
			if !bytes.Equal(bytes.Join(again.SaveState(nil), nil), state) {
				t.Fatalf("state of %s is another one after it was loaded", id)
			}
		}
	})
}
