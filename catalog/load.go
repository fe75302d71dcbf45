package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	tickcast "github.com/tickcast/tickcast"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/market"
)

type topicsFile struct {
	Topics []topicEntry `yaml:"topics"`
}

type topicEntry struct {
	Name       string `yaml:"name"`
	Form       Form   `yaml:"form"`
	Key        string `yaml:"key"`
	topicShape `yaml:",inline"`
	Embedded   *topicShape `yaml:"embedded"`
	MQTT       *struct {
		Topic  string   `yaml:"topic"`
		Class  string   `yaml:"class"`
		QoS    byte     `yaml:"qos"`
		Retain bool     `yaml:"retain"`
		Kinds  []string `yaml:"kinds"`
	} `yaml:"mqtt"`
	Redis string `yaml:"redis"`
}

// topicShape is what the embedded form may set otherwise.
type topicShape struct {
	Partitions     int              `yaml:"partitions"`
	Cleanup        string           `yaml:"cleanup"`
	Retention      configs.Duration `yaml:"retention"`
	RetentionBytes configs.Bytes    `yaml:"retention_bytes"`
	SegmentBytes   configs.Bytes    `yaml:"segment_bytes"`
	Delivery       string           `yaml:"delivery"`
}

type contractsFile struct {
	Contracts []contractEntry `yaml:"contracts"`
}

type contractEntry struct {
	ID     string `yaml:"id"`
	Source struct {
		Venue  string `yaml:"venue"`
		Engine bool   `yaml:"engine"`
		Symbol string `yaml:"symbol"`
	} `yaml:"source"`
	Base    string   `yaml:"base"`
	Quote   string   `yaml:"quote"`
	Tick    string   `yaml:"tick"`
	Step    string   `yaml:"step"`
	Books   []string `yaml:"books"`
	Depth   int      `yaml:"depth"`
	Periods []string `yaml:"periods"`
}

// Load reads the catalogue for one form. Empty paths mean the shipped files.
func Load(topicsPath, contractsPath string, form Form) (*Catalog, error) {
	var tf topicsFile
	var err error
	if topicsPath == "" {
		topicsPath = "topics.yaml"
		err = configs.Decode(topicsPath, tickcast.TopicsYAML, &tf)
	} else {
		err = configs.Load(topicsPath, &tf)
	}
	if err != nil {
		return nil, err
	}
	if contractsPath == "" {
		contractsPath = "contracts.yaml"
	}
	var cf contractsFile
	if err := configs.Load(contractsPath, &cf); err != nil {
		return nil, err
	}
	c := &Catalog{Form: form, byName: map[string]*Topic{}, byID: map[string]*market.Contract{}}
	if err := c.addTopics(tf); err != nil {
		return nil, fmt.Errorf("%s: %w", topicsPath, err)
	}
	if err := c.addContracts(cf); err != nil {
		return nil, fmt.Errorf("%s: %w", contractsPath, err)
	}
	return c, nil
}

func (c *Catalog) addTopics(f topicsFile) error {
	seen := map[string]bool{}
	for i, e := range f.Topics {
		if e.Name == "" {
			return fmt.Errorf("topic %d: name is missing", i+1)
		}
		if seen[e.Name] {
			return fmt.Errorf("topic %s: is there twice", e.Name)
		}
		seen[e.Name] = true
		if e.Form != "" && e.Form != Embedded && e.Form != Stack {
			return fmt.Errorf("topic %s: form %q: want embedded or stack", e.Name, e.Form)
		}
		form := c.Form
		if e.Form != "" {
			form = e.Form // what it is elsewhere is of no interest
		}
		t, err := e.topic(form)
		if err != nil {
			return fmt.Errorf("topic %s: %w", e.Name, err)
		}
		if e.Form == "" || e.Form == c.Form {
			c.Topics = append(c.Topics, t)
		}
	}
	for i := range c.Topics {
		t := &c.Topics[i]
		for _, o := range c.Topics[:i] {
			if t.MQTT != nil && o.MQTT != nil && t.MQTT.topic.overlaps(o.MQTT.topic) {
				return fmt.Errorf("topic %s: MQTT topic %s can be the same as %s of %s", t.Name, t.MQTT.topic, o.MQTT.topic, o.Name)
			}
			if t.redis != nil && o.redis != nil && t.redis.overlaps(o.redis) {
				return fmt.Errorf("topic %s: its key in Redis can be the same as that of %s", t.Name, o.Name)
			}
		}
		c.byName[t.Name] = t
	}
	for _, name := range names {
		if !seen[name] {
			return fmt.Errorf("topic %s: is missing", name)
		}
	}
	return nil
}

