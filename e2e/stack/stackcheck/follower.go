package stackcheck

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/tickcast/tickcast/kafka"
)

// follower reads topics from their beginning to their end, and on from there.
type follower struct {
	*kafka.Reader
	topics  []string
	behind  map[kafka.Partition]bool  // partitions that have not been read to their end
	reached map[kafka.Partition]int64 // ends, behind the markers of transactions
}

func follow(cfg kafka.Config, committed bool, topics []string) (*follower, error) {
	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "stackcheck", Committed: committed, Ends: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	f := &follower{Reader: r, topics: topics, behind: map[kafka.Partition]bool{}, reached: map[kafka.Partition]int64{}}
	from, err := positions(r, topics)
	if err == nil {
		err = r.Assign(from)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	for _, p := range from {
		f.behind[kafka.Partition{Topic: p.Topic, N: p.Partition}] = true
	}
	return f, nil
}

// read gives records to fn until every partition has been read to its end, and then what else comes at once.
func (f *follower) read(ctx context.Context, fn func(*kafka.Record) error) error {
	for {
		if ctx.Err() != nil {
			return fmt.Errorf("read %v: %w", f.topics, context.Cause(ctx))
		}
		rec, err := f.Poll(pollEvery)
		if err != nil {
			return err
		}
		if rec == nil {
			if len(f.behind) == 0 {
				return nil
			}
			continue
		}
		at := kafka.Partition{Topic: rec.Topic, N: rec.Partition}
		if rec.End {
			delete(f.behind, at)
			f.reached[at] = rec.Offset
			continue
		}
		f.behind[at] = true
		if err := fn(rec); err != nil {
			return err
		}
	}
}

// covers says whether the reader of committed records has read its topics to the very end: no transaction is open behind what it has seen. A reader of all records is asked, which
// is told the real ends.
func (f *follower) covers(committed *follower) (bool, error) {
	for _, topic := range committed.topics {
		ranges, err := f.Ranges(topic)
		if err != nil {
			return false, err
		}
		for i, rg := range ranges {
			if committed.reached[kafka.Partition{Topic: topic, N: int32(i)}] < rg.High {
				return false, nil
			}
		}
	}
	return true, nil
}
