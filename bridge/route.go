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

// message returns what a record means for clients; forwards is false if its kind is not for them. The slices stay the record's own.
func (r *router) message(rec *kafka.Record) (m catalog.Message, forwards bool, err error) {
	mapping := r.cat.Topic(rec.Topic).MQTT
	if !mapping.Forwards(rec.Header(catalog.KindName)) {
		return m, false, nil
	}
	v, err := market.ParseVersion(rec.Header(catalog.VersionName))
	if err != nil {
		return m, true, fmt.Errorf("header ver: %w", err)
	}
	known := r.topics[rec.Topic]
	topic, ok := known[string(rec.Key)]
	if !ok {
		if topic, err = r.cat.MQTTTopic(rec.Topic, rec.Key); err != nil {
			return m, true, err
		}
		if known == nil {
			known = map[string]string{}
			r.topics[rec.Topic] = known
		}
		if len(known) < maxKeys {
			known[string(rec.Key)] = topic
		}
	}
	return catalog.Message{Topic: topic, Class: mapping.Class, Version: v, Payload: rec.Value}, true, nil
}
