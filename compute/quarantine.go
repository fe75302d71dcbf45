package compute

import (
	"bytes"
	"fmt"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

const (
	quarantineSource = "compute"
	keptPerSecond    = 100 // a broken log must not fill the disk; all are counted. Flink's functions keep as many
)

// quarantine keeps records apart that cannot be used.
type quarantine struct {
	second int64
	kept   int // in that second
	left   int // that were too many
}

// poison counts a record that cannot be used, keeps it in the topic of quarantine and passes over it. reason is invalid (the state of its contract refuses it) or unreadable.
func (w *worker) poison(rec *kafka.Record, reason string, problem error, now time.Time) error {
	n := w.done.poison.Add(1)
	if w.mayWarn(now) {
		w.log.Error("record cannot be used, it is kept in quarantine", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", problem, "so_far", n)
	}
	k := &w.apart
	if s := now.Unix(); s != k.second {
		if k.left > 0 {
			w.log.Warn("quarantine was full: records were not kept", "topic", rec.Topic, "records", k.left)
		}
		*k = quarantine{second: s}
	}
	if k.kept++; k.kept > keptPerSecond {
		k.left++
		return nil
	}
	q := market.Quarantined{Source: quarantineSource, Contract: string(bytes.ToValidUTF8(rec.Key, []byte("?"))), ReceivedMs: rec.TimestampMs, Reason: reason, Detail: problem.Error(),
		Channel: fmt.Sprintf("%s partition %d offset %d", rec.Topic, rec.Partition, rec.Offset), Raw: rec.Value}
	if len(q.Raw) > market.MaxRaw {
		q.Raw, q.Truncated = q.Raw[:market.MaxRaw], true
	}
	b, err := q.JSON()
	if err != nil {
		return err
	}
	return w.producer.Produce(w.writing, catalog.MarketQuarantine, []byte(q.Source), b)
}
