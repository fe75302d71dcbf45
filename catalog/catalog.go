// Package catalog is the one reader of topics.yaml and contracts.yaml, and the only place that builds or parses a topic name: of Kafka, its keys, and of MQTT.
package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tickcast/tickcast/market"
)

// Names of Kafka topics. Load refuses a catalogue that lacks one of them.
const (
	MarketTrades     = "market.trades"
	MarketBooks      = "market.books"
	MarketQuarantine = "market.quarantine"
	MarketLate       = "market.late"
	PushCandles      = "push.candles"
	PushClosed       = "push.closed"
	PushTickers      = "push.tickers"
	PushBBO          = "push.bbo"
	PushBooks        = "push.books"
	PushStatus       = "push.status"
	PushRounds       = "push.rounds"
	LedgerCandles    = "ledger.candles"
	CheckCandles     = "check.candles"
)

var names = []string{MarketTrades, MarketBooks, MarketQuarantine, MarketLate, PushCandles, PushClosed, PushTickers, PushBBO, PushBooks, PushStatus, PushRounds, LedgerCandles, CheckCandles}

// Form is one of the two ways to run the same roles.
type Form string

// The forms: one process with Kafka inside, or separate roles around a real cluster.
const (
	Embedded Form = "embedded"
	Stack    Form = "stack"
)

// Class says how an edge treats the messages of an MQTT topic.
type Class uint8

// The classes.
const (
	State Class = iota // full state: only the latest counts, slow clients skip
	Event              // every one counts, bounded queue, the oldest is dropped and counted
	Final              // every one is delivered in order (QoS 1), or the client is disconnected
)

func (c Class) String() string { return [...]string{"state", "event", "final"}[c] }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Class) UnmarshalText(name []byte) error {
	i := slices.Index([]string{State.String(), Event.String(), Final.String()}, string(name))
	if i < 0 {
		return fmt.Errorf("%q, want state, event or final", name)
	}
	*c = Class(i)
	return nil
}

// Topic is one Kafka topic in the form that the catalogue was read for.
type Topic struct {
	Name           string
	Partitions     int
	Cleanup        string // delete, compact, or compact,delete
	RetentionMs    int64  // 0: the cluster's default
	RetentionBytes int64  // per partition; 0: unbounded
	SegmentBytes   int64  // 0: the cluster's default
	Delivery       string
	MQTT           *Mapping // nil: does not reach clients

	key   template
	redis template // with '/' for ':'; nil: it is not kept in Redis
}

// Mapping is how a Kafka topic's records reach MQTT clients.
type Mapping struct {
	Class  Class
	QoS    byte
	Retain bool
	Kinds  []string // only records whose header `kind` is one of these reach clients; empty: all

	topic template
}

// Catalog is the catalogue of topics and contracts. It is read-only once made, and safe for any number of goroutines.
type Catalog struct {
	Form      Form
	Topics    []Topic
	Contracts []market.Contract

	byName map[string]*Topic
	byID   map[string]*market.Contract
}

// Topic returns the Kafka topic of that name. Names are the constants above, which Load has checked: another name is a bug of the caller.
func (c *Catalog) Topic(name string) *Topic {
	t := c.byName[name]
	if t == nil {
		panic("catalog: no topic " + name)
	}
	return t
}

// Contract returns the contract of that id, nil if there is none.
func (c *Catalog) Contract(id string) *market.Contract { return c.byID[id] }

// With is the catalogue with other contracts.
func (c *Catalog) With(contracts []market.Contract) *Catalog {
	n := &Catalog{Form: c.Form, Topics: c.Topics, Contracts: contracts, byName: c.byName, byID: map[string]*market.Contract{}}
	for i := range contracts {
		n.byID[contracts[i].ID] = &contracts[i]
	}
	return n
}

// MQTTTopic returns the MQTT topic of a Kafka record, by its topic's template and the fields of its key.
func (c *Catalog) MQTTTopic(kafkaTopic string, key []byte) (string, error) {
	t := c.byName[kafkaTopic]
	if t == nil || t.MQTT == nil {
		return "", fmt.Errorf("topic %q of Kafka does not reach clients", kafkaTopic)
	}
	fields, ok := t.key.parse(string(key))
	if !ok {
		return "", fmt.Errorf("key %.80q does not have the form %s of %s", key, t.key, kafkaTopic)
	}
	return t.MQTT.topic.build(t.key.names(), fields), nil
}

// InRedis returns the Kafka topics whose newest values are kept in Redis.
func (c *Catalog) InRedis() []*Topic {
	var ts []*Topic
	for i := range c.Topics {
		if c.Topics[i].redis != nil {
			ts = append(ts, &c.Topics[i])
		}
	}
	return ts
}

// RedisKey returns the key in Redis of a Kafka record.
func (c *Catalog) RedisKey(kafkaTopic string, key []byte) (string, error) {
	t := c.byName[kafkaTopic]
	if t == nil || t.redis == nil {
		return "", fmt.Errorf("topic %q of Kafka is not kept in Redis", kafkaTopic)
	}
	fields, ok := t.key.parse(string(key))
	if !ok {
		return "", fmt.Errorf("key %.80q does not have the form %s of %s", key, t.key, kafkaTopic)
	}
	return strings.ReplaceAll(t.redis.build(t.key.names(), fields), "/", ":"), nil
}

