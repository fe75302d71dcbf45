//go:build linux

package stackbench

import (
	"slices"
	"time"
)

// durations are sorted latencies.
type durations []int64 // ns

func (d durations) at(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return time.Duration(d[int(q*float64(len(d)-1))])
}

// Stage is a part of the way of a trade, or all of it up to a place.
type Stage struct {
	Name  string
	Since durations // from when the trade was meant to be written to the end of the stage
	Own   durations // of the stage alone
}

// The stages, in the order of the way.
const (
	stageLog = iota
	stageComputed
	stagePushed
	stageClient
	stages
)

var stageNames = [stages]string{"in market.trades", "computed by Flink", "in push.candles", "at the MQTT client"}

// Phase is a measurement at one rate.
type Phase struct {
	Rate    int
	Staged  bool // the tool read what is between, too, which costs the stack as much as two more consumers; else only the client is measured
	Seconds float64
	Trades  int
	Lost    int // trades that no message held at the client
	Late    durations
	Stages  [stages]Stage
	CPU     []Usage
	Stolen  float64 // share of the machine's time that its hypervisor gave to others
}

// finder walks along what was seen of one contract, whose sequence numbers rise.
type finder struct {
	seen []seen
	next int
}

// holding returns the first that holds the trade.
func (f *finder) holding(seq int64) (seen, bool) {
	for f.next < len(f.seen) && f.seen[f.next].seq < seq {
		f.next++
	}
	if f.next == len(f.seen) {
		return seen{}, false
	}
	return f.seen[f.next], true
}

// measure joins the trades that were meant between two times with what was seen of them; of a phase without stages, logged and pushed are not looked at. Of each contract all are in the order of its log.
func measure(p *Phase, trades [][]meant, from, to time.Time, logged, pushed, arrived [][]seen) {
	for i := range p.Stages {
		p.Stages[i].Name = stageNames[i]
	}
	for k := range trades {
		l, c, a := finder{seen: logged[k]}, finder{seen: pushed[k]}, finder{seen: arrived[k]}
		for _, t := range trades[k] {
			if t.atNs < from.UnixNano() || t.atNs >= to.UnixNano() {
				continue
			}
			p.Trades++
			inLog, ok1 := l.holding(t.seq)
			inPush, ok2 := c.holding(t.seq)
			atClient, ok3 := a.holding(t.seq)
			if !ok3 || p.Staged && !(ok1 && ok2) {
				p.Lost++
				continue
			}
			p.Late = append(p.Late, t.lateNs)
			if !p.Staged {
				p.Stages[stageClient].Since = append(p.Stages[stageClient].Since, max(0, atClient.atNs-t.atNs))
				continue
			}
			before := t.atNs
			const halfMs = int64(time.Millisecond / 2) // tsc is in whole ms, rounded down
			for i, at := range [stages]int64{inLog.atNs, inPush.computedMs*int64(time.Millisecond) + halfMs, inPush.atNs, atClient.atNs} {
				p.Stages[i].Since = append(p.Stages[i].Since, max(0, at-t.atNs))
				p.Stages[i].Own = append(p.Stages[i].Own, max(0, at-before))
				before = at
			}
		}
	}
	slices.Sort(p.Late)
	for i := range p.Stages {
		slices.Sort(p.Stages[i].Since)
		slices.Sort(p.Stages[i].Own)
	}
}
