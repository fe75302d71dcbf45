package coretest

import (
	"slices"
	"testing"
)

// Events are what will happen in a stage's virtual time, sorted by time.
type Events struct {
	list []event
}

type event struct {
	atMs int64
	do   func()
}

// Add lets something happen at a time, after all that happens then already.
func (e *Events) Add(atMs int64, do func()) {
	i, _ := slices.BinarySearchFunc(e.list, atMs+1, func(e event, at int64) int {
		if e.atMs < at {
			return -1
		}
		return 1
	})
	e.list = slices.Insert(e.list, i, event{atMs, do})
}

// Run lets time pass until a moment: events happen, and the core is woken whenever it wants. settle is called before each step; it carries out what the core
// wants, and returns the core of the process that runs now.
func (e *Events) Run(t *testing.T, nowMs *int64, endMs int64, settle func() Core) {
	t.Helper()
	for steps := 0; *nowMs < endMs; steps++ {
		if steps > 2_000_000 {
			t.Fatal("the feed does not come to rest")
		}
		c := settle()
		if wake := c.Wake(*nowMs); len(e.list) == 0 || wake < e.list[0].atMs {
			*nowMs = wake
			c.Tick(wake)
			continue
		}
		next := e.list[0]
		e.list = e.list[1:]
		*nowMs = next.atMs
		next.do()
	}
	settle()
}