func (e *topicEntry) topic(form Form) (Topic, error) {
	s := e.topicShape
	if form == Embedded && e.Embedded != nil {
		override(&s, e.Embedded)
	}
	t := Topic{Name: e.Name, Partitions: s.Partitions, Cleanup: s.Cleanup, RetentionMs: s.Retention.D().Milliseconds(),
		RetentionBytes: int64(s.RetentionBytes), SegmentBytes: int64(s.SegmentBytes), Delivery: s.Delivery}
	var err error
	if t.key, err = parseTemplate(e.Key); err != nil {
		return t, fmt.Errorf("key: %w", err)
	}
	switch {
	case s.Partitions < 1 || s.Partitions > 1024:
		return t, fmt.Errorf("partitions: %d, want 1 to 1024", s.Partitions)
	case !slices.Contains([]string{"delete", "compact", "compact,delete"}, s.Cleanup):
		return t, fmt.Errorf("cleanup: %q, want delete, compact or compact,delete", s.Cleanup)
	case form == Embedded && s.Cleanup != "delete":
		return t, fmt.Errorf("embedded.cleanup: %q, but the embedded Kafka must not compact: want delete", s.Cleanup)
	case form == Embedded && s.RetentionBytes == 0:
		return t, errors.New("embedded.retention_bytes: is missing; the embedded Kafka reads every batch at its start")
	case s.Retention < 0:
		return t, fmt.Errorf("retention: %s is negative", s.Retention)
	case !slices.Contains([]string{"at-least-once", "idempotent", "exactly-once"}, s.Delivery):
		return t, fmt.Errorf("delivery: %q, want at-least-once, idempotent or exactly-once", s.Delivery)
	}
	if e.MQTT == nil {
		if e.Redis != "" {
			return t, errors.New("redis: only what reaches clients as a state is kept there")
		}
		return t, nil
	}
	m := &Mapping{QoS: e.MQTT.QoS, Retain: e.MQTT.Retain, Kinds: e.MQTT.Kinds}
	if m.topic, err = parseTemplate(e.MQTT.Topic); err != nil {
		return t, fmt.Errorf("mqtt.topic: %w", err)
	}
	if len(m.topic) == 0 || m.topic[0].field {
		return t, fmt.Errorf("mqtt.topic: %q must begin with a word", e.MQTT.Topic)
	}
	for _, n := range m.topic.names() {
		if !slices.Contains(t.key.names(), n) {
			return t, fmt.Errorf("mqtt.topic: field {%s} is not in the key %q", n, e.Key)
		}
	}
	if err := m.Class.UnmarshalText([]byte(e.MQTT.Class)); err != nil {
		return t, fmt.Errorf("mqtt.class: %w", err)
	}
	if m.QoS > 1 || (m.QoS == 1) != (m.Class == Final) {
		return t, fmt.Errorf("mqtt.qos: %d does not go with class %s: final is 1, the others are 0", m.QoS, m.Class)
	}
	if m.Retain == (m.Class == Event) {
		return t, fmt.Errorf("mqtt.retain: %t does not go with class %s: an event is never retained, the others are", m.Retain, m.Class)
	}
	t.MQTT = m
	if e.Redis == "" {
		return t, nil
	}
	if t.redis, err = parseTemplate(strings.ReplaceAll(e.Redis, ":", "/")); err != nil {
		return t, fmt.Errorf("redis: %w", err)
	}
	if m.Class != State || !t.redis.fills(t.key) {
		return t, fmt.Errorf("redis: %q: want every field of the key %q, of a topic of class state", e.Redis, e.Key)
	}
	return t, nil
}

