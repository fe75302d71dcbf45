package orderbook

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/compute/core/coretest"
	"github.com/tickcast/tickcast/market"
)

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
			lines := coretest.Lines(l.records)
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
			end := coretest.State(m)
			for round := range 4 {
				got := map[string]market.Version{}
				check := func(out *core.Output) {
					o := coretest.Copy(out)
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
					next := coretest.Life{From: saved, To: save, State: state, Thin: r.IntN(10)}.Live(t, r, New(l.contract, int64(saved+r.IntN(50)), check), lines)
					if at := min(save+r.IntN(1000), len(lines)); at > save { // lost with the kill
						coretest.Life{From: save, To: at, State: next, Thin: r.IntN(10)}.Live(t, r, New(l.contract, int64(save), check), lines)
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
	state := coretest.Life{To: len(l.records)}.Live(t, rand.New(rand.NewPCG(1, 1)), New(l.contract, 0, func(*core.Output) {}), coretest.Lines(l.records))
	for n := range state {
		if rest, err := New(l.contract, 0, func(*core.Output) {}).LoadState(state[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken for a state (%d left)", n, len(state), len(rest))
		}
	}
}

// FuzzLog: beside what no core may do, the book that is shown is never crossed.
func FuzzLog(f *testing.F) {
	coretest.FuzzLog(f, "books/*.txt", New, func(t *testing.T, m *Machine) {
		for _, v := range m.views {
			if b, a := v.shown[bids], v.shown[asks]; len(b) > 0 && len(a) > 0 && b[0].Price >= a[0].Price {
				t.Fatalf("crossed at %s: %v %v", v.resolution, b[0], a[0])
			}
		}
	})
}
