package depth

import (
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
	missing    int64
}

// State is where the feed stands.
func (f *Feed) State() market.FeedState { return f.status.state }

// LastID is the update id of the last command in the log, 0 if there is none.
func (f *Feed) LastID() int64 { return f.last }

func (f *Feed) now() (s market.FeedState, reason string, missing int64) {
	switch {
	case len(f.conns) == 0 && f.wasUp:
		return market.FeedDown, "no connection: " + f.status.downReason, -1
	case len(f.conns) == 0:
		return market.FeedInit, "not connected yet", -1
	case !f.valid && !f.inGap:
		return market.FeedBuffering, "updates are held back until a snapshot joins them", -1
	case !f.valid && !f.fetch.busy && f.snap == nil:
		return market.FeedGap, f.status.gapReason, f.status.missing
	case !f.valid:
		return market.FeedRecovering, "fetching the book anew: " + f.status.gapReason, f.status.missing
	case f.catchUp:
		return market.FeedRecovering, "connected; looking for updates that were missed", -1
	case f.clock.quality == market.QualityStale:
		return market.FeedSynced, "nothing has proved the market's time", -1
	}
	return market.FeedSynced, "", 0
}

// stepStatus reports a change of state or quality.
func (f *Feed) stepStatus(nowMs int64) {
	st := &f.status
	s, reason, missing := f.now()
	if st.reported && s == st.state && f.clock.quality == st.quality {
		return
	}
	if !st.reported || s != st.state {
		st.sinceMs = nowMs
	}
	st.reported, st.state, st.quality = true, s, f.clock.quality
	f.report(nowMs, s.String(), reason, missing)
}

func (f *Feed) report(nowMs int64, state, reason string, missing int64) {
	st := &f.status
	st.counter++
	st.atMs = max(st.atMs, nowMs)
	f.out.Statuses = append(f.out.Statuses, market.Status{
		Scope: f.contract.ID, Kind: "book", Source: f.contract.Source, Simulated: f.simulated, AtMs: st.atMs, Counter: st.counter, Quality: f.clock.quality,
		State: state, SinceMs: st.sinceMs, Reason: reason, LastID: f.last, Missing: missing,
	})
}
