package candle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/compute/core/coretest"
	"github.com/tickcast/tickcast/market"
)

// The same log, cut and restarted anywhere, gives the same closed candles, and the same bytes for every key and version that came twice.
func TestRestartsAnywhereGiveTheSameBytes(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 11))
			var l scribe
			l.begin("")
			begin := ms("2020-05-31T23:41:00")
			l.seeds(r, begin, 7_000_000, &oracle{})
			chaos(r, &l, begin, begin+45*market.MinuteMs, true)
			l.spec(begin+45*market.MinuteMs, 0)
			lines := coretest.Lines(l.records)
			var all []output
			endState := coretest.Life{To: len(lines)}.Live(t, r, New(l.contract, 0, keep(&all)), lines)
			want := map[string]string{}
			id := func(o output) string { return fmt.Sprint(o.Topic, o.Key, o.Version) }
			for _, o := range all {
				if had, ok := want[id(o)]; ok && had != o.Value {
					t.Fatalf("one run, one version, two values:\n%s\n%s", had, o.Value)
				}
				want[id(o)] = o.Value
			}
			compare := func(what string, outs []output) {
				for _, o := range outs {
					if v, ok := want[id(o)]; ok && v != o.Value {
						t.Fatalf("%s: %s\n got %s\nwant %s", what, id(o), o.Value, v)
					} else if !ok && o.Topic == Ledger {
						t.Fatalf("%s: %s was never in the ledger: %s", what, id(o), o.Value)
					}
				}
			}
			ledger := newest(all, Ledger)
			for round := range 4 {
				// lives that end anywhere and begin again at or before their end, as after kill -9 behind a checkpoint
				var state []byte
				var outs []output
				saved, at := 0, 0
				for at < len(lines) {
					from := saved
					save := min(from+1+r.IntN(len(lines)/2), len(lines))
					next := coretest.Life{From: from, To: save, State: state, Thin: r.IntN(10)}.Live(t, r, New(l.contract, int64(from+r.IntN(50)), keep(&outs)), lines)
					at = min(save+r.IntN(2000), len(lines))
					coretest.Life{From: save, To: at, State: next}.Live(t, r, New(l.contract, int64(save), keep(&outs)), lines) // lost with the kill
					saved, state = save, next
				}
				if saved < len(lines) {
					state = coretest.Life{From: saved, To: len(lines), State: state}.Live(t, r, New(l.contract, int64(saved), keep(&outs)), lines)
				}
				compare(fmt.Sprintf("round %d, checkpoints", round), outs)
				got := newest(outs, Ledger)
				for key, w := range ledger {
					if got[key] != w {
						t.Fatalf("round %d: ledger %s\n got %v\nwant %v", round, key, got[key], w)
					}
				}
				if !bytes.Equal(state, endState) {
					t.Fatalf("round %d: the state at the end is another one", round)
				}
				// and from the log's start, as without a checkpoint
				cut := r.IntN(len(lines))
				var again []output
				coretest.Life{To: len(lines)}.Live(t, r, New(l.contract, int64(cut), keep(&again)), lines)
				compare(fmt.Sprintf("round %d, from the start, live from %d", round, cut), again)
			}
		})
	}
}

func TestBrokenStateIsRefused(t *testing.T) {
	t.Parallel()
	var l scribe
	l.begin("")
	l.minuteBefore(atEleven)
	for i := range int64(1500) {
		l.trade(atEleven+i*20, 714000+i%7, 10, i%2 == 0)
	}
	m := New(l.contract, 0, func(*core.Output) {})
	collect(t, m, l.records)
	state := coretest.State(m)
	for n := 0; n < len(state); n += 1 + n/40 {
		if rest, err := New(l.contract, 0, func(*core.Output) {}).LoadState(state[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken for a state (%d left)", n, len(state), len(rest))
		}
	}
}

func FuzzLog(f *testing.F) { coretest.FuzzLog(f, "*/*.txt", New, func(*testing.T, *Machine) {}) }
