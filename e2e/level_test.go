package e2e

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// sample is a value at a time since the start.
type sample struct {
	at time.Duration
	v  float64
}

// series is what is measured of a process that runs for long.
type series struct {
	name    string
	unit    string
	divide  float64 // to the unit
	percent float64 // by how much the late median may lie above the early one
	slack   float64 // and so much more, in what v is in: a small number moves by whole pieces
	samples []sample
}

// The early and the late window, as parts of the run. All that is kept is kept for a sixth of it. The first third is for what fills up, and each window is two
// whole retentions, because some things saw in that time: the embedded Kafka lets go of the index of segments that it has deleted no sooner.
var earlyWindow, lateWindow = [2]float64{1. / 3, 2. / 3}, [2]float64{2. / 3, 1}

func (s *series) add(at time.Duration, v float64) { s.samples = append(s.samples, sample{at, v}) }

// level says whether the series has stopped growing, and with which numbers.
func (s *series) level(whole time.Duration) (ok bool, verdict string) {
	early, late := s.median(whole, earlyWindow), s.median(whole, lateWindow)
	ok = late <= early*(1+s.percent/100)+s.slack // false for NaN too
	change := "from nothing"
	if early > 0 {
		change = fmt.Sprintf("%+.1f %%", 100*(late/early-1))
	}
	return ok, fmt.Sprintf("%-22s %10.1f -> %10.1f %-4s %s (at most %+g %% and %g)", s.name, early/s.divide, late/s.divide, s.unit, change, s.percent, s.slack/s.divide)
}

// median of the samples in a part of the run; NaN if there is none.
func (s *series) median(whole time.Duration, part [2]float64) float64 {
	var in []float64
	for _, x := range s.samples {
		if f := float64(x.at) / float64(whole); f >= part[0] && f <= part[1] {
			in = append(in, x.v)
		}
	}
	return medianOf(in)
}

func medianOf(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// The judgement itself: what fills up and then saws is level, what goes on growing is not, however slowly beside its size.
func TestLevelTellsALeakFromASaw(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name string
		v    func(minute float64) float64
		want bool
	}{
		{"constant", func(float64) float64 { return 100 }, true},
		{"fills for fifteen minutes", func(m float64) float64 { return 100 * min(m, 15) }, true},
		{"doubles in ten minutes, and again from the beginning", func(m float64) float64 { return 100 + 10*math.Mod(m, 10) }, true},
		{"shrinks", func(m float64) float64 { return 200 - m }, true},
		{"grows by a fifth in the hour", func(m float64) float64 { return 100 + m/3 }, false},
		{"the same on a slope", func(m float64) float64 { return 100 + 10*math.Mod(m, 10) + m/2 }, false},
		{"fills for an hour", func(m float64) float64 { return m }, false},
		{"begins to grow late", func(m float64) float64 { return 100 + max(0, m-40) }, false},
		{"was never measured", nil, false},
	} {
		s := series{name: c.name, divide: 1, percent: 5}
		for at := time.Duration(0); c.v != nil && at <= hour; at += 5 * time.Second {
			s.add(at, c.v(at.Minutes()))
		}
		if ok, verdict := s.level(hour); ok != c.want {
			t.Errorf("%s: level %t, want %t: %s", c.name, ok, c.want, verdict)
		}
	}
}
