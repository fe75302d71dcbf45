package feed

import (
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// statusState is what was reported last.
type statusState struct {
	counter    int64
	atMs       int64
	reported   bool
	state      market.FeedState
	quality    market.Quality
	sinceMs    int64
	downReason string
	gapReason  string
}

// State is where the feed stands.
func (f *Feed) State() market.FeedState { return f.status.state }

// LastID is the last trade's aggregate id in the log, 0 if there is none.
func (f *Feed) LastID() int64 {
	if f.Counts.Trades == 0 && !f.hasLast {
		return 0
	}
	return f.last.trade.AggID
}

func (f *Feed) now(nowMs int64) (s market.FeedState, reason string, missing int64) {
	c := &f.clock
	switch {
	case len(f.conns) == 0 && f.wasUp:
		return market.FeedDown, "no connection: " + f.status.downReason, -1
	case f.phase != phaseFollow && len(f.conns) == 0:
		return market.FeedInit, "finding where the log goes on", -1
	case f.phase != phaseFollow:
		return market.FeedBuffering, "trades are held back until the log's beginning is fetched", -1
	case len(f.conns) == 0:
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
	case c.quality == market.QualityStale:
		return market.FeedSynced, fmt.Sprintf("nothing has proved the market's time for %d ms", f.cfg.StaleMs), -1
	}
	return market.FeedSynced, f.status.gapReason, 0
}

// stepStatus reports a change of state or quality.
func (f *Feed) stepStatus(nowMs int64) {
	st := &f.status
	s, reason, missing := f.now(nowMs)
	if st.reported && s == st.state && f.clock.quality == st.quality {
		return
	}
	if !st.reported || s != st.state {
		st.sinceMs = nowMs
	}
	if s != market.FeedSynced {
		st.gapReason = ""
	}
	st.reported, st.state, st.quality = true, s, f.clock.quality
	f.report(nowMs, s.String(), reason, missing)
}

func (f *Feed) report(nowMs int64, state, reason string, missing int64) {
	st := &f.status
	st.counter++
	st.atMs = max(st.atMs, nowMs)
	f.out.Statuses = append(f.out.Statuses, market.Status{
		Scope: f.contract.ID, Kind: "feed", Source: f.contract.Source, Simulated: f.simulated, AtMs: st.atMs, Counter: st.counter, Quality: f.clock.quality,
		State: state, SinceMs: st.sinceMs, Reason: reason, LastID: f.LastID(), Missing: missing,
	})
}
