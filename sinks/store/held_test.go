package store

import (
	"testing"
	"time"
)

func TestAPartitionBehindATransactionThatNobodyEndsIsToldOf(t *testing.T) {
	t.Parallel()
	var h held
	now := time.Unix(0, 0)
	for i, step := range []struct {
		after      time.Duration
		next, high int64
		is, told   bool
	}{
		{0, 10, 10, false, false},
		{time.Hour, 10, 10, false, false},             // a silent market
		{time.Hour, 10, 12, false, false},             // a transaction begins
		{heldAfter - 1, 10, 20, false, false},         // a long one, which grows
		{0, 15, 20, false, false},                     // it has ended, the next is open
		{heldAfter - 1, 15, 20, false, false},         //
		{1, 15, 20, false, false},                     // or Kafka is away
		{0, 15, 21, true, true},                       // nobody ends it
		{lookEvery, 15, 30, true, false},              // told once
		{lookEvery, 30, 40, false, true},              // a person has ended it
		{heldAfter, 30, 41, true, true},               // another
		{lookEvery, 41, 41, false, true},              //
		{heldAfter + time.Hour, 41, 42, false, false}, // what was before does not count
	} {
		now = now.Add(step.after)
		if is, changed := h.look(step.next, step.high, now); is != step.is || changed != step.told {
			t.Errorf("step %d: held %t, told %t; want %t, %t", i, is, changed, step.is, step.told)
		}
	}
}
