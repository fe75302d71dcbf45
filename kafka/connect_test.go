package kafka

import (
	"testing"
	"testing/synctest"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// slow is a cluster that needs so long for each answer, which is lost if the question has ended by then.
type slow time.Duration

func (s slow) GetMetadata(_ *string, _ bool, timeoutMs int) (*ck.Metadata, error) {
	if limit := time.Duration(timeoutMs) * time.Millisecond; limit < time.Duration(s) {
		time.Sleep(limit)
		return nil, ck.NewError(ck.ErrTimedOut, "", false)
	}
	time.Sleep(time.Duration(s))
	return &ck.Metadata{}, nil
}

func (slow) QueryWatermarkOffsets(string, int32, int) (low, high int64, err error) { return 0, 0, nil }

func TestASlowClusterIsConnectedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, took := range []time.Duration{time.Millisecond, 300 * time.Millisecond, askMost} {
			if err := connect(t.Context(), Config{Brokers: "a:1"}, slow(took), func() ck.Event { return nil }); err != nil {
				t.Errorf("a cluster that answers after %s: %v", took, err)
			}
		}
	})
}
