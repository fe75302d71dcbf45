package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/tickcast/tickcast/catalog"
)

// Round is a record of push.rounds: the offsets, by topic and partition, at which compute began to write every key's full state.
type Round struct {
	Offsets map[string][]int64 `json:"offsets"`
}

// Partition names one partition of a topic.
type Partition struct {
	Topic string
	N     int32
}

// statePoll bounds how late the end of a context is seen while a round is awaited.
const statePoll = 200 * time.Millisecond

// StatePositions says where to begin reading the given topics of full state so that no key's newest one is missed: at the start of compacted topics; in the
// embedded form, where nothing is compacted, at the beginning of compute's last complete round, which it waits for. The reader must have nothing assigned and
// has nothing assigned afterwards.
func StatePositions(ctx context.Context, r *Reader, cat *catalog.Catalog, topics []string, log *slog.Logger) ([]Position, error) {
	var offsets map[string][]int64
	if cat.Form == catalog.Embedded {
		round, err := lastRound(ctx, r, log)
		if err != nil {
			return nil, err
		}
		offsets = round.Offsets
	}
	var ps []Position
	for _, topic := range topics {
		ranges, err := r.Ranges(topic)
		if err != nil {
			return nil, err
		}
		for i := range ranges {
			p := Position{Topic: topic, Partition: int32(i), Offset: OffsetStart}
			if of := offsets[topic]; i < len(of) {
				p.Offset = of[i]
			}
			ps = append(ps, p)
		}
	}
	return ps, nil
}

// Pending returns the end offset, as of now, of each partition that holds records from its position on: who has read up to there has caught up.
func Pending(r *Reader, from []Position) (map[Partition]int64, error) {
	ranges := map[string][]Range{}
	pending := map[Partition]int64{}
	for _, p := range from {
		if ranges[p.Topic] == nil {
			rs, err := r.Ranges(p.Topic)
			if err != nil {
				return nil, err
			}
			ranges[p.Topic] = rs
		}
		if rg := ranges[p.Topic][p.Partition]; rg.High > max(rg.Low, p.Offset) {
			pending[Partition{p.Topic, p.Partition}] = rg.High
		}
	}
	return pending, nil
}

// lastRound returns the newest round whose records are all still there; it waits for the next one while there is none.
func lastRound(ctx context.Context, r *Reader, log *slog.Logger) (Round, error) {
	ranges, err := r.Ranges(catalog.PushRounds)
	if err != nil {
		return Round{}, err
	}
	newest := max(ranges[0].High-1, ranges[0].Low)
	if err := r.Assign([]Position{{Topic: catalog.PushRounds, Offset: newest}}); err != nil {
		return Round{}, err
	}
	waiting := time.Now()
	for ctx.Err() == nil {
		rec, err := r.Poll(statePoll)
		if err != nil {
			return Round{}, err
		}
		if rec == nil {
			if time.Since(waiting) > 5*time.Second {
				waiting = time.Now()
				log.Info("waiting for compute to write its state", "topic", catalog.PushRounds)
			}
			continue
		}
		var rd Round
		if err := json.Unmarshal(rec.Value, &rd); err != nil {
			log.Warn("unreadable round", "topic", rec.Topic, "offset", rec.Offset, "error", err)
			continue
		}
		// asking for offsets while a fetch waits on the same connection would take its 100 ms each time
		if err := r.Assign(nil); err != nil {
			return Round{}, err
		}
		whole, err := rd.whole(r)
		if err != nil {
			return Round{}, err
		}
		if whole {
			return rd, nil
		}
		if err := r.Assign([]Position{{Topic: catalog.PushRounds, Offset: rec.Offset + 1}}); err != nil {
			return Round{}, err
		}
	}
	return Round{}, context.Cause(ctx)
}

// whole says whether nothing of a round has been retained away, or is lost with a Kafka that began anew.
func (rd Round) whole(r *Reader) (bool, error) {
	for topic, offsets := range rd.Offsets {
		ranges, err := r.Ranges(topic)
		if err != nil {
			return false, fmt.Errorf("compare a round with its topics: %w", err)
		}
		for i, at := range offsets {
			if i >= len(ranges) || at < ranges[i].Low || at > ranges[i].High {
				return false, nil
			}
		}
	}
	return true, nil
}
