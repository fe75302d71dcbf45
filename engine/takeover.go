package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/engine/core"
	"github.com/tickcast/tickcast/kafka/marketlog"
	"github.com/tickcast/tickcast/market"
)

var topics = [...]string{core.Trades: catalog.MarketTrades, core.Books: catalog.MarketBooks}

// end is where a log in Kafka ends.
type end struct {
	core.Place       // zeros: there is none
	atMs       int64 // event time of its last record
}

// known says whether a tail holds a record that counts: the open record of who asks is in no epoch.
func known(tail []market.Record) bool {
	return slices.ContainsFunc(tail, func(r market.Record) bool { return r.Epoch > 0 })
}

// takeOver makes this process the writer of both logs, gives them the records that a process before made but did not get through to Kafka, and opens the market.
func (w *worker) takeOver(ctx context.Context, r *restored) error {
	var ends [2]end
	var writer int64
	for l := range topics {
		id, tail, err := w.log.TakeOver(ctx, topics[l], &w.contract, known)
		if err != nil {
			return err
		}
		last := marketlog.EndOf(tail)
		ends[l] = end{Place: core.Place{Epoch: last.Epoch, Seq: last.Seq}, atMs: last.EventMs}
		writer = max(writer, id)
	}
	open := core.Opening{Writer: max(writer, r.market.Writer()+1), Contract: w.contract}
	var err error
	if open.Flow, err = w.cfg.flow(&w.contract); err != nil {
		return err
	}
	foreign := r.market.Foreign(&w.contract)
	nowMs := w.openUs() / 1000
	for l, epoch := range []*int64{core.Trades: &open.TradesEpoch, core.Books: &open.BooksEpoch} {
		why := foreign
		if why == "" && l == int(core.Trades) {
			why = w.anew
		}
		if why == "" {
			why = continues(ends[l], r.since[l], r.market.Place(core.Log(l)), nowMs)
		}
		if why != "" {
			*epoch = max(nowMs, ends[l].Epoch+1, r.market.Place(core.Log(l)).Epoch+1)
			w.logger.Info("a new epoch begins", "topic", topics[l], "epoch", *epoch, "reason", why)
		}
	}
	again := 0
	for i := range r.effects {
		x := &r.effects[i]
		at := ends[x.log]
		if epoch := []int64{open.TradesEpoch, open.BooksEpoch}[x.log]; epoch != 0 || x.record.Epoch != at.Epoch || x.record.Seq <= at.Seq {
			continue
		}
		x.record.Writer = open.Writer // its first writer is shut out
		if err := w.log.Append(ctx, topics[x.log], &x.record); err != nil {
			return err
		}
		again++
	}
	if again > 0 {
		w.logger.Info("records that had not reached Kafka were made again", "records", again)
	}
	return w.apply(ctx, &core.Entry{Verb: core.Open, TimeUs: w.openUs(), Opening: &open})
}

// continues says why a log cannot be continued; empty if it can. made are the places between which records can be made again.
func continues(at end, from, to core.Place, nowMs int64) string {
	switch {
	case at.Epoch == 0:
		return "there is no log yet"
	case at.Epoch != to.Epoch || at.Seq > to.Seq:
		return fmt.Sprintf("the log ends at %d/%d, the command log at %d/%d", at.Epoch, at.Seq, to.Epoch, to.Seq)
	case from.Epoch == at.Epoch && at.Seq < from.Seq:
		return fmt.Sprintf("the log ends at %d/%d, and records can be made again from %d/%d", at.Epoch, at.Seq, from.Epoch, from.Seq)
	case nowMs-at.atMs > market.MaxClockJumpMs:
		return fmt.Sprintf("the log has ended %d h ago", (nowMs-at.atMs)/market.HourMs)
	}
	return ""
}
