package e2e

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// served is a record of push.bbo.
type served struct {
	version market.Version
	value   []byte
}

// logged is a command of a log of books: when it was produced, and the top after it by a book of the test's own.
type logged struct {
	appendMs int64
	best     string
}

// servedBook is what Kafka had of a contract's book.
type servedBook struct {
	tops     []served
	log      map[int64]logged // by the update id with which the command ends
	book     slowBook
	last     int64 // update id of the log's last command
	commands int
	gaps     int
	resynced int // gaps with a snapshot after them
	inGap    bool
}

func (s *servedBook) take(t *testing.T, r *market.Record, appendMs int64) {
	switch r.Kind {
	case market.KindGap:
		if !s.inGap {
			s.gaps++
		}
		s.inGap = true
	case market.KindSnapshot, market.KindDiff:
		s.commands++
		s.last = r.Book.LastID
		if s.inGap && r.Kind == market.KindDiff {
			break // the book is not known
		}
		s.book.take(t, r)
		if _, known := s.log[s.last]; !known { // a snapshot may come again at the same update
			s.log[s.last] = logged{appendMs, s.book.best()}
		}
		if s.inGap && r.Kind == market.KindSnapshot {
			s.inGap = false
			s.resynced++
		}
	}
}

// bookFollower reads the logs of books and push.bbo from their beginning on, as they grow: the embedded Kafka keeps push.bbo for minutes only.
type bookFollower struct {
	t     *testing.T
	mu    sync.Mutex
	books map[string]*servedBook
	news  chan struct{}
}

func followBooks(t *testing.T, brokers string) *bookFollower {
	t.Helper()
	f := &bookFollower{t: t, books: map[string]*servedBook{}, news: make(chan struct{}, 1)}
	rig.Follow(t, brokers, "e2e", false, []string{catalog.MarketBooks, catalog.PushBBO}, f.take)
	return f
}

func (f *bookFollower) take(rec *kafka.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.books[string(rec.Key)]
	if b == nil {
		b = &servedBook{log: map[int64]logged{}}
		f.books[string(rec.Key)] = b
	}
	if rec.Topic == catalog.MarketBooks {
		var m market.Record
		if err := new(market.Decoder).Decode(rec.Value, &m); err != nil {
			f.t.Errorf("%s: %v", rec.Topic, err)
		}
		b.take(f.t, &m, rec.TimestampMs)
	} else {
		v, err := market.ParseVersion(rec.Header(catalog.VersionName))
		if err != nil {
			f.t.Errorf("%s: %v", rec.Topic, err)
		}
		b.tops = append(b.tops, served{v, rec.Value})
	}
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// of returns what there is of a contract's book.
func (f *bookFollower) of(contract string) servedBook {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b := f.books[contract]; b != nil {
		c := *b
		c.tops = slices.Clone(b.tops)
		c.log = maps.Clone(b.log)
		return c
	}
	return servedBook{}
}

func (f *bookFollower) last(contract string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b := f.books[contract]; b != nil {
		return b.last
	}
	return 0
}

// waitFor returns when the log of a contract's book has got to an update.
func (f *bookFollower) waitFor(contract string, update int64, limit time.Duration) {
	f.t.Helper()
	deadline := time.After(limit)
	for {
		last := f.last(contract)
		if last >= update {
			return
		}
		select {
		case <-f.news:
		case <-deadline:
			f.t.Fatalf("the log of %s's book is at update %d after %s, want %d", contract, last, limit, update)
		}
	}
}
