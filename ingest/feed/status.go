package feed

import (
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// State is where the feed stands.
func (f *Feed) State() market.FeedState { return f.log.State() }

// LastID is the last trade's aggregate id in the log, 0 if there is none.
func (f *Feed) LastID() int64 {
	if f.Counts.Trades == 0 && !f.hasLast {
		return 0
	}
	return f.last.trade.AggID
}

func (f *Feed) now(nowMs int64) (s market.FeedState, reason string, missing int64) {
	if why, lost := f.conns.Lost(); lost {
		return market.FeedDown, "no connection: " + why, -1
	}
	c := &f.clock
	switch {
	case f.phase != phaseFollow && f.conns.Len() == 0:
		return market.FeedInit, "finding where the log goes on", -1
	case f.phase != phaseFollow:
		return market.FeedBuffering, "trades are held back until the log's beginning is fetched", -1
	case f.conns.Len() == 0:
		return market.FeedInit, "not connected yet", -1
	case f.gapAt != 0 && nowMs-f.gapAt >= f.cfg.ReorderMs && !f.held.empty():
		missing = f.held.first().trade.AggID - f.next
		if f.catchUp {
			return market.FeedRecovering, "fetching the trades of an outage", missing
		}
		return market.FeedGap, fmt.Sprintf("trades from %d on are missing", f.next), missing
	case c.lagAt != 0 && nowMs-c.lagAt >= f.cfg.WitnessLagMs:
		return market.FeedGap, fmt.Sprintf("the source names trade %d, the log ends with %d", c.runLast, f.lastID()), -1
	case f.catchUp:
		return market.FeedRecovering, "connected; looking for trades that were missed", -1
	case f.log.Quality == market.QualityStale:
		return market.FeedSynced, fmt.Sprintf("nothing has proved the market's time for %d ms", f.cfg.StaleMs), -1
	}
	return market.FeedSynced, f.gapReason, 0
}

// stepStatus reports a change of state or quality.
func (f *Feed) stepStatus(nowMs int64) {
	s, reason, missing := f.now(nowMs)
	if f.log.Report(nowMs, s, reason, f.LastID(), missing) && s != market.FeedSynced {
		f.gapReason = ""
	}
}
