package store

import "time"

// heldAfter is how long records of the ledger may stay behind an open transaction: longer than one lives before Kafka aborts it, which is 15 minutes at most (transaction.max.timeout.ms).
const heldAfter = 20 * time.Minute

// lookEvery is how often the partitions are looked at.
const lookEvery = 10 * time.Second

// held watches one partition for a transaction that nobody ends, behind which a reader of committed records waits for ever. Kafka 4.3 leaves one behind where it writes the markers of a
// transaction while a partition has no leader (KAFKA-20734).
type held struct {
	next  int64     // where reading stood
	since time.Time // since when there is something behind that; zero: there is nothing
	high  int64     // where the log ended then
	told  bool
}

// look takes where reading stands, with transactions' markers, and where the log ends. It says whether the partition is held, and whether that is new.
func (h *held) look(next, high int64, now time.Time) (is, changed bool) {
	was := h.told
	switch {
	case next >= high:
		h.since, h.told = time.Time{}, false
	case next != h.next || h.since.IsZero():
		h.since, h.high, h.told = now, high, false
	default: // a log that did not grow is no sign: Kafka may be away
		h.told = now.Sub(h.since) >= heldAfter && high > h.high
	}
	h.next = next
	return h.told, h.told != was
}

// lookForHeld tells of partitions that are held, and of those that go on.
func (w *worker) lookForHeld(now time.Time) {
	if now.Sub(w.looked) < lookEvery {
		return
	}
	w.looked = now
	for i := range w.places {
		pl := &w.places[i]
		next := max(pl.next, pl.end)
		high, known := w.reader.High(ledger, pl.partition)
		if !known {
			continue
		}
		is, changed := pl.held.look(next, high, now)
		switch {
		case is && changed:
			w.log.Error("nobody ends a transaction of the ledger: candles behind it are not stored; docs/kafka.md tells what to do", "partition", pl.partition, "from", next, "records", high-next, "since", pl.held.since)
		case changed:
			w.log.Info("the ledger goes on behind a transaction that was open", "partition", pl.partition, "from", next)
		}
	}
}
