package marketlog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

const (
	delisted = "DELISTED"
	hasLeft  = "the contract has left the catalogue"
)

// logOf is the log that a feed's status, by its kind, is about.
var logOf = map[string]string{"feed": catalog.MarketTrades, "book": catalog.MarketBooks}

// report is a status as push.status has it, as far as it matters here.
type report struct {
	Scope  string `json:"s"`
	Kind   string `json:"kind"`
	Source string `json:"src"`
	State  string `json:"state"`
	Epoch  int64  `json:"epoch"`
	Seq    int64  `json:"seq"`
}

func (r *report) newerThan(o *report) bool {
	return r.Epoch > o.Epoch || r.Epoch == o.Epoch && r.Seq > o.Seq
}

// EndAbsent delists what a source wrote before and the catalogue does not list any more: contracts that left it while nobody of the source was there to say so in
// their logs. Which those are, push.status tells. No process may be writing these logs.
func (w *Writer) EndAbsent(ctx context.Context, source string, listed []market.Contract) error {
	if err := w.Flush(ctx); err != nil {
		return err
	}
	reports, err := w.reports(ctx)
	if err != nil {
		return fmt.Errorf("read %s: %w", catalog.PushStatus, err)
	}
	absent := map[string]bool{}
	for _, r := range reports {
		if r.Source == source && r.State != delisted && logOf[r.Kind] != "" && !slices.ContainsFunc(listed, func(c market.Contract) bool { return c.ID == r.Scope }) {
			absent[r.Scope] = true
		}
	}
	for id := range absent {
		for _, kind := range []string{"feed", "book"} {
			if err := w.end(ctx, logOf[kind], id, source); err != nil {
				return fmt.Errorf("delist %s in %s: %w", id, logOf[kind], err)
			}
			at := time.Now().UnixMilli()
			if r := reports[catalog.StatusKey(id, kind)]; r != nil {
				w.Status(market.Status{Scope: id, Kind: kind, Source: source, AtMs: max(at, r.Epoch+1), Quality: market.QualityStale, State: delisted, SinceMs: at, Reason: hasLeft, Missing: -1})
			}
		}
		w.log.Info(hasLeft, "contract", id)
	}
	return nil
}

// reports returns the newest status of each key.
func (w *Writer) reports(ctx context.Context) (map[string]*report, error) {
	r, err := kafka.NewReader(w.cfg, kafka.ReaderOptions{Name: "statuses"}, w.log)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ranges, err := r.Ranges(catalog.PushStatus)
	if err != nil {
		return nil, err
	}
	var from []kafka.Position
	for i := range ranges {
		from = append(from, kafka.Position{Topic: catalog.PushStatus, Partition: int32(i), Offset: kafka.OffsetStart})
	}
	pending, err := kafka.Pending(r, from)
	if err != nil {
		return nil, err
	}
	if err := r.Assign(from); err != nil {
		return nil, err
	}
	newest := map[string]*report{}
	for silent := time.Now(); len(pending) > 0; {
		rec, err := r.Poll(tailPoll)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, err
		case rec == nil && time.Since(silent) > kafka.ConnectTimeout:
			return nil, errSilent
		case rec == nil:
			continue
		}
		silent = time.Now()
		if p := (kafka.Partition{Topic: rec.Topic, N: rec.Partition}); rec.Offset+1 >= pending[p] {
			delete(pending, p)
		}
		var is report
		if err := json.Unmarshal(rec.Value, &is); err != nil {
			if len(rec.Value) > 0 {
				w.log.Warn("unreadable status", "topic", rec.Topic, "offset", rec.Offset, "error", err)
			}
			continue
		}
		if was := newest[string(rec.Key)]; was == nil || is.newerThan(was) {
			newest[strings.Clone(string(rec.Key))] = &is
		}
	}
	return newest, nil
}

// end takes a log over and says in it that the contract is delisted, if it has a log that does not say so already.
func (w *Writer) end(ctx context.Context, topic, id, source string) error {
	c := market.Contract{ID: id, Source: source, Symbol: id}
	writer, tail, err := w.TakeOver(ctx, topic, &c, func(rs []market.Record) bool { return EndOf(rs).Epoch > 0 })
	if err != nil {
		return err
	}
	at := EndOf(tail)
	if at.Epoch == 0 || at.Source != source {
		return nil // there is no log, or another source has it now
	}
	c.Tick, c.Step = market.Unit{Scale: at.PriceScale, Size: 1}, market.Unit{Scale: at.QtyScale, Size: 1}
	spec := market.Spec{Contract: c, Delisted: true}
	for i := range tail {
		if r := &tail[i]; r.Kind == market.KindContract && r.Epoch == at.Epoch {
			if r.Spec.Delisted && r.Seq == at.Seq {
				return nil
			}
			spec.Contract = r.Spec.Contract
		}
	}
	next := market.Record{Kind: market.KindOpen, Contract: id, Source: source, Simulated: at.Simulated, Writer: writer, Epoch: at.Epoch, Seq: at.Seq + 1,
		EventMs: at.EventMs, PriceScale: at.PriceScale, QtyScale: at.QtyScale}
	if err := w.Append(ctx, topic, &next); err != nil {
		return err
	}
	next.Kind, next.Seq, next.Spec = market.KindContract, next.Seq+1, spec
	return w.Append(ctx, topic, &next)
}

// EndOf returns the last record of a tail that counts; one of no epoch if there is none. It follows the rules of every reader: records of an older writer after a
// newer one's open do not count, nor does a seq that is not above the last.
func EndOf(tail []market.Record) (last market.Record) {
	var writer int64
	for i := range tail {
		r := &tail[i]
		if r.Kind == market.KindOpen {
			writer = max(writer, r.Writer)
		}
		if r.Writer < writer || r.Epoch < last.Epoch || r.Epoch == last.Epoch && r.Seq <= last.Seq {
			continue
		}
		writer, last = r.Writer, *r
	}
	return last
}
