package bridge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// Where no contract of a partition moves, the partition is named; and the reason says on which side of the log the beat is missing.
func TestAPartitionThatStandsStillIsNamedWithItsSide(t *testing.T) {
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_795_000_000_000)
	w := newClockWatch(cat, now)
	beat := func(contract string) {
		w.beat(catalog.PushCandles, []byte(contract+"/1s"), []byte(`{}`), true, now)
	}
	for i := range cat.Contracts {
		beat(cat.Contracts[i].ID)
	}
	lone := cat.Contracts[0].ID
	now = now.Add(2 * time.Second)
	for i := range cat.Contracts[1:] {
		beat(cat.Contracts[i+1].ID)
	}
	w.record([]byte(lone), now)
	now = now.Add(1500 * time.Millisecond)
	ms := w.silent(now)
	if len(ms) != 1 || !strings.Contains(string(ms[0].Payload), `"reason":"no 1s candle for 3 s, but its log's clock moves: what computes it stands still"`) {
		t.Fatalf("silent: %d, %s", len(ms), ms)
	}
	st := w.stand(now)
	if len(st) != 1 || !slices.Equal(st[0].contracts, []string{lone}) || !st[0].logMoves {
		t.Errorf("standing: %+v", st)
	}
	now = now.Add(market.ClockLimit)
	if ms := w.silent(now); len(ms) != len(cat.Contracts)-1 || !strings.Contains(string(ms[0].Payload), "and no clock record in its log") {
		t.Errorf("silent: %d, %s", len(ms), ms)
	}
	all := 0
	for _, s := range w.stand(now) {
		if len(s.contracts) != s.all || s.logMoves {
			t.Errorf("standing: %+v", s)
		}
		all += s.all
	}
	if all != len(cat.Contracts) {
		t.Errorf("%d contracts stand still, want %d", all, len(cat.Contracts))
	}
	beat(lone)
	if !slices.Equal(w.again, []string{lone}) {
		t.Errorf("again: %v", w.again)
	}
}
