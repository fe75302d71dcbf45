//go:build linux

package stackbench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestATradeHasArrivedWithTheFirstMessageThatHoldsIt(t *testing.T) {
	from := time.Unix(1000, 0)
	ns := func(ms int64) int64 { return from.UnixNano() + ms*int64(time.Millisecond) }
	trades := [][]meant{{{seq: 4, atNs: ns(-1)}, {seq: 5, atNs: ns(0)}, {seq: 7, atNs: ns(10)}, {seq: 9, atNs: ns(20)}}}
	logged := [][]seen{{{seq: 4, atNs: ns(0)}, {seq: 5, atNs: ns(1)}, {seq: 7, atNs: ns(11)}, {seq: 9, atNs: ns(21)}}}
	pushed := [][]seen{{{seq: 5, atNs: ns(3), computedMs: ns(2) / 1e6}, {seq: 7, atNs: ns(13), computedMs: ns(12) / 1e6}, {seq: 9, atNs: ns(23), computedMs: ns(22) / 1e6}}}
	arrived := [][]seen{{{seq: 7, atNs: ns(14)}}} // it came in the place of 5, and 9 never came
	p := Phase{Staged: true}
	measure(&p, trades, from, from.Add(time.Second), logged, pushed, arrived)
	if p.Trades != 3 || p.Lost != 1 {
		t.Fatalf("%d trades, %d lost; want 3 in the window, 1 lost", p.Trades, p.Lost)
	}
	for i, want := range [stages][2]string{{"1.0", "1.0"}, {"2.5", "2.5"}, {"3.0", "3.0"}, {"4.0", "14.0"}} {
		if got := p.Stages[i].Since; ms(got.at(0)) != want[0] || ms(got.at(1)) != want[1] {
			t.Errorf("%s: %s and %s ms, want %s and %s", p.Stages[i].Name, ms(got.at(0)), ms(got.at(1)), want[0], want[1])
		}
	}
	if own := p.Stages[stageClient].Own; ms(own.at(1)) != "11.0" {
		t.Errorf("from push.candles to the client: %s ms, want 11.0", ms(own.at(1)))
	}
	p = Phase{}
	measure(&p, trades, from, from.Add(time.Second), make([][]seen, 1), make([][]seen, 1), arrived)
	if got := p.Stages[stageClient].Since; p.Trades != 3 || p.Lost != 1 || ms(got.at(0)) != "4.0" || ms(got.at(1)) != "14.0" {
		t.Errorf("without stages: %d trades, %d lost, %s and %s ms", p.Trades, p.Lost, ms(got.at(0)), ms(got.at(1)))
	}
}

func TestComputeTakesTheLogThatIsWritten(t *testing.T) {
	e := newExpectation()
	logs := newLogs(replayPrefix, 3, 1_700_000_000_000, func(l *contractLog) error { return e.take(bytes.Clone(l.value)) })
	const seconds = 130
	if err := writeTrades(logs, seconds*eventRate); err != nil {
		t.Fatal(err)
	}
	if least := len(logs) * seconds; e.written < least {
		t.Fatalf("%d closed candles of %d contracts in %d s, want %d at least", e.written, len(logs), seconds, least)
	}
	got := map[string]ledgerRecord{}
	for k, r := range e.ledger {
		got[k] = r
	}
	if n, why := e.differences(got); n != 0 {
		t.Fatal("differs from itself:", why)
	}
	for k, r := range got {
		r.value = strings.Replace(r.value, `"x":true`, `"x":false`, 1)
		got[k] = r
		break
	}
	got["REPLAY9/1s/0"] = ledgerRecord{}
	if n, why := e.differences(got); n != 2 || len(why) != 2 {
		t.Fatalf("%d differences, want 2: %q", n, why)
	}
}

func TestThePlotIsXML(t *testing.T) {
	var d durations
	for i := range 20_000 {
		d = append(d, int64(time.Millisecond)+int64(i*i))
	}
	r := Result{Phases: []Phase{{Rate: 1000}, {Rate: 1000, Staged: true}, {Rate: 5000, Staged: true}}}
	for i := range r.Phases {
		for j := range r.Phases[i].Stages {
			r.Phases[i].Stages[j].Since = d
		}
	}
	var b bytes.Buffer
	if err := r.Plot(&b); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for x := xml.NewDecoder(&b); ; {
		tok, err := x.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
		}
	}
	if want := 2*stages + 1; lines != want {
		t.Errorf("%d curves, want %d", lines, want)
	}
}
