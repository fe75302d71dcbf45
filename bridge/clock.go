package bridge

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// clockWatch knows of each contract when its clock last moved, and makes `status/{contract}/clock`, which is the bridge's own. It has no clock of its own.
type clockWatch struct {
	cat     *catalog.Catalog
	byID    map[string]*watched
	feeds   map[string]*watched // by the key of its feed's status
	order   []*watched
	counter int64
	again   []string // contracts whose clock moves again, since it was last asked
}

type watched struct {
	contract *market.Contract
	beat     string    // the Kafka topic that moves with its clock
	name     string    // of the beat, for a person
	seen     time.Time // when the last beat came; or when the watch began
	moved    bool
	live     bool
	told     bool
	since    time.Time
	logged   time.Time // when its last clock record came into the log of trades; zero: none has come
	latest   []byte    // payload of its newest beat, or of its feed's status while there is none: they know whether the source is simulated
}

func newClockWatch(cat *catalog.Catalog, now time.Time) *clockWatch {
	w := &clockWatch{}
	w.follow(cat, now)
	return w
}

// follow takes a changed catalogue. It returns the last status of each contract that has left it.
func (w *clockWatch) follow(cat *catalog.Catalog, now time.Time) (last []catalog.Message) {
	were, byID := w.order, w.byID
	w.cat, w.byID, w.feeds, w.order = cat, map[string]*watched{}, map[string]*watched{}, nil
	for i := range cat.Contracts {
		c := &cat.Contracts[i]
		one := byID[c.ID]
		if one == nil {
			one = &watched{seen: now}
		}
		one.contract, one.beat, one.name = c, catalog.PushCandles, "1s candle"
		if !c.HasPeriod(market.Period1s) {
			one.beat, one.name = catalog.PushTickers, "ticker"
		}
		w.byID[c.ID], w.feeds[catalog.StatusKey(c.ID, "feed")] = one, one
		w.order = append(w.order, one)
	}
	for _, one := range were {
		if w.byID[one.contract.ID] == nil {
			one.since = now
			last = append(last, w.status(one, now, market.ClockStale, "the contract has left the catalogue", market.QualityStale))
		}
	}
	return last
}

// feed notes a status that says where a contract's market comes from before its first beat does.
func (w *clockWatch) feed(key, payload []byte) {
	if one := w.feeds[string(key)]; one != nil && !one.moved {
		one.latest = payload
	}
}

// beat notes a record, and returns the status if it is the beat of a contract that was silent. One that is not fresh is from before: it says where the market
// comes from, and nothing about now.
func (w *clockWatch) beat(topic string, key, payload []byte, fresh bool, now time.Time) (m catalog.Message, news bool) {
	var contract string
	switch topic {
	case catalog.PushTickers:
		contract = string(key)
	case catalog.PushCandles:
		id, p, err := catalog.ParseCandleKey(key)
		if err != nil || p != market.Period1s {
			return m, false
		}
		contract = id
	}
	one := w.byID[contract]
	if one == nil || one.beat != topic {
		return m, false
	}
	one.latest = payload
	if !fresh {
		return m, false
	}
	one.seen, one.moved = now, true
	if one.live {
		return m, false
	}
	if one.told {
		w.again = append(w.again, contract)
	}
	one.live, one.told, one.since = true, true, now
	return w.status(one, now, market.ClockLive, "the contract's clock moves", market.QualityOK), true
}

// record notes a clock record of a contract's log of trades.
func (w *clockWatch) record(key []byte, now time.Time) {
	if one := w.byID[string(key)]; one != nil {
		one.logged = now
	}
}

// silent returns the statuses of the contracts whose clock has just been away for too long.
func (w *clockWatch) silent(now time.Time) (ms []catalog.Message) {
	for _, one := range w.order {
		if now.Sub(one.seen) < market.ClockLimit || one.told && !one.live {
			continue
		}
		one.live, one.told, one.since = false, true, one.seen
		reason := " for 3 s"
		if !one.moved {
			reason = " since the start"
		}
		reason += one.why(now)
		ms = append(ms, w.status(one, now, market.ClockStale, "no "+one.name+reason, market.QualityStale))
	}
	return ms
}

// logMoves says whether the contract's source still writes clock records. In a gap it writes others.
func (one *watched) logMoves(now time.Time) bool {
	return !one.logged.IsZero() && now.Sub(one.logged) < market.ClockLimit
}

// why says on which side of the log a beat is missing.
func (one *watched) why(now time.Time) string {
	if one.logMoves(now) {
		return ", but its log's clock moves: what computes it stands still"
	}
	return ", and no clock record in its log"
}

// standing are the contracts of one partition of the log of trades whose clock stands still.
type standing struct {
	partition int32
	contracts []string
	all       int  // contracts that the partition has
	logMoves  bool // of one of them at least
}

// stand returns the partitions of which a contract stands still.
func (w *clockWatch) stand(now time.Time) []standing {
	of := make([]standing, w.cat.Topic(catalog.MarketTrades).Partitions)
	for _, one := range w.order {
		p := kafka.PartitionOf([]byte(one.contract.ID), len(of))
		s := &of[p]
		s.partition = p
		s.all++
		if one.told && !one.live {
			s.contracts = append(s.contracts, one.contract.ID)
			s.logMoves = s.logMoves || one.logMoves(now)
		}
	}
	return slices.DeleteFunc(of, func(s standing) bool { return len(s.contracts) == 0 })
}

func (w *clockWatch) status(one *watched, now time.Time, state, reason string, q market.Quality) catalog.Message {
	w.counter++
	s := market.Status{Scope: one.contract.ID, Kind: "clock", Source: one.contract.Source, Simulated: one.simulated(), AtMs: now.UnixMilli(), Counter: w.counter, Quality: q,
		State: state, SinceMs: one.since.UnixMilli(), Reason: reason, Missing: -1}
	return catalog.Message{Topic: w.cat.StatusTopic(s.Scope, s.Kind), Class: catalog.Final, Version: s.Version(), Payload: s.AppendJSON(nil)}
}

func (one *watched) simulated() bool {
	var m struct {
		Sim bool `json:"sim"`
	}
	return json.Unmarshal(one.latest, &m) == nil && m.Sim
}
