package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// TopicSpec is a topic as it should be. Config has Kafka's own names.
type TopicSpec struct {
	Name       string
	Partitions int
	Config     map[string]string
}

// Difference is one point in which the cluster is not as it should be.
type Difference struct {
	Topic, What, Is, Want string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s is %s, want %s", d.Topic, d.What, d.Is, d.Want)
}

// What a Difference is about, where it is not a topic setting.
const (
	WhatTopic      = "topic"
	WhatPartitions = "partitions"
	WhatReplicas   = "replicas"
)

// ErrPartitions is returned by Apply when a topic has another number of partitions than the catalogue says.
var ErrPartitions = errors.New("the number of partitions of an existing topic is never changed: the order of its keys would break. " +
	"Either set the catalogue to what the topic has, or create a topic of a new name, recalculate into it and switch over")

// Admin makes and compares topics.
type Admin struct {
	cfg Config
	p   *ck.Producer // whose connections the calls use: the driver's own admin client does not say why it has none
	c   *ck.AdminClient
}

// NewAdmin connects to the cluster; it fails if no broker answers within ConnectTimeout or before ctx ends.
func NewAdmin(ctx context.Context, cfg Config) (*Admin, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	settings, err := cfg.base("tickcast-admin", ck.ConfigMap{"go.produce.channel.size": 0, "go.events.channel.size": 100})
	if err != nil {
		return nil, err
	}
	p, err := ck.NewProducer(settings)
	if err != nil {
		return nil, fmt.Errorf("make Kafka admin client: %w", err)
	}
	err = connect(ctx, cfg, p, queued(p))
	var c *ck.AdminClient
	if err == nil {
		c, err = ck.NewAdminClientFromProducer(p)
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return &Admin{cfg: cfg, p: p, c: c}, nil
}

// Close lets go of the connections.
func (a *Admin) Close() {
	a.c.Close()
	a.p.Close()
}

// Check returns what differs between the cluster and the wanted topics, in their order.
func (a *Admin) Check(ctx context.Context, want []TopicSpec) ([]Difference, error) {
	md, err := a.c.GetMetadata(nil, true, int(ConnectTimeout/time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for its topics: %w", err)
	}
	var diffs []Difference
	var present []TopicSpec
	for _, w := range want {
		t, ok := md.Topics[w.Name]
		if !ok {
			diffs = append(diffs, Difference{w.Name, WhatTopic, "absent", "present"})
			continue
		}
		present = append(present, w)
		if n := len(t.Partitions); n != w.Partitions {
			diffs = append(diffs, Difference{w.Name, WhatPartitions, fmt.Sprint(n), fmt.Sprint(w.Partitions)})
		}
		for _, p := range t.Partitions {
			if n := len(p.Replicas); a.cfg.Replication > 0 && n != a.cfg.Replication {
				diffs = append(diffs, Difference{w.Name, WhatReplicas, fmt.Sprint(n), fmt.Sprintf("%d (kafka-reassign-partitions.sh of Kafka changes it)", a.cfg.Replication)})
				break
			}
		}
	}
	if len(present) == 0 {
		return diffs, nil
	}
	resources := make([]ck.ConfigResource, len(present))
	for i, w := range present {
		resources[i] = ck.ConfigResource{Type: ck.ResourceTopic, Name: w.Name}
	}
	results, err := a.c.DescribeConfigs(ctx, resources, ck.SetAdminRequestTimeout(ConnectTimeout))
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for topic settings: %w", err)
	}
	for i, r := range results {
		if r.Error.Code() != ck.ErrNoError {
			return nil, fmt.Errorf("ask Kafka for the settings of %s: %w", r.Name, r.Error)
		}
		for _, key := range slices.Sorted(maps.Keys(present[i].Config)) {
			if is, wanted := r.Config[key].Value, present[i].Config[key]; is != wanted {
				diffs = append(diffs, Difference{r.Name, key, is, wanted})
			}
		}
	}
	return diffs, nil
}

// Apply creates what is absent and sets what differs, and returns what it changed. It refuses, before changing anything, if a topic has another number of partitions.
func (a *Admin) Apply(ctx context.Context, want []TopicSpec, replication int) ([]Difference, error) {
	diffs, err := a.Check(ctx, want)
	if err != nil {
		return nil, err
	}
	var create []ck.TopicSpecification
	alter := map[string][]ck.ConfigEntry{}
	for _, d := range diffs {
		switch d.What {
		case WhatPartitions:
			return nil, fmt.Errorf("%s: %w", d, ErrPartitions)
		case WhatReplicas: // told, not changed: data would move
		case WhatTopic:
			w := want[slices.IndexFunc(want, func(w TopicSpec) bool { return w.Name == d.Topic })]
			create = append(create, ck.TopicSpecification{Topic: w.Name, NumPartitions: w.Partitions, ReplicationFactor: replication, Config: w.Config})
		default:
			alter[d.Topic] = append(alter[d.Topic], ck.ConfigEntry{Name: d.What, Value: d.Want, IncrementalOperation: ck.AlterConfigOpTypeSet})
		}
	}
	if len(create) > 0 {
		results, err := a.c.CreateTopics(ctx, create, ck.SetAdminOperationTimeout(ConnectTimeout))
		if err != nil {
			return nil, fmt.Errorf("create Kafka topics: %w", err)
		}
		for _, r := range results {
			if code := r.Error.Code(); code != ck.ErrNoError && code != ck.ErrTopicAlreadyExists {
				return nil, fmt.Errorf("create Kafka topic %s: %w", r.Topic, r.Error)
			}
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(alter)) {
		results, err := a.c.IncrementalAlterConfigs(ctx, []ck.ConfigResource{{Type: ck.ResourceTopic, Name: topic, Config: alter[topic]}})
		if err != nil {
			return nil, fmt.Errorf("change settings of Kafka topic %s: %w", topic, err)
		}
		for _, r := range results {
			if r.Error.Code() != ck.ErrNoError {
				return nil, fmt.Errorf("change settings of Kafka topic %s: %w", topic, r.Error)
			}
		}
	}
	return diffs, nil
}
