package matching

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files again")

// TestTranscript plays testdata/transcript.txt: lines that begin with '>' are commands (us kind side id price qty), '#' comments, the others what came of it.
func TestTranscript(t *testing.T) {
	const path = "testdata/transcript.txt"
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.MaxOrders, cfg.MaxLevels, cfg.MaxQty, cfg.MaxPrice = 6, 3, 1000, 10_000
	b := newBook(t, cfg)
	var got strings.Builder
	for line := range strings.Lines(string(want)) {
		switch {
		case line == "\n" || line[0] == '#':
			got.WriteString(line)
		case line[0] == '>':
			got.WriteString(line)
			tell(&got, b.Apply(parse(t, line[1:])), b)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func parse(t *testing.T, line string) (c Command) {
	var kind, side string
	if _, err := fmt.Sscan(line, &c.TimeUs, &kind, &side, &c.ID, &c.Price, &c.Qty); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	for c.Kind = Limit; c.Kind.String() != kind; c.Kind++ {
		if c.Kind > Cancel {
			t.Fatalf("%q: no such kind", line)
		}
	}
	if side == "sell" {
		c.Side = Sell
	}
	return c
}

func tell(w *strings.Builder, o *Outcome, b *Book) {
	fmt.Fprintf(w, "  %d %s", o.Seq, o.Status)
	if o.Status == Rejected {
		fmt.Fprintf(w, ": %s\n", o.Reason)
		return
	}
	fmt.Fprintf(w, ": filled %d, rests %d, cancelled %d\n", o.Filled, o.Rested, o.Killed)
	for _, f := range o.Fills {
		fmt.Fprintf(w, "    fill %d: %d at %d, taker %d (%s), maker %d, of which %d rest\n", f.ID, f.Qty, f.Price, f.Taker, f.TakerSide, f.Maker, f.MakerRests)
	}
	for _, a := range o.Trades {
		fmt.Fprintf(w, "    trade %d: %d at %d, fills %d to %d\n", a.ID, a.Qty, a.Price, a.FirstID, a.LastID)
	}
	for _, l := range o.Levels {
		fmt.Fprintf(w, "    level %s %d: %d\n", l.Side, l.Price, l.Qty)
	}
	fmt.Fprintf(w, "    book %d:", o.UpdateID)
	for i := b.Levels(Buy) - 1; i >= 0; i-- {
		l := b.Level(Buy, i)
		fmt.Fprintf(w, " %dx%d", l.Price, l.Qty)
	}
	w.WriteString(" |")
	for i := range b.Levels(Sell) {
		l := b.Level(Sell, i)
		fmt.Fprintf(w, " %dx%d", l.Price, l.Qty)
	}
	w.WriteString("\n")
}
