package depth

import "github.com/tickcast/tickcast/market"

// State is where the feed stands.
func (f *Feed) State() market.FeedState { return f.log.State() }

// LastID is the update id of the last command in the log, 0 if there is none.
func (f *Feed) LastID() int64 { return f.last }

func (f *Feed) now() (s market.FeedState, reason string, missing int64) {
	if why, lost := f.conns.Lost(); lost {
		return market.FeedDown, "no connection: " + why, -1
	}
	switch {
	case f.conns.Len() == 0:
		return market.FeedInit, "not connected yet", -1
	case !f.valid && !f.inGap:
		return market.FeedBuffering, "updates are held back until a snapshot joins them", -1
	case !f.valid && !f.fetch.busy && f.snap == nil:
		return market.FeedGap, f.gapReason, f.gapMissing
	case !f.valid:
		return market.FeedRecovering, "fetching the book anew: " + f.gapReason, f.gapMissing
	case f.catchUp:
		return market.FeedRecovering, "connected; looking for updates that were missed", -1
	case f.log.Quality == market.QualityStale:
		return market.FeedSynced, "nothing has proved the market's time", -1
	}
	return market.FeedSynced, "", 0
}

// stepStatus reports a change of state or quality.
func (f *Feed) stepStatus(nowMs int64) {
	s, reason, missing := f.now()
	f.log.Report(nowMs, s, reason, f.last, missing)
}
