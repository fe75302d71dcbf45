//go:build linux

package edgebench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Class is the first level of the topics that are published on: what an edge may do with their messages.
type Class string

// The classes. Brokers that know none treat them alike.
const (
	Event Class = "event" // every message, or the run is invalid
	State Class = "state" // only the newest of a topic counts: older ones may be left out
	Final Class = "final" // every message, in order
)

// Workload says what is published, and who listens. Fields that a workload has no use for are zero.
type Workload struct {
	Name        string
	Class       Class
	QoS         byte // of publisher and subscribers
	Subscribers int
	Topics      int
	Each        int           // topics of one subscriber
	Payload     int           // bytes
	Rate        int           // deliveries per second to all subscribers; 0: closed loop
	Burst       int           // messages that are published at once
	Outstanding int           // closed loop: messages that not everyone has yet
	Duration    time.Duration // of one measurement
	WarmUp      time.Duration // before it, not measured
	Rounds      int           // measurements in a row
	Stalled     int           // further subscribers that do not read

	measure func(*stream, context.Context, *Result) error
}

// Workloads are the built-in ones, in the order in which they run.
func Workloads() []Workload {
	const second = time.Second
	usual := Workload{Class: Event, Subscribers: 500, Topics: 20, Each: 20, Payload: 256, Duration: 10 * second, WarmUp: 2 * second, Rounds: 1, measure: (*stream).saturated}
	named := func(name string, change func(*Workload)) Workload {
		w := usual
		w.Name = name
		change(&w)
		return w
	}
	return []Workload{
		named("even", func(w *Workload) { w.Rate, w.Burst, w.measure = 50_000, 1, (*stream).scheduled }),
		named("burst", func(w *Workload) { w.Rate, w.Burst, w.measure = 50_000, 20, (*stream).scheduled }),
		named("saturated", func(w *Workload) { w.Outstanding = 50 }),
		named("saturated-qos1", func(w *Workload) { w.Outstanding, w.Class, w.QoS = 50, Final, 1 }),
		named("saturated-state", func(w *Workload) { w.Outstanding, w.Class = 50, State }),
		named("many", func(w *Workload) { w.Outstanding, w.Subscribers, w.Topics, w.Each = 50, 2000, 200, 2 }),
		named("snapshot", func(w *Workload) {
			w.Class, w.Topics, w.Each, w.Rounds, w.Duration, w.WarmUp = State, 1000, 1000, 5, 30*second, 0
			w.measure = (*stream).snapshot
		}),
		named("slow", func(w *Workload) {
			w.Class, w.Subscribers, w.Stalled, w.Rate, w.Burst, w.Rounds, w.Duration, w.WarmUp = State, 100, 20, 400*100, 1, 5, 5*second, second
			w.measure = (*stream).slow
		}),
		named("idle", func(w *Workload) {
			w.Class, w.Subscribers, w.Topics, w.Each, w.Duration, w.WarmUp = State, 5000, 1, 1, 5*second, 0
			w.measure = (*stream).idle
		}),
	}
}

// Names are the names of the built-in workloads.
func Names() (names []string) {
	for _, w := range Workloads() {
		names = append(names, w.Name)
	}
	return names
}

// ByName returns a built-in workload.
func ByName(name string) (Workload, error) {
	all := Workloads()
	if i := slices.IndexFunc(all, func(w Workload) bool { return w.Name == name }); i >= 0 {
		return all[i], nil
	}
	return Workload{}, fmt.Errorf("workload %q: want one of %s", name, strings.Join(Names(), ", "))
}

func (w *Workload) validate() error {
	const mostConnections, mostTopics = 20_000, 10_000
	for _, n := range []struct {
		what          string
		value, lo, hi int
	}{
		{"subscribers", w.Subscribers, 1, mostConnections},
		{"topics", w.Topics, 1, mostTopics},
		{"topics of a subscriber", w.Each, 1, w.Topics},
		{"payload bytes", w.Payload, headerBytes, 60_000},
		{"rounds", w.Rounds, 1, 100},
		{"stalled subscribers", w.Stalled, 0, mostConnections},
		{"outstanding messages", w.Outstanding, 0, 10_000},
		{"messages in a burst", w.Burst, 0, 10_000},
		{"deliveries per second", w.Rate, 0, 10_000_000},
		{"QoS", int(w.QoS), 0, 1},
		{"seconds", int(w.Duration / time.Second), 0, 600},
		{"seconds of warm-up", int(w.WarmUp / time.Second), 0, 60},
	} {
		if n.value < n.lo || n.value > n.hi {
			return fmt.Errorf("workload %s: %s: %d is not within %d and %d", w.Name, n.what, n.value, n.lo, n.hi)
		}
	}
	if w.Class != Event && w.Class != State && w.Class != Final {
		return fmt.Errorf("workload %s: class %q, want event, state or final", w.Name, w.Class)
	}
	if (w.Burst > 0) != (w.Rate > 0) || w.Rate > 0 && w.Outstanding > 0 {
		return fmt.Errorf("workload %s: %d deliveries per second in bursts of %d, %d outstanding: a rate goes with a burst, and neither with a closed loop",
			w.Name, w.Rate, w.Burst, w.Outstanding)
	}
	if w.Duration <= 0 {
		return fmt.Errorf("workload %s: duration %s is not above zero", w.Name, w.Duration)
	}
	if w.Subscribers*w.Each%w.Topics != 0 {
		return fmt.Errorf("workload %s: %d subscribers on %d of %d topics: not the same number on each topic", w.Name, w.Subscribers, w.Each, w.Topics)
	}
	return nil
}

// audience is how many subscribers each topic has.
func (w *Workload) audience() int { return w.Subscribers * w.Each / w.Topics }

func (w *Workload) topic(n int) string { return fmt.Sprintf("%s/bench/%d", w.Class, n) }

// topicsOf returns the topics of a subscriber: neighbours, so that all topics have the same number of subscribers.
func (w *Workload) topicsOf(subscriber int) (names []string) {
	for i := range w.Each {
		names = append(names, w.topic((subscriber*w.Each+i)%w.Topics))
	}
	return names
}
