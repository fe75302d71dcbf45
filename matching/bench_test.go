package matching

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkCommands(b *testing.B) {
	b.Run("flow", func(b *testing.B) {
		p := DefaultFlowParams(1_000_000, 100, 4000)
		f, err := NewFlow(p, 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		record := newBook(b, DefaultConfig())
		commands := make([]Command, 1<<20)
		for i := range commands {
			commands[i] = f.Peek(record)
			record.Apply(commands[i])
			f.Take()
		}
		run(b, commands)
	})
	b.Run("random", func(b *testing.B) {
		g := randomCommands{rnd: rand.New(rand.NewPCG(1, 1)), prices: 1000}
		commands := make([]Command, 1<<20)
		for i := range commands {
			commands[i] = g.next()
		}
		run(b, commands)
	})
	b.Run("draw and match", func(b *testing.B) {
		f, err := NewFlow(DefaultFlowParams(1_000_000, 100, 4000), 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		bk := newBook(b, DefaultConfig())
		b.ReportAllocs()
		for b.Loop() {
			bk.Apply(f.Peek(bk))
			f.Take()
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
	})
}

// run applies the commands over and over, ids and times moved on each time, after a first pass that makes the room.
func run(b *testing.B, commands []Command) {
	bk := newBook(b, DefaultConfig())
	last := commands[len(commands)-1]
	var ids int64
	for _, c := range commands {
		bk.Apply(c)
		ids = max(ids, bk.LastOrderID())
	}
	var idBase, usBase int64
	i := len(commands)
	b.ReportAllocs()
	for b.Loop() {
		if i == len(commands) {
			i, idBase, usBase = 0, idBase+ids, usBase+last.TimeUs
		}
		c := commands[i]
		c.ID += idBase
		c.TimeUs += usBase
		bk.Apply(c)
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
