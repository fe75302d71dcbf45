package stackcheck

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/candle"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/compute/orderbook"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// core of compute for one contract's log.
type machine interface {
	Apply(*core.Input) (core.Verdict, error)
}

// state is one version of a key. An empty value clears the key.
type state struct {
	version market.Version
	value   string // without tsc
}

// versions are those of a key since the last clock record: Flink may leave out all but the first while it is behind (flink-sql/README.md, rules 23, 30 and 38), and a log may end there.
type versions []state

func (vs versions) newest() state { return vs[len(vs)-1] }

func (vs versions) find(v market.Version) (value string, ok bool) {
	for i := range vs {
		if vs[i].version == v {
			return vs[i].value, true
		}
	}
	return "", false
}

// topicKey names a key of a topic.
type topicKey struct{ topic, key string }

// computed is what compute makes of the logs.
type computed struct {
	records int
	ledger  map[string]map[market.Version]string // by key
	live    map[topicKey]versions
	changed []topicKey // keys of the record at hand's log with more than one of versions
}

// compute reads the logs of the contracts from Kafka, up to the ends that they have now, and gives each record to compute's cores.
func compute(ctx context.Context, cfg kafka.Config, contracts []string) (*computed, error) {
	c := &computed{ledger: map[string]map[market.Version]string{}, live: map[topicKey]versions{}}
	machines, changed := map[topicKey]machine{}, map[topicKey][]topicKey{}
	var dec market.Decoder
	var rec market.Record
	err := ReadToEnds(ctx, cfg, []string{catalog.MarketTrades, catalog.MarketBooks}, func(r *kafka.Record) error {
		if !listed(contracts, string(r.Key)) {
			return nil
		}
		c.records++
		if err := dec.Decode(r.Value, &rec); err != nil || rec.Contract != string(r.Key) {
			return nil // neither form computes anything from it: it goes to quarantine
		}
		at := topicKey{r.Topic, rec.Contract}
		m := machines[at]
		if m == nil {
			if r.Topic == catalog.MarketTrades {
				m = candle.New(rec.Contract, 0, c.take)
			} else {
				m = orderbook.New(rec.Contract, 0, c.take)
			}
			machines[at] = m
		}
		c.changed = changed[at]
		verdict, _ := m.Apply(&core.Input{Record: &rec, Value: r.Value, AppendMs: r.TimestampMs}) // what makes no sense changes nothing, in both forms
		if verdict == core.Applied && rec.Kind == market.KindClock {
			for _, key := range c.changed {
				c.live[key] = versions{c.live[key].newest()}
			}
			c.changed = c.changed[:0]
		}
		changed[at] = c.changed
		return nil
	})
	return c, err
}

// take keeps one output.
func (c *computed) take(o *core.Output) {
	switch o.Topic {
	case catalog.LedgerCandles:
		key := string(o.Key)
		if c.ledger[key] == nil {
			c.ledger[key] = map[market.Version]string{}
		}
		c.ledger[key][o.Version] = market.WithoutComputeTime(o.Value)
	case catalog.MarketLate: // the log's own records: no version, no state
	default:
		at := topicKey{o.Topic, string(o.Key)}
		vs := c.live[at]
		if len(vs) > 0 && !vs.newest().version.Less(o.Version) {
			return
		}
		if len(vs) == 1 {
			c.changed = append(c.changed, at)
		}
		c.live[at] = append(vs, state{o.Version, market.WithoutComputeTime(o.Value)})
	}
}

func listed(contracts []string, id string) bool {
	return len(contracts) == 0 || slices.Contains(contracts, id)
}

const pollEvery = 200 * time.Millisecond

// ReadToEnds gives every record that topics without transactions hold now to fn, in the order of each partition.
func ReadToEnds(ctx context.Context, cfg kafka.Config, topics []string, fn func(*kafka.Record) error) error {
	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "stackcheck"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer r.Close()
	from, err := positions(r, topics)
	if err != nil {
		return err
	}
	pending, err := kafka.Pending(r, from)
	if err != nil {
		return err
	}
	if err := r.Assign(from); err != nil {
		return err
	}
	for len(pending) > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("read the logs: %w", context.Cause(ctx))
		}
		rec, err := r.Poll(pollEvery)
		if err != nil {
			return err
		}
		if rec == nil {
			continue
		}
		at := kafka.Partition{Topic: rec.Topic, N: rec.Partition}
		end, ok := pending[at]
		if !ok {
			continue // written since
		}
		if err := fn(rec); err != nil {
			return err
		}
		if rec.Offset+1 >= end {
			delete(pending, at)
		}
	}
	return nil
}

// positions are the beginnings of all partitions of topics.
func positions(r *kafka.Reader, topics []string) (from []kafka.Position, err error) {
	for _, topic := range topics {
		ranges, err := r.Ranges(topic)
		if err != nil {
			return nil, err
		}
		for i := range ranges {
			from = append(from, kafka.Position{Topic: topic, Partition: int32(i), Offset: kafka.OffsetStart})
		}
	}
	return from, nil
}