func override(s, by *topicShape) {
	if by.Partitions != 0 {
		s.Partitions = by.Partitions
	}
	if by.Cleanup != "" {
		s.Cleanup = by.Cleanup
	}
	if by.Retention != 0 {
		s.Retention = by.Retention
	}
	if by.RetentionBytes != 0 {
		s.RetentionBytes = by.RetentionBytes
	}
	if by.SegmentBytes != 0 {
		s.SegmentBytes = by.SegmentBytes
	}
	if by.Delivery != "" {
		s.Delivery = by.Delivery
	}
}

func (c *Catalog) addContracts(f contractsFile) error {
	if len(f.Contracts) == 0 {
		return errors.New("contracts: there is none")
	}
	markets := map[string]string{}
	for i, e := range f.Contracts {
		if e.ID == "" {
			return fmt.Errorf("contract %d: id is missing", i+1)
		}
		m, err := e.contract()
		if err != nil {
			return fmt.Errorf("contract %s: %w", e.ID, err)
		}
		if c.byID[m.ID] != nil {
			return fmt.Errorf("contract %s: is there twice", m.ID)
		}
		if other := markets[m.Source+" "+m.Symbol]; other != "" {
			return fmt.Errorf("contract %s: %s of %s is the market of contract %s already", m.ID, m.Symbol, m.Source, other)
		}
		markets[m.Source+" "+m.Symbol] = m.ID
		c.byID[m.ID] = &m
		c.Contracts = append(c.Contracts, m)
	}
	return nil
}

func (e *contractEntry) contract() (m market.Contract, err error) {
	m = market.Contract{ID: e.ID, Source: e.Source.Venue, Symbol: e.Source.Symbol, Base: e.Base, Quote: e.Quote, Depth: e.Depth}
	if err := market.CheckID(e.ID); err != nil {
		return m, err
	}
	if e.Source.Engine {
		if m.Source != "" {
			return m, errors.New("source: is either a venue or the engine")
		}
		m.Source = "engine"
	} else if !slices.Contains([]string{"binance", "coinbase", "kraken", "okx"}, m.Source) {
		return m, fmt.Errorf("source.venue: %q, want binance, coinbase, kraken or okx", m.Source)
	}
	if m.Symbol == "" || m.Base == "" || m.Quote == "" {
		return m, errors.New("source.symbol, base and quote must be given")
	}
	if m.Tick, err = market.ParseUnit(e.Tick); err != nil {
		return m, fmt.Errorf("tick: %w", err)
	}
	if m.Step, err = market.ParseUnit(e.Step); err != nil {
		return m, fmt.Errorf("step: %w", err)
	}
	for _, s := range e.Books {
		u, err := market.ParseUnit(s)
		if err != nil {
			return m, fmt.Errorf("books: %w", err)
		}
		if size, err := market.Rescale(u.Size, u.Scale, m.Tick.Scale); err != nil || size%m.Tick.Size != 0 {
			return m, fmt.Errorf("books: %q is no multiple of the tick %s", s, m.Tick)
		}
		m.Books = append(m.Books, u)
	}
	if e.Depth < 0 || e.Depth > market.MaxLevels {
		return m, fmt.Errorf("depth: %d, want 0 to %d", e.Depth, market.MaxLevels)
	}
	m.Period = market.Periods()
	if len(e.Periods) > 0 {
		m.Period = nil
		for _, s := range e.Periods {
			p, err := market.ParsePeriod(s)
			if err != nil {
				return m, fmt.Errorf("periods: %w", err)
			}
			m.Period = append(m.Period, p)
		}
		slices.Sort(m.Period)
		m.Period = slices.Compact(m.Period)
	}
	return m, nil
}
