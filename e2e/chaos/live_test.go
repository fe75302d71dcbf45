package chaos

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

var liveTopics = []string{catalog.PushCandles, catalog.PushClosed, catalog.PushTickers, catalog.PushBBO, catalog.PushBooks}

// awaitEnd waits until topics have not grown for some seconds: a request of a process that stands still may be under way.
func awaitEnd(t *testing.T, brokers string, topics ...string) {
	t.Helper()
	r, err := kafka.NewReader(kafka.Config{Brokers: brokers}, kafka.ReaderOptions{Name: "chaos-end"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var last []kafka.Range
	for still := 0; still < 5; still++ {
		var ends []kafka.Range
		for _, topic := range topics {
			ranges, err := r.Ranges(topic)
			if err != nil {
				t.Fatal(err)
			}
			ends = append(ends, ranges...)
		}
		if !slices.Equal(ends, last) {
			still = 0
		}
		last = ends
		time.Sleep(time.Second)
	}
}

// live is what the topics of full state have: read without waiting for commits, as the bridge does.
type live struct {
	mu      sync.Mutex
	newest  map[kafkaKey]market.Version
	records int
	old     int // records that are not newer than one of their key before
}

type kafkaKey struct{ topic, key string }

func followLive(t *testing.T, brokers string) *live {
	l := &live{newest: map[kafkaKey]market.Version{}}
	rig.Follow(t, brokers, "chaos-live", false, liveTopics, func(rec *kafka.Record) {
		v, err := market.ParseVersion(rec.Header(catalog.VersionName))
		if err != nil {
			t.Errorf("%s/%d@%d: %v", rec.Topic, rec.Partition, rec.Offset, err)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.records++
		k := kafkaKey{rec.Topic, string(rec.Key)}
		if was, ok := l.newest[k]; ok && !was.Less(v) {
			l.old++
			return
		}
		l.newest[k] = v
	})
	return l
}

func (l *live) counts() (records, old int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records, l.old
}

// versions are the newest version of each key of a topic.
func (l *live) versions(topic string) map[string]market.Version {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]market.Version{}
	for k, v := range l.newest {
		if k.topic == topic {
			all[k.key] = v
		}
	}
	return all
}

// ledger is what its committed readers have got.
type ledger struct {
	mu      sync.Mutex
	newest  map[string]market.CandleMessage // by key
	seen    map[string]map[market.Version]bool
	records int
	twice   int
	closed  map[string]int64 // of each contract the newest 1s candle's open time
	faults  []error
}

func followLedger(t *testing.T, brokers string) *ledger {
	l := &ledger{newest: map[string]market.CandleMessage{}, seen: map[string]map[market.Version]bool{}, closed: map[string]int64{}}
	var d market.Decoder
	rig.Follow(t, brokers, "chaos-ledger", true, []string{catalog.LedgerCandles}, func(rec *kafka.Record) {
		var m market.CandleMessage
		v, err := market.ParseVersion(rec.Header(catalog.VersionName))
		if err == nil {
			err = d.DecodeCandle(rec.Value, &m)
		}
		if err == nil && (m.Version() != v || !m.Closed) {
			err = errors.New("version or state is not the candle's")
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil {
			l.faults = append(l.faults, err)
			return
		}
		l.records++
		key := string(rec.Key)
		if l.seen[key] == nil {
			l.seen[key] = map[market.Version]bool{}
		}
		if l.seen[key][v] {
			l.twice++
		}
		l.seen[key][v] = true
		if was, ok := l.newest[key]; !ok || was.Version().Less(v) {
			l.newest[key] = m
		}
		if m.Period == market.Period1s {
			l.closed[m.Contract] = max(l.closed[m.Contract], m.OpenMs)
		}
	})
	return l
}

// reaches says which contract has no 1s candle from a time on that committed readers see.
func (l *ledger) reaches(ms int64, contracts []market.Contract) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range contracts {
		if at := l.closed[c.ID]; at < ms {
			return errors.New("the ledger of " + c.ID + " ends at " + time.UnixMilli(at).UTC().Format("15:04:05"))
		}
	}
	return nil
}

func (l *ledger) report(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.faults {
		t.Errorf("ledger: %v", err)
	}
	if l.twice > 0 {
		t.Errorf("ledger: %d records came twice, with the same key and version", l.twice)
	}
	t.Logf("ledger: %d records of %d candles, %d of them twice; PostgreSQL has the same candles", l.records, len(l.newest), l.twice)
}
