package ledgercheck

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
)

// Options are what a check needs.
type Options struct {
	Kafka  kafka.Config
	Submit func(context.Context) error // runs the job to its end
	Settle time.Duration               // a closed candle that a late trade changes is in the ledger with the next checkpoint: so long is waited for one that differs
	Log    *slog.Logger
}

const poll = 200 * time.Millisecond

// Run runs the job and compares. What the ledger holds was computed of records that the job reads too: its end is noted before the job begins.
func Run(ctx context.Context, o Options) (Report, error) {
	r, err := kafka.NewReader(o.Kafka, kafka.ReaderOptions{Name: "ledgercheck", Committed: true, Ends: true}, o.Log)
	if err != nil {
		return Report{}, err
	}
	defer r.Close()
	ledgerEnd, err := ends(r, catalog.LedgerCandles)
	if err != nil {
		return Report{}, err
	}
	checkEnd, err := ends(r, catalog.CheckCandles)
	if err != nil {
		return Report{}, err
	}
	if err := o.Submit(ctx); err != nil {
		return Report{}, err
	}
	cs := newCandles()
	for _, read := range []struct {
		topic    string
		from, to []int64 // nil: from the start, to what is the end now
		take     func(*kafka.Record) error
	}{
		{catalog.CheckCandles, checkEnd, nil, func(rec *kafka.Record) error { return take(cs.check, rec) }},
		{catalog.LedgerCandles, nil, ledgerEnd, func(rec *kafka.Record) error { return take(cs.ledger, rec) }},
		{catalog.MarketLate, nil, nil, cs.takeLate},
	} {
		if read.to == nil {
			if read.to, err = ends(r, read.topic); err != nil {
				return Report{}, err
			}
		}
		if err := readTo(ctx, r, read.topic, read.from, read.to, read.take); err != nil {
			return Report{}, err
		}
	}
	if len(cs.amended) > 0 { // which candle such a record is about is in the log only: with the trade
		to, err := ends(r, catalog.MarketTrades)
		if err != nil {
			return Report{}, err
		}
		if err := readTo(ctx, r, catalog.MarketTrades, nil, to, cs.takeAmended); err != nil {
			return Report{}, err
		}
	}
	return settle(ctx, r, cs, ledgerEnd, o.Settle)
}

// settle compares, and again with what the ledger says since of the candles that differ, until none does or the time is over.
func settle(ctx context.Context, r *kafka.Reader, cs *candles, from []int64, within time.Duration) (Report, error) {
	report := cs.compare()
	if len(report.Differences) == 0 {
		return report, nil
	}
	if err := assign(r, catalog.LedgerCandles, from, nil); err != nil {
		return Report{}, err
	}
	for deadline := time.Now().Add(within); len(report.Differences) > 0 && time.Now().Before(deadline) && ctx.Err() == nil; {
		rec, err := r.Poll(poll)
		if err != nil {
			return Report{}, err
		}
		if rec == nil || rec.End {
			continue
		}
		newer := map[key]*Candle{}
		if err := take(newer, rec); err != nil {
			return Report{}, err
		}
		for k, c := range newer {
			if cs.check[k] != nil && len(c.differs(&cs.check[k].Traded)) == 0 && differsIn(report, k) {
				cs.ledger[k] = c
				report = cs.compare()
			}
		}
	}
	return report, context.Cause(ctx)
}

func differsIn(r Report, k key) bool {
	for _, d := range r.Differences {
		if d.Contract == k.contract && d.Period == k.period && d.OpenMs == k.openMs && d.Epoch == k.epoch {
			return true
		}
	}
	return false
}

func ends(r *kafka.Reader, topic string) ([]int64, error) {
	ranges, err := r.Ranges(topic)
	if err != nil {
		return nil, err
	}
	to := make([]int64, len(ranges))
	for i, rg := range ranges {
		to[i] = rg.High
	}
	return to, nil
}

// assign begins to read the partitions of a topic that have records before to; nil: all.
func assign(r *kafka.Reader, topic string, from, to []int64) error {
	var ps []kafka.Position
	for i := range max(len(from), len(to)) {
		p := kafka.Position{Topic: topic, Partition: int32(i), Offset: kafka.OffsetStart}
		if from != nil {
			p.Offset = from[i]
		}
		if to == nil || to[i] > max(p.Offset, 0) {
			ps = append(ps, p)
		}
	}
	return r.Assign(ps)
}

// readTo reads a topic up to the given ends. A partition's last offsets may be markers of transactions, which no reader sees: then the partition's end says so.
func readTo(ctx context.Context, r *kafka.Reader, topic string, from, to []int64, do func(*kafka.Record) error) error {
	if err := assign(r, topic, from, to); err != nil {
		return err
	}
	left := 0
	for i, end := range to {
		begin := int64(0)
		if from != nil {
			begin = from[i]
		}
		if end > begin {
			left++
		}
	}
	done := map[int32]bool{}
	for len(done) < left {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rec, err := r.Poll(poll)
		if err != nil {
			return err
		}
		switch {
		case rec == nil:
			continue
		case rec.Offset >= to[rec.Partition]:
			done[rec.Partition] = true
			continue
		case rec.End:
			continue
		}
		if err := do(rec); err != nil {
			return fmt.Errorf("%s partition %d offset %d: %w", topic, rec.Partition, rec.Offset, err)
		}
		if rec.Offset == to[rec.Partition]-1 {
			done[rec.Partition] = true
		}
	}
	return r.Assign(nil)
}

func take(to map[key]*Candle, rec *kafka.Record) error {
	if len(rec.Value) == 0 {
		return nil
	}
	var c Candle
	if err := decode(rec.Value, &c); err != nil {
		return err
	}
	if _, ours := periods[c.Period]; ours {
		put(to, c)
	}
	return nil
}

// logged is what is of interest here in a record of the log.
type logged struct {
	Kind     string `json:"k"`
	Contract string `json:"s"`
	Epoch    int64  `json:"epoch"`
	EventMs  int64  `json:"ts"`
	ID       int64  `json:"a"`
}

// takeLate notes which candles a record concerns that came too late: those of its own time, but a bust has none, and those of the trade that is amended, which takeAmended finds.
func (cs *candles) takeLate(rec *kafka.Record) error {
	var l logged
	if err := json.Unmarshal(rec.Value, &l); err != nil {
		return err
	}
	if l.Kind != "bust" {
		cs.concerns(l)
	}
	if l.Kind != "trade" {
		if cs.amended[l.Contract] == nil {
			cs.amended[l.Contract] = map[amended]bool{}
		}
		cs.amended[l.Contract][amended{l.Epoch, l.ID}] = true
	}
	return nil
}

// takeAmended notes the candles of a trade whose bust or correction came too late. What is no record of a trade is passed over, as the job does.
func (cs *candles) takeAmended(rec *kafka.Record) error {
	ofContract := cs.amended[string(rec.Key)]
	if ofContract == nil {
		return nil // the log is long, and such trades are few
	}
	var l logged
	if err := json.Unmarshal(rec.Value, &l); err == nil && (l.Kind == "trade" || l.Kind == "correction") && ofContract[amended{l.Epoch, l.ID}] {
		cs.concerns(l)
	}
	return nil
}

func (cs *candles) concerns(l logged) {
	for p, ms := range periods {
		cs.late[key{l.Contract, p, l.EventMs - l.EventMs%ms, l.Epoch}] = true
	}
}
