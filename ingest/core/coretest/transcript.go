// Package coretest tests a core of ingest with transcripts, and with worlds of random faults in virtual time.
package coretest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// BaseMs is when a transcript begins: 2020-01-02T15:10:00Z.
const BaseMs = 1577977800000

// Stage is a core between a scripted exchange and a log.
type Stage struct {
	NowMs    int64
	Contract market.Contract
	Log      []market.Record
	Said     []string // what the core caused, a line each
}

// NewStage begins at BaseMs without a log.
func NewStage() Stage {
	return Stage{NowMs: BaseMs, Contract: market.Contract{ID: "BTCUSDT", Source: "binance", Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT", Tick: market.Unit{Scale: 2, Size: 1}}}
}

// Writer is the id of a writer that takes the log over.
func (s *Stage) Writer() int64 {
	id := s.NowMs
	for i := range s.Log {
		id = max(id, s.Log[i].Writer+1)
	}
	return id
}

// Core is what lets time pass for a core.
type Core interface {
	Wake(nowMs int64) int64
	Tick(nowMs int64)
}

// Until lets time pass up to a moment as Seconds reads it; the core is woken whenever it wants. take is called after each time.
func (s *Stage) Until(text string, c Core, take func()) error {
	end, err := Seconds(text)
	for err == nil {
		at := c.Wake(s.NowMs)
		s.NowMs = min(at, end)
		c.Tick(s.NowMs)
		take()
		if at > end {
			return nil
		}
	}
	return err
}

// Sayf adds a line to what the core caused.
func (s *Stage) Sayf(format string, args ...any) {
	s.Said = append(s.Said, fmt.Sprintf(format, args...))
}

// Record keeps a record and says what describe adds to what all have.
func (s *Stage) Record(r *market.Record, more string) {
	s.Log = append(s.Log, *r)
	switch r.Kind {
	case market.KindGap:
		more = fmt.Sprintf(" %d..%d", r.GapFrom, r.GapTo)
	case market.KindOpen:
		more = fmt.Sprintf(" epoch=%s writer=%s", When(r.Epoch), When(r.Writer))
	}
	s.Sayf("log %d %s %s %s%s", r.Seq, r.Kind, When(r.EventMs), r.Quality, more)
}

// Reports says what is reported beside the log.
func (s *Stage) Reports(e *core.Effects) {
	for _, q := range e.Quarantined {
		s.Sayf("quarantine %s %s: %s", q.Channel, q.Reason, q.Detail)
	}
	for _, st := range e.Statuses {
		missing := "?"
		if st.Missing >= 0 {
			missing = strconv.FormatInt(st.Missing, 10)
		}
		s.Said = append(s.Said, strings.TrimSpace(fmt.Sprintf("status %s %s last=%d missing=%s %s", st.State, st.Quality, st.LastID, missing, st.Reason)))
	}
	for _, n := range e.Notes {
		s.Sayf("note %s", n.Text)
	}
}

// Tail is the newest lines that were said.
func (s *Stage) Tail() (text string) {
	for _, line := range s.Said[max(0, len(s.Said)-30):] {
		text += "  " + line + "\n"
	}
	return text
}

// Transcripts plays the transcripts in testdata, each on a stage of its own: do carries out one command, and said has what it caused. A transcript is a text
// of commands (at the margin) and what they caused (indented). Times are seconds after BaseMs, by our clock and the source's, unless a frame says otherwise.
func Transcripts(t *testing.T, stage func() (s *Stage, do func(words []string) error)) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, do := stage()
			var got strings.Builder
			for n, line := range strings.Split(strings.TrimRight(string(old), "\n"), "\n") {
				if strings.HasPrefix(line, "  ") {
					continue
				}
				got.WriteString(line + "\n")
				if line == "" || line[0] == '#' {
					continue
				}
				if err := do(strings.Fields(line)); err != nil {
					t.Fatalf("%s:%d: %v\n%s", file, n+1, err, got.String())
				}
				for _, said := range s.Said {
					got.WriteString("  " + said + "\n")
				}
				s.Said = nil
			}
			switch {
			case *update:
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			case got.String() != string(old):
				t.Errorf("%s differs (rewrite it with -update and look at the difference):\n%s", file, firstDifference(string(old), got.String()))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < max(len(w), len(g)); i++ {
		a, b := "(end)", "(end)"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n want %s\n  got %s", i+1, a, b)
		}
	}
	return ""
}

// Seconds reads "1.25" as milliseconds after BaseMs.
func Seconds(s string) (int64, error) {
	v, err := strconv.ParseFloat(s, 64)
	return BaseMs + int64(v*1000+0.5), err
}

// Number reads a whole number; what is none is a mistake in the transcript.
func Number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// When prints a time as seconds after BaseMs, far ones in full.
func When(ms int64) string {
	if d := ms - BaseMs; d > -1e6 && d < 1e6 {
		return strconv.FormatFloat(float64(d)/1000, 'f', 3, 64)
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}
