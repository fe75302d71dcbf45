package bridge

import (
	"context"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
)

// lane is a part of what is read, with a reader of its own: the driver names all partitions of a reader in each fetch (librdkafka has no fetch sessions, KIP-227), and Kafka looks into each of
// them for each answer. So topics that move together share a lane, and those that move at other times do not.
type lane struct {
	reader kafka.ReaderOptions
	from   []kafka.Position
}

// eventsGatherMs is how long an event may wait for others: each trade is one, and an answer of Kafka for each costs more than all else that is done for it.
const eventsGatherMs = 5

// recordsAhead is how many records that were read wait for the one that forwards.
const recordsAhead = 64

// lanes divides what is to be read: events; order books, which have a job of their own; everything else. The embedded Kafka answers out of the same process, so there one reader is cheaper.
func (b *Bridge) lanes(from []kafka.Position) []lane {
	rest := lane{reader: kafka.ReaderOptions{Name: "bridge"}}
	if b.cat.Form == catalog.Embedded {
		rest.from = from
		return []lane{rest}
	}
	events := lane{reader: kafka.ReaderOptions{Name: "bridge-events", GatherMs: eventsGatherMs}}
	books := lane{reader: kafka.ReaderOptions{Name: "bridge-books"}}
	for _, p := range from {
		l := &rest
		switch {
		case b.cat.Topic(p.Topic).MQTT.Class == catalog.Event:
			l = &events
		case p.Topic == catalog.PushBBO || p.Topic == catalog.PushBooks:
			l = &books
		}
		l.from = append(l.from, p)
	}
	return []lane{events, books, rest}
}

// read hands on what comes in a lane until ctx ends.
func (b *Bridge) read(ctx context.Context, l lane, to chan<- *kafka.Record) error {
	r, err := kafka.NewReader(b.cfg.Kafka, l.reader, b.log)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.Assign(l.from); err != nil {
		return err
	}
	for ctx.Err() == nil {
		rec, err := r.Poll(pollEvery)
		if err != nil {
			return err
		}
		if rec == nil {
			continue
		}
		select {
		case to <- rec:
		case <-ctx.Done():
		}
	}
	return nil
}
