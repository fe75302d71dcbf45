package orderbook

import (
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/compute/core/coretest"
	"github.com/tickcast/tickcast/market"
)

var scenarios = []struct {
	name, about string
	write       func(*scribe)
}{
	{"steps", "Bids are rounded down and asks up to a step; the quantities of a step are summed; the first three levels are shown.", func(l *scribe) {
		l.usual()
		l.note("One step of 1, of 10; the best at 0.01 stays.")
		l.diff(at0+100, 1, side{9950, 0, 9951, 700}, nil)
		l.note("Moved within a step of 1: seen at 0.01 alone.")
		l.diff(at0+200, 2, side{9901, 0, 9999, 1100}, nil)
		l.note("An ask on a step is not rounded.")
		l.diff(at0+300, 1, nil, side{10000, 5})
		l.note("Beyond what is shown at 0.01 and at 1.")
		l.diff(at0+400, 1, side{8000, 5}, side{20000, 5})
		l.note("What takes its place at 0.01 comes from below.")
		l.diff(at0+500, 1, side{9999, 0, 9998, 0, 9951, 0}, nil)
		l.note("One side is empty.")
		l.diff(at0+600, 1, side{9899, 0, 9000, 0, 8000, 0}, nil)
		l.note("Both are.")
		l.diff(at0+700, 1, nil, side{10000, 0, 10001, 0, 10002, 0, 10100, 0, 10101, 0, 10999, 0, 20000, 0})
		l.note("To take away what is not there changes nothing.")
		l.diff(at0+800, 1, side{9999, 0}, nil)
	}},
	{"slots", "At most one record of a key per 100 ms of event time: the first change at once, the last one with the first record of another slot. The best of both sides at once.", func(l *scribe) {
		l.usual()
		l.diff(at0+10, 1, side{9999, 1001}, nil)
		l.diff(at0+20, 1, side{9999, 1002}, nil)
		l.clock(at0 + 99)
		l.clock(at0 + 100)
		l.note("That was this slot's record.")
		l.diff(at0+150, 1, side{9999, 1003}, nil)
		l.note("With the next command, and in it.")
		l.diff(at0+210, 1, side{9998, 2001}, nil)
		l.note("Changed and changed back: the version is that of the last change.")
		l.diff(at0+220, 1, side{9998, 2002}, nil)
		l.diff(at0+230, 1, side{9998, 2001}, nil)
		l.clock(at0 + 1000)
		l.note("A record that changes nothing: a price twice in one diff.")
		l.diff(at0+1100, 1, side{9998, 1, 9998, 2001}, nil)
	}},
	{"snapshot", "The whole book again: only what differs is a change.", func(l *scribe) {
		l.usual()
		l.note("As it was.")
		l.snapshot(at0+60_000, side{9999, 1000, 9998, 2000, 9950, 500, 9901, 100, 9899, 50, 9000, 7}, side{10001, 1500, 10002, 100, 10100, 300, 10101, 20, 10999, 10})
		l.update++
		l.note("Another one.")
		l.snapshot(at0+61_000, side{9999, 1000, 9998, 2001}, side{10001, 1500, 10002, 100, 10100, 300, 10101, 20, 10999, 10})
	}},
	{"gap-and-hole", "Stale from a gap, a hole in the sequence or a new writer on, until the next snapshot; at once. What comes in between is not applied.", func(l *scribe) {
		l.usual()
		l.gap(at0+100, 5)
		l.quality(at0+100, market.QualityStale)
		l.diff(at0+200, 1, side{9999, 7}, nil)
		l.quality(at0+300, market.QualityOK)
		l.snapshot(at0+301, side{9999, 1000, 9998, 2000, 9950, 500, 9901, 100}, side{10001, 1500})
		l.note("Three records are missing.")
		l.seq += 3
		l.diff(at0+400, 1, side{9999, 7}, nil)
		l.clock(at0 + 500)
		l.note("A hole before a snapshot is none.")
		l.seq++
		l.update++
		l.snapshot(at0+600, side{9999, 1000, 9998, 2000, 9950, 500, 9901, 100}, side{10001, 1501})
		l.note("A new writer; the old one's records are dropped.")
		l.writer = 2
		l.open(at0 + 700)
		l.writer, l.seq = 1, l.seq-1
		l.diff(at0+710, 1, side{9999, 1}, nil)
		l.diff(at0+720, 1, side{9999, 2}, nil)
		l.writer, l.seq = 2, l.seq-1
		l.spec(at0+700, false)
		l.update++
		l.snapshot(at0+800, side{9999, 1000, 9998, 2000, 9950, 500, 9901, 100}, side{10001, 1501})
	}},
	{"quality", "The feed's quality is that of all keys while the book is whole; each change of it is published at once.", func(l *scribe) {
		l.usual()
		l.quality(at0+10, market.QualityStale)
		l.quality(at0+1010, market.QualityStale)
		l.quality(at0+1020, market.QualitySuspect)
		l.diff(at0+1030, 1, side{9999, 7}, nil)
		l.quality(at0+1040, market.QualityOK)
	}},
	{"refused", "A command that makes no sense empties the book, which is stale until the next snapshot.", func(l *scribe) {
		l.usual()
		l.note("Crossed.")
		l.diff(at0+100, 1, side{10001, 1}, nil)
		l.diff(at0+200, 1, side{9999, 7}, nil)
		l.update++
		l.snapshot(at0+300, side{9999, 1000}, side{10001, 1500})
		l.note("Finer than the tick.")
		l.priceScale = 3
		l.diff(at0+400, 1, side{99991, 1}, nil)
		l.note("Zeros are none.")
		l.update++
		l.snapshot(at0+500, side{99990, 1000}, side{100010, 1500})
		l.note("Quantities that cannot be summed: at 0.01 they are apart.")
		l.priceScale = 2
		l.diff(at0+600, 1, side{9998, 9e18, 9997, 9e18}, nil)
	}},
	{"contract", "Nothing before a contract record. A resolution that is new begins with it, one that leaves is cleared.", func(l *scribe) {
		l.open(at0)
		l.snapshot(at0, side{9999, 1000}, side{10001, 1500})
		l.books = []market.Unit{{Size: 1}}
		l.spec(at0, false)
		l.diff(at0+50, 1, side{9999, 1}, nil)
		l.snapshot(at0+100, side{9999, 1000, 9998, 5, 9899, 7, 9789, 8}, side{10001, 1500})
		l.note("Another resolution.")
		l.books = []market.Unit{{Size: 1}, {Scale: 1, Size: 5}}
		l.spec(at0+200, false)
		l.note("Less depth.")
		l.depth = 2
		l.spec(at0+300, false)
		l.note("The same again.")
		l.spec(at0+400, false)
		l.books = l.books[1:]
		l.spec(at0+500, false)
		l.note("Impossible: finer than the tick.")
		l.books = []market.Unit{{Scale: 3, Size: 1}}
		l.spec(at0+600, false)
		l.diff(at0+700, 1, side{9999, 1001}, nil)
	}},
	{"delisted", "Every key is cleared (a value of no bytes). Listed again, it begins with a snapshot.", func(l *scribe) {
		l.usual()
		l.books = l.books[:1]
		l.spec(at0+100, true)
		l.diff(at0+200, 1, side{9999, 1001}, nil)
		l.clock(at0 + 300)
		l.spec(at0+400, false)
		l.diff(at0+500, 1, side{9999, 1001}, nil)
		l.snapshot(at0+600, side{9999, 1001}, side{10001, 1500})
	}},
	{"new-epoch", "A greater epoch is a new beginning: nothing of the old one counts.", func(l *scribe) {
		l.usual()
		old := l.epoch
		l.epoch, l.seq, l.writer = old+60_000, 0, 2
		l.open(at0 + 100)
		l.spec(at0+100, false)
		l.diff(at0+110, 1, side{9999, 1001}, nil)
		l.snapshot(at0+200, side{9999, 1000}, side{10001, 1500})
		l.note("A record of the old epoch.")
		l.epoch = old
		l.gap(at0+300, 1)
	}},
	{"catch-up", "Nothing is written until a record that is not older than the job; that one publishes every key.", func(l *scribe) {
		l.text.Reset()
		l.note("Nothing is written until a record that is not older than the job; that one publishes every key.")
		l.line("start %d", at0+250)
		l.line("at %d", at0)
		l.usual()
		l.diff(at0+100, 1, side{9999, 1001}, nil)
		l.diff(at0+200, 1, side{9000, 8}, nil)
		l.line("at %d", at0+250)
		l.note("It changes nothing: the versions are those of the records before.")
		l.clock(at0 + 250)
		l.diff(at0+260, 1, side{9999, 1002}, nil)
	}},
}

func machineOf(contract string, startMs int64, emit func(*core.Output)) coretest.Machine {
	return New(contract, startMs, emit)
}

func TestGoldenFiles(t *testing.T) {
	set := coretest.Set{Folder: "books", Topics: []string{Tops, Books}, New: machineOf}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var l scribe
			l.begin(s.about)
			s.write(&l)
			set.Check(t, s.name, l.text.String())
		})
	}
}
