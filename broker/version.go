package broker

import (
	"cmp"
	"slices"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// rememberedT is how many of a `…/closed` topic's newest candles are remembered with their versions.
const rememberedT = 128

// verdict is what becomes of a message.
type verdict uint8

const (
	refused   verdict = iota // not newer than what is held
	forwarded                // newer, but not the topic's retained value: a revision of an older candle
	retained                 // newer, and the topic's value from now on
)

// versions is the version rule of one topic.
//
// State and event: a message is kept iff its version is greater than the one held.
// Final: the rule holds per t, for the newest 128 t; the retained value is that of the greatest t, whatever its epoch.
// What is older than those 128, or than the first that came, is kept iff its epoch and seq are greater than any that was forgotten, or than the first's: seq
// grows along the contract's log, so a late revision passes and a repetition after a crash does not.
type versions struct {
	held   market.Version
	any    bool             // held is set
	seen   []market.Version // Final: one per t, ascending in t
	forgot market.Version   // Final: greatest (Epoch, Seq) that fell out of seen, or of the first that came
	lost   bool             // forgot is set
}

// offer applies the rule, and remembers the version if it is kept. A clearing message (empty payload) outranks what it clears by epoch and seq alone,
// whatever its t, and holds the greater t from then on, so that an old candle cannot come back after it.
func (r *versions) offer(class catalog.Class, v market.Version, clear bool) verdict {
	if clear {
		return r.offerClear(v)
	}
	if class != catalog.Final {
		if r.any && !r.held.Less(v) {
			return refused
		}
		r.held, r.any = v, true
		return retained
	}
	i, found := slices.BinarySearchFunc(r.seen, v.T, func(s market.Version, t int64) int { return cmp.Compare(s.T, t) })
	switch {
	case found:
		if !r.seen[i].Less(v) {
			return refused
		}
		r.seen[i] = v
	case i == 0 && r.lost && compareRecord(v, r.forgot) <= 0:
		return refused
	case r.any && v.T == r.held.T && !r.held.Less(v): // cleared at this t
		return refused
	default:
		if !r.any { // what is older came before this edge: a bridge that starts reads it out of the log again
			r.forgot, r.lost = v, true
		}
		r.seen = slices.Insert(r.seen, i, v)
		if len(r.seen) > rememberedT {
			if !r.lost || compareRecord(r.seen[0], r.forgot) > 0 {
				r.forgot, r.lost = r.seen[0], true
			}
			r.seen = slices.Delete(r.seen, 0, 1)
		}
	}
	if r.any && v.T < r.held.T {
		return forwarded
	}
	r.held, r.any = v, true
	return retained
}

func (r *versions) offerClear(v market.Version) verdict {
	if r.any && compareRecord(v, r.held) <= 0 {
		return refused
	}
	v.T = max(v.T, r.held.T)
	r.held, r.any = v, true
	if len(r.seen) > 0 {
		if i := len(r.seen) - 1; r.seen[i].T == v.T {
			r.seen[i] = v
		}
	}
	return retained
}

// next returns the version of a message that carries none and comes after all others.
func (r *versions) next() market.Version {
	return market.Version{Epoch: r.held.Epoch, T: r.held.T, Seq: r.held.Seq + 1}
}

// compareRecord orders two versions of one topic by the log record that made them.
func compareRecord(a, b market.Version) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq))
}
