package bridge

import (
	"fmt"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// router turns Kafka records into MQTT messages. It remembers topic names by key, so that a live record costs one look-up.
type router struct {
	cat    *catalog.Catalog
	topics map[string]map[string]string // Kafka topic, record key, MQTT topic
}

// maxKeys bounds the remembered names per Kafka topic; a catalogue has a few thousand keys.
const maxKeys = 200_000

func newRouter(cat *catalog.Catalog) *router {
	return &router{cat: cat, topics: map[string]map[string]string{}}
}

// message returns what a record means for clients. The slices stay the record's own.
func (r *router) message(rec *kafka.Record) (catalog.Message, error) {
	v, err := market.ParseVersion(rec.Header(catalog.VersionName))
	if err != nil {
		return catalog.Message{}, fmt.Errorf("header ver: %w", err)
	}
	known := r.topics[rec.Topic]
	topic, ok := known[string(rec.Key)]
	if !ok {
		if topic, err = r.cat.MQTTTopic(rec.Topic, rec.Key); err != nil {
			return catalog.Message{}, err
		}
		if known == nil {
			known = map[string]string{}
			r.topics[rec.Topic] = known
		}
		if len(known) < maxKeys {
			known[string(rec.Key)] = topic
		}
	}
	return catalog.Message{Topic: topic, Class: r.cat.Topic(rec.Topic).MQTT.Class, Version: v, Payload: rec.Value}, nil
}
