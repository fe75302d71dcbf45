package kafka_test

import (
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/kafkatest"
)

// A reader of committed records ends where an open transaction begins, and sees that the log goes on there: who waits for the ledger is told of a transaction that nobody ends by that.
func TestTheEndOfCommittedRecordsAndOfTheLog(t *testing.T) {
	t.Parallel()
	cfg, _ := kafkatest.Start(t, "")
	topic := "ledger"
	kafkatest.Apply(t, cfg, kafka.TopicSpec{Name: topic, Partitions: 1, Config: map[string]string{"cleanup.policy": "delete"}})
	produce(t, cfg, topic, 0, 5)
	p, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": cfg.Brokers, "transactional.id": "test", "go.delivery.reports": false, "enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.InitTransactions(t.Context()))
	must(p.BeginTransaction())
	must(p.Produce(&ck.Message{TopicPartition: ck.TopicPartition{Topic: &topic, Partition: 0}, Value: []byte("open")}, nil))
	if left := p.Flush(10_000); left > 0 {
		t.Fatalf("%d records are not written", left)
	}

	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "test", Committed: true, Ends: true}, quiet)
	must(err)
	defer r.Close()
	must(r.Assign([]kafka.Position{{Topic: topic, Offset: kafka.OffsetStart}}))
	end := func() int64 {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
			rec, err := r.Poll(time.Second)
			must(err)
			if rec != nil && rec.End {
				return rec.Offset
			}
		}
		t.Fatal("no end came")
		return 0
	}
	at := end()
	if high, known := r.High(topic, 0); at != 5 || !known || high != 6 {
		t.Errorf("committed records end at %d, want 5; the log at %d (%t), want 6", at, high, known)
	}
	must(p.AbortTransaction(t.Context()))
	at = end()
	if high, known := r.High(topic, 0); at != 7 || !known || high != 7 { // one for the marker
		t.Errorf("after the transaction's end committed records end at %d and the log at %d (%t), want 7", at, high, known)
	}
}
