//go:build linux

package stackbench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Goals of the live path, from when a trade was meant to be written to a message that holds it at a client.
var goals = map[int]struct{ p50, p99 time.Duration }{
	1000: {5 * time.Millisecond, 25 * time.Millisecond},
	5000: {12 * time.Millisecond, 50 * time.Millisecond},
}

// replayGoal is in trades a second, on two cores, with all 16 periods.
const replayGoal = 60_000

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

// Tables writes the result as Markdown.
func (r *Result) Tables(out io.Writer) error {
	var b strings.Builder
	for i := range r.Phases {
		r.Phases[i].table(&b, &r.Options)
	}
	r.costs(&b)
	if r.Replay != nil {
		r.Replay.table(&b)
	}
	fmt.Fprintf(&b, "Load average of the machine before: %s\n", r.Load)
	_, err := io.WriteString(out, b.String())
	return err
}

func (p *Phase) table(b *strings.Builder, o *Options) {
	fmt.Fprintf(b, "%d trades/s over %d contracts for %.0f s, warm (%s at %d trades/s before): ms since a trade was meant to be written", p.Rate, o.Contracts, p.Seconds, o.WarmUp, o.WarmRate)
	stages := p.Stages[stageClient:]
	if p.Staged {
		b.WriteString(", and in brackets of the stage alone; this tool's readers of the stages load the stack, too")
		stages = p.Stages[:]
	}
	b.WriteString("\n\n| | p50 | p99 | p99.9 |\n|---|---|---|---|\n")
	fmt.Fprintf(b, "| handed to Kafka's client (this tool) | %s | %s | %s |\n", ms(p.Late.at(.5)), ms(p.Late.at(.99)), ms(p.Late.at(.999)))
	for _, s := range stages {
		fmt.Fprintf(b, "| %s |", s.Name)
		for _, q := range []float64{.5, .99, .999} {
			fmt.Fprintf(b, " %s", ms(s.Since.at(q)))
			if p.Staged {
				fmt.Fprintf(b, " (%s)", ms(s.Own.at(q)))
			}
			b.WriteString(" |")
		}
		b.WriteByte('\n')
	}
	client := p.Stages[stageClient].Since
	fmt.Fprintf(b, "\n%d trades, %d of them never reached the client; slowest %s ms; the hypervisor gave %.1f %% of the machine's time to others", p.Trades, p.Lost, ms(client.at(1)), 100*p.Stolen)
	if g, ok := goals[p.Rate]; ok && !p.Staged {
		fmt.Fprintf(b, "; goal: p50 %s and p99 %s ms: %s", ms(g.p50), ms(g.p99), verdict(p.Lost == 0 && client.at(.5) <= g.p50 && client.at(.99) <= g.p99))
	}
	b.WriteString("\n\n")
}

func verdict(ok bool) string {
	if ok {
		return "reached"
	}
	return "missed"
}

// costs writes processor time by trade, which a busy machine changes less than times.
func (r *Result) costs(b *strings.Builder) {
	type column struct {
		title  string
		trades int
		usage  []Usage
	}
	var columns []column
	for _, p := range r.Phases {
		if p.Staged {
			continue
		}
		columns = append(columns, column{fmt.Sprintf("%d trades/s", p.Rate), p.Trades, p.CPU})
	}
	if r.Replay != nil {
		columns = append(columns, column{"replay", r.Replay.Trades, r.Replay.CPU})
	}
	cell := map[[2]string]string{}
	var rows []string
	for _, c := range columns {
		for _, u := range c.usage {
			known := false
			for _, row := range rows {
				known = known || row == u.Name
			}
			if !known {
				rows = append(rows, u.Name)
			}
			cell[[2]string{u.Name, c.title}] = fmt.Sprintf("%.0f", 1e6*u.Seconds/float64(max(c.trades, 1)))
		}
	}
	if len(rows) == 0 {
		return
	}
	b.WriteString("Processor time per trade, µs\n\n| |")
	for _, c := range columns {
		fmt.Fprintf(b, " %s |", c.title)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, row := range rows {
		fmt.Fprintf(b, "| %s |", row)
		for _, c := range columns {
			text := cell[[2]string{row, c.title}]
			if text == "" {
				text = "-"
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}

func (r *Replay) table(b *strings.Builder) {
	fmt.Fprintf(b, "Replay of %d trades (%d records) of %d contracts in 16 periods, cold JVMs: %.0f trades/s (%.1f s from the job's RUNNING to the ledger's last record; second half %.0f trades/s); goal: %d trades/s: %s\n",
		r.Trades, r.Records, r.Contracts, r.PerSecond(), r.Seconds, float64(r.Trades)/2/r.SecondHalf, replayGoal, verdict(r.PerSecond() >= replayGoal))
	fmt.Fprintf(b, "Parity: %d closed candles expected of compute's Go core, %d committed in the ledger, %d differences\n", r.Ledger, r.Committed, r.Differences)
	for _, e := range r.Examples {
		fmt.Fprintf(b, "  %s\n", e)
	}
	b.WriteByte('\n')
}

// Err says what makes the result none that counts: trades that never came, or another ledger.
func (r *Result) Err() error {
	for _, p := range r.Phases {
		if p.Lost > 0 {
			return fmt.Errorf("at %d trades/s %d of %d trades never reached the client", p.Rate, p.Lost, p.Trades)
		}
	}
	if r.Replay != nil && r.Replay.Differences > 0 {
		return fmt.Errorf("the replay's ledger differs from compute's in %d candles", r.Replay.Differences)
	}
	if r.Replay != nil && r.Replay.Committed != r.Replay.Ledger {
		return fmt.Errorf("the replay's ledger has %d committed records, compute has %d candles", r.Replay.Committed, r.Replay.Ledger)
	}
	return nil
}