// Lookup finds the topic of the catalogue that an MQTT topic belongs to; nil if none.
func (c *Catalog) Lookup(mqttTopic string) *Topic {
	for i := range c.Topics {
		t := &c.Topics[i]
		if t.MQTT == nil {
			continue
		}
		if _, ok := t.MQTT.topic.parse(mqttTopic); ok {
			return t
		}
	}
	return nil
}

// Forwards says whether records of this kind reach clients.
func (m *Mapping) Forwards(kind []byte) bool {
	return len(m.Kinds) == 0 || slices.Contains(m.Kinds, string(kind))
}

// ClassOf returns the class of an MQTT topic; false if it is no market topic of the catalogue.
func (c *Catalog) ClassOf(mqttTopic string) (Class, bool) {
	if t := c.Lookup(mqttTopic); t != nil {
		return t.MQTT.Class, true
	}
	return 0, false
}

// ClockRole is what a topic has to do with its contract's clock.
type ClockRole uint8

// The roles. A contract's beat is what comes each second: its 1s candle, or its ticker if it has no 1s candles.
const (
	NoClock     ClockRole = iota
	ClockReport           // status/{contract}/clock
	CandleBeat
	TickerBeat
)

// ContractOf returns the contract that an MQTT topic of a product, or status/{contract}/clock, is about; empty for anything else.
func (c *Catalog) ContractOf(mqttTopic string) (contract string, role ClockRole) {
	t := c.Lookup(mqttTopic)
	if t == nil {
		return "", NoClock
	}
	values, _ := t.MQTT.topic.parse(mqttTopic)
	status := t.Name == PushStatus
	if t.Name == PushTickers {
		role = TickerBeat
	}
	for i, name := range t.MQTT.topic.names() {
		switch {
		case name == "contract", status && name == "scope":
			contract = values[i]
		case status && name == "kind" && values[i] == "clock":
			role = ClockReport
		case t.Name == PushCandles && name == "period" && values[i] == market.Period1s.String():
			role = CandleBeat
		}
	}
	if status && role != ClockReport {
		return "", NoClock
	}
	return contract, role
}

// StatusTopic returns the MQTT topic of a status: scope is a contract or a source.
func (c *Catalog) StatusTopic(scope, kind string) string {
	t := c.Topic(PushStatus)
	return t.MQTT.topic.build([]string{"scope", "kind"}, []string{scope, kind})
}

// CandleKey is the key of push.candles and push.closed.
func CandleKey(contract string, p market.Period) string { return contract + "/" + p.String() }

// ParseCandleKey reads a key of push.candles or push.closed.
func ParseCandleKey(key []byte) (contract string, p market.Period, err error) {
	fields, ok := template{{field: true, text: "contract"}, {field: true, text: "period"}}.parse(string(key))
	if !ok {
		return "", 0, fmt.Errorf("key %.80q is not contract/period", key)
	}
	p, err = market.ParsePeriod(fields[1])
	return fields[0], p, err
}

// LedgerKey is the key of ledger.candles.
func LedgerKey(contract string, p market.Period, openMs int64) string {
	return CandleKey(contract, p) + "/" + strconv.FormatInt(openMs, 10)
}

// TickerKey is the key of push.tickers.
func TickerKey(contract string) string { return contract }

// BBOKey is the key of push.bbo.
func BBOKey(contract string) string { return contract }

// BookKey is the key of push.books.
func BookKey(contract string, resolution market.Unit) string {
	return contract + "/" + resolution.String()
}

// StatusKey is the key of push.status.
func StatusKey(scope, kind string) string { return scope + "/" + kind }

// Pushed returns the Kafka topics whose records reach MQTT clients.
func (c *Catalog) Pushed() []*Topic {
	var ts []*Topic
	for i := range c.Topics {
		if c.Topics[i].MQTT != nil {
			ts = append(ts, &c.Topics[i])
		}
	}
	return ts
}

// Config returns the topic's settings by Kafka's names.
func (t *Topic) Config() map[string]string {
	m := map[string]string{"cleanup.policy": t.Cleanup}
	set := func(key string, v int64) {
		if v > 0 {
			m[key] = strconv.FormatInt(v, 10)
		}
	}
	set("retention.ms", t.RetentionMs)
	set("retention.bytes", t.RetentionBytes)
	set("segment.bytes", t.SegmentBytes)
	if t.Cleanup != "delete" {
		// a reader that starts takes the greatest version of a key; the lag leaves it the records of a crash to compare
		set("min.compaction.lag.ms", 3*market.MinuteMs)
		set("max.compaction.lag.ms", 4*market.MinuteMs)
	}
	return m
}

// Sources returns the venues of the catalogue's contracts, sorted.
func (c *Catalog) Sources() []string {
	var s []string
	for i := range c.Contracts {
		if src := c.Contracts[i].Source; !slices.Contains(s, src) {
			s = append(s, src)
		}
	}
	slices.Sort(s)
	return s
}
