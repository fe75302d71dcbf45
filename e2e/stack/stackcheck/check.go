// Package stackcheck compares what Flink has written to Kafka with what compute makes of the same logs: two implementations of one specification.
package stackcheck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// Report is what was compared.
type Report struct {
	Records   int // of the logs
	Ledger    int // entries that the ledger holds, each equal to compute's
	Compacted int // entries of compute's that a newer version of the same candle has replaced in the ledger
	Live      int // keys of push topics whose newest value equals compute's
	Thinned   int // of these, keys whose newest value is compute's of a moment before, since the log ends before its next clock record
	Old       int // records of push topics that came after a newer version of their key: what a restart writes again
}

func (r Report) String() string {
	return fmt.Sprintf("%d records in the logs; ledger: %d entries, %d more compacted; live: %d keys, %d of them thinned, %d old records", r.Records, r.Ledger, r.Compacted, r.Live, r.Thinned, r.Old)
}

// Check waits until the ledger, as committed readers see it, holds exactly what compute makes of the contracts' logs, each key and version once, and the newest value of each live key
// is compute's, but for the compute time; what was left out since the log's last clock record is not missed. What can only get worse ends it at once; what is still missing when ctx ends is named. Nobody may write the contracts' logs meanwhile.
// No contracts means all that the logs hold.
func Check(ctx context.Context, cfg kafka.Config, contracts []string) (Report, error) {
	want, err := compute(ctx, cfg, contracts)
	if err != nil {
		return Report{}, err
	}
	if want.records == 0 {
		return Report{}, fmt.Errorf("the logs hold no record of %s", strings.Join(contracts, ", "))
	}
	c := &comparison{want: want, contracts: contracts, ledger: map[string]map[market.Version]bool{}, live: map[topicKey]state{}}
	ledger, err := follow(cfg, true, []string{catalog.LedgerCandles})
	if err != nil {
		return Report{}, err
	}
	defer ledger.Close()
	live, err := follow(cfg, false, pushed)
	if err != nil {
		return Report{}, err
	}
	defer live.Close()
	for {
		for _, f := range []*follower{ledger, live} {
			if err := f.read(ctx, c.take); err != nil {
				return c.report(), errors.Join(err, errors.Join(c.missing()...))
			}
		}
		if len(c.missing()) == 0 {
			whole, err := live.covers(ledger)
			if err != nil || whole {
				return c.report(), err
			}
		}
		select {
		case <-ctx.Done():
			return c.report(), fmt.Errorf("after waiting for it: %w", errors.Join(c.missing()...))
		case <-time.After(pollEvery):
		}
	}
}

// pushed are the topics of live state that are computed.
var pushed = []string{catalog.PushCandles, catalog.PushClosed, catalog.PushTickers, catalog.PushBBO, catalog.PushBooks}

// comparison is what was read of Flink's outputs so far.
type comparison struct {
	want      *computed
	contracts []string
	ledger    map[string]map[market.Version]bool
	live      map[topicKey]state
	entries   int
	old       int
}

// take compares one record; an error is a difference that no later record mends.
func (c *comparison) take(r *kafka.Record) error {
	id, _, _ := strings.Cut(string(r.Key), "/")
	if !listed(c.contracts, id) {
		return nil
	}
	place := fmt.Sprintf("%s partition %d offset %d, key %s", r.Topic, r.Partition, r.Offset, r.Key)
	v, err := market.ParseVersion(r.Header(catalog.VersionName))
	if err != nil {
		return fmt.Errorf("%s: header %s: %w", place, catalog.VersionName, err)
	}
	value := market.WithoutComputeTime(r.Value)
	if r.Topic == catalog.LedgerCandles {
		key := string(r.Key)
		want, ok := c.want.ledger[key][v]
		switch {
		case !ok:
			return fmt.Errorf("%s: version %v: compute has no such entry: %s", place, v, value)
		case want != value:
			return fmt.Errorf("%s: version %v:\n got %s\nwant %s", place, v, value, want)
		case c.ledger[key][v]:
			return fmt.Errorf("%s: version %v is there twice", place, v)
		}
		if c.ledger[key] == nil {
			c.ledger[key] = map[market.Version]bool{}
		}
		c.ledger[key][v] = true
		c.entries++
		return nil
	}
	at := topicKey{r.Topic, string(r.Key)}
	was, known := c.live[at]
	want, ok := c.want.live[at]
	if !ok {
		return fmt.Errorf("%s: compute has no such key: %s", place, value)
	}
	is, ok := want.find(v)
	switch {
	case want.newest().version.Less(v):
		return fmt.Errorf("%s: version %v is newer than compute's %v: %s", place, v, want.newest().version, value)
	case ok && is != value:
		return fmt.Errorf("%s: version %v:\n got %s\nwant %s", place, v, value, is)
	case known && was.version == v && was.value != value:
		return fmt.Errorf("%s: version %v with two contents:\n%s\n%s", place, v, was.value, value)
	case known && v.Less(was.version):
		c.old++
	case !known || was.version.Less(v):
		c.live[at] = state{v, value}
	}
	return nil
}

// missing names, of what compute has, the first few things that were not found.
func (c *comparison) missing() (errs []error) {
	const shown = 5
	n := 0
	miss := func(format string, args ...any) {
		if n++; n <= shown {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for key, versions := range c.want.ledger {
		for v := range versions {
			if !c.ledger[key][v] && !c.replaced(key, v) {
				miss("the ledger lacks %s version %v", key, v)
			}
		}
	}
	for at, want := range c.want.live {
		got := c.live[at]
		if _, ok := want.find(got.version); !ok {
			miss("%s, key %s: the newest version is %v, compute's is %v", at.topic, at.key, got.version, want.newest().version)
		}
	}
	if n > shown {
		errs = append(errs, fmt.Errorf("and %d more", n-shown))
	}
	return errs
}

// replaced says whether the ledger has a newer version of a candle: compaction may have removed the older one.
func (c *comparison) replaced(key string, v market.Version) bool {
	for have := range c.ledger[key] {
		if v.Less(have) {
			return true
		}
	}
	return false
}

func (c *comparison) report() Report {
	r := Report{Records: c.want.records, Ledger: c.entries, Live: len(c.live), Old: c.old}
	for key, versions := range c.want.ledger {
		for v := range versions {
			if !c.ledger[key][v] && c.replaced(key, v) {
				r.Compacted++
			}
		}
	}
	for at, got := range c.live {
		if got.version != c.want.live[at].newest().version {
			r.Thinned++
		}
	}
	return r
}
