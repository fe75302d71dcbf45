//go:build linux

package edgebench

import "slices"

// tally follows what one subscriber receives of each topic, by the sequence that counts the topic's messages from 0 without holes.
type tally struct {
	next    []int64         // by topic: the sequence after the greatest received
	missing map[int][]int64 // by topic: sequences that were skipped and have not come since, ascending
}

func newTally(topics int) *tally {
	return &tally{next: make([]int64, topics), missing: map[int][]int64{}}
}

// reception is what one message is to its subscriber.
type reception uint8

const (
	fresh     reception = iota // newer than all before
	regressed                  // older than one before, but not had yet
	duplicate                  // had before
)

// take counts a message. skipped is how many of the topic's messages before it have not come.
func (t *tally) take(topic int, seq int64) (r reception, skipped int64) {
	next := t.next[topic]
	if seq >= next {
		t.next[topic] = seq + 1
		if seq > next {
			for s := next; s < seq; s++ {
				t.missing[topic] = append(t.missing[topic], s)
			}
		}
		return fresh, seq - next
	}
	holes := t.missing[topic]
	if i, ok := slices.BinarySearch(holes, seq); ok {
		t.missing[topic] = slices.Delete(holes, i, i+1)
		return regressed, 0
	}
	return duplicate, 0
}

// Counts are the messages of all subscribers.
type Counts struct {
	Deliveries  int64 `json:"deliveries"`  // fresh ones, warm-up included
	Lost        int64 `json:"lost"`        // never came; of the state class what a newer one did not replace
	Conflated   int64 `json:"conflated"`   // state class: left out because a newer one came
	Duplicates  int64 `json:"duplicates"`  // came again
	Regressions int64 `json:"regressions"` // came after a newer one of the same topic
	Foreign     int64 `json:"foreign"`     // not of this run: retained by an earlier one
}
