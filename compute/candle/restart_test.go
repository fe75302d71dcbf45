package candle

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

// run is one life of a job: it begins at a record, from scratch or from a saved state, and ends at another. Kafka's timestamp of record i is i.
type run struct {
	from, to int
	startMs  int64
	state    []byte
	thin     int // of ten records
}

func (u run) do(t *testing.T, r *rand.Rand, l *scribe, lines [][]byte) (outs []output, state []byte) {
	t.Helper()
	m := New(l.contract, u.startMs, keep(&outs))
	if u.state != nil {
		if rest, err := m.LoadState(u.state); err != nil || len(rest) != 0 {
			t.Fatalf("load state: %v, %d bytes left", err, len(rest))
		}
	}
	var d market.Decoder
	var rec market.Record
	for i := u.from; i < u.to; i++ {
		if err := d.Decode(lines[i], &rec); err != nil {
			t.Fatal(err)
		}
		if v, err := m.Apply(&core.Input{Record: &rec, Value: lines[i], AppendMs: int64(i), Thin: r.IntN(10) < u.thin}); v == core.Invalid {
			t.Fatalf("%s: %v", lines[i], err)
		}
		if r.IntN(400) == 0 {
			m.PublishAll(0)
		}
	}
	return outs, bytes.Join(m.SaveState(nil), nil)
}

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
			lines := make([][]byte, len(l.records))
			for i := range l.records {
				lines[i] = l.records[i].AppendJSON(nil)
			}
			all, endState := run{to: len(lines)}.do(t, r, &l, lines)
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
					first, next := run{from: from, to: save, startMs: int64(from + r.IntN(50)), state: state, thin: r.IntN(10)}.do(t, r, &l, lines)
					outs = append(outs, first...)
					at = min(save+r.IntN(2000), len(lines))
					lost, _ := run{from: save, to: at, startMs: int64(save), state: next}.do(t, r, &l, lines)
					outs = append(outs, lost...)
					saved, state = save, next
				}
				if saved < len(lines) {
					rest, last := run{from: saved, to: len(lines), startMs: int64(saved), state: state}.do(t, r, &l, lines)
					outs, state = append(outs, rest...), last
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
				again, _ := run{to: len(lines), startMs: int64(cut)}.do(t, r, &l, lines)
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
	state := bytes.Join(m.SaveState(nil), nil)
	for n := 0; n < len(state); n += 1 + n/40 {
		if rest, err := New(l.contract, 0, func(*core.Output) {}).LoadState(state[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken for a state (%d left)", n, len(state), len(rest))
		}
	}
}

// FuzzLog gives any lines to the decoder and the core: no panic, and a state that comes back as it was saved.
func FuzzLog(f *testing.F) {
	files, err := filepath.Glob(coretest.Folder + "/*/*.txt")
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
					if o.Version.T < 0 || len(o.Ver) != market.VersionLen || (len(o.Value) == 0) != (o.Value == nil) {
						t.Fatalf("impossible output %+v", o)
					}
				})
				machines[r.Contract] = m
			}
			m.Apply(&core.Input{Record: &r, Value: line, Thin: thin&(1<<(i%8)) != 0})
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
