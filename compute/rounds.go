package compute

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// recordOverhead is about what Kafka stores of a record beside its key and value: headers, and often a batch of its own.
const recordOverhead = 160

const (
	askLimit   = time.Second // for one answer: nothing is computed meanwhile
	retryRound = time.Second
)

// rounds says when every key's full state is due again in the topics that are bounded by time and bytes. It counts bytes per partition since the last round
// began. The next one is due at a third of the bound: then that round and this one are there together, whatever happens in between.
type rounds struct {
	every  time.Duration // 0: never, the topics are compacted
	next   time.Time
	topics map[string]*pushedTopic
	full   bool // some partition has reached its third
}

type pushedTopic struct {
	bound   int64 // bytes per partition
	written []int64
	due     []int64
}

func newRounds(cat *catalog.Catalog, every time.Duration) rounds {
	r := rounds{topics: map[string]*pushedTopic{}}
	if cat.Form != catalog.Embedded {
		return r
	}
	r.every = every
	for _, p := range products {
		for _, name := range p.pushed {
			t := cat.Topic(name)
			if third := time.Duration(t.RetentionMs/3) * time.Millisecond; every == 0 && (r.every == 0 || third < r.every) {
				r.every = third
			}
			k := &pushedTopic{bound: t.RetentionBytes, written: make([]int64, t.Partitions), due: make([]int64, t.Partitions)}
			for i := range k.due {
				k.due[i] = k.bound / 3
			}
			r.topics[name] = k
		}
	}
	return r
}

// count notes an output.
func (r *rounds) count(o *core.Output) {
	t := r.topics[o.Topic]
	if t == nil {
		return
	}
	i := kafka.PartitionOf(o.Key, len(t.written))
	t.written[i] += int64(len(o.Key)+len(o.Value)) + recordOverhead
	r.full = r.full || t.written[i] >= t.due[i]
}

// begin starts counting anew.
func (r *rounds) begin() {
	r.full = false
	for _, t := range r.topics {
		clear(t.written)
	}
}

// end sets when the next round is due by bytes. A round that takes more than a third itself is given half as much again; one that a partition cannot hold
// beside its successor is named.
func (r *rounds) end() (tooLarge string) {
	r.full = false
	for name, t := range r.topics {
		for i, size := range t.written {
			t.due[i] = max(t.bound/3, size*3/2)
			if size*5/2 > t.bound {
				tooLarge = name
			}
		}
	}
	return tooLarge
}

// roundIfDue writes the full state of every key, and then where a reader finds it, to push.rounds.
func (w *worker) roundIfDue(now time.Time) error {
	r := &w.rounds
	if r.every == 0 || now.Before(r.next) && !r.full {
		return nil
	}
	r.next = now.Add(r.every)
	offsets := map[string][]int64{}
	for topic := range r.topics {
		ranges, err := w.producer.Ranges(topic, askLimit) // what is queued lies behind: reading may begin before the round, never after
		if kafka.Unreachable(err) {
			w.log.Warn("Kafka does not say where its topics end; the round comes later", "topic", topic, "error", err)
			r.next = time.Now().Add(retryRound)
			r.full = false
			return nil
		}
		if err != nil {
			return err
		}
		for _, rg := range ranges {
			offsets[topic] = append(offsets[topic], rg.High)
		}
	}
	asked := time.Since(now)
	r.begin()
	for _, l := range w.logs {
		for _, id := range slices.Sorted(maps.Keys(l.machines)) {
			l.machines[id].PublishAll(now.UnixMilli())
		}
	}
	if w.writeErr != nil {
		return w.writeErr
	}
	if topic := r.end(); topic != "" && w.mayWarn(now) {
		w.log.Warn("the state of all keys hardly fits a topic's retention_bytes; a bridge that starts may have to wait", "topic", topic)
	}
	if !w.flush("round") {
		r.next = now.Add(retryRound)
		return nil
	}
	value, err := json.Marshal(struct {
		SV      int                `json:"sv"`
		TS      int64              `json:"ts"`
		Offsets map[string][]int64 `json:"offsets"`
	}{market.SchemaVersion, now.UnixMilli(), offsets})
	if err != nil {
		return err
	}
	w.done.rounds.Add(1)
	w.log.Debug("round", "offsets_took", asked.Round(time.Microsecond), "took", time.Since(now).Round(time.Microsecond))
	return w.producer.Produce(w.writing, catalog.PushRounds, nil, value)
}
