package market

import (
	"cmp"
	"strconv"
	"time"
)

// FeedState is where a feed stands between its source and the log.
type FeedState uint8

// The states of a feed (DOWN: no connection; GAP: ids are missing and are being looked for).
const (
	FeedInit FeedState = iota
	FeedBuffering
	FeedSynced
	FeedGap
	FeedRecovering
	FeedDown
)

func (s FeedState) String() string {
	return [...]string{"INIT", "BUFFERING", "SYNCED", "GAP", "RECOVERING", "DOWN"}[s]
}

// The states of a contract's clock, on `status/{contract}/clock`.
const (
	ClockLive  = "live"
	ClockStale = "stale"
)

// ClockLimit is how long a contract's beat may stay away: its 1s candle, or, where 1s is not served, its ticker. It comes each second, trades or not, so that
// its absence means that nothing newer is known.
const ClockLimit = 3 * time.Second

// Status is a message on `status/{scope}/{kind}`. It has one writer per scope and kind; an edge speaks on the clock's where the bridge does not.
type Status struct {
	Scope     string // a contract, or a source
	Kind      string // feed, source (by ingest), clock (by the bridge)
	Source    string
	Simulated bool
	AtMs      int64 // time of the report; with Counter its version
	Epoch     int64 // of the version where it is not AtMs: an edge's word, that comes before whatever the writer says next; 0: it is AtMs
	Counter   int64 // the writer's count of reports
	Quality   Quality
	State     string
	SinceMs   int64  // since when State holds
	Reason    string // plain words, for a person
	LastID    int64  // feed: the last trade's id in the log; 0: none
	Missing   int64  // feed: how many ids are missing; -1: unknown, not printed
}

// Version orders the reports of one scope and kind.
func (s *Status) Version() Version { return Version{Epoch: cmp.Or(s.Epoch, s.AtMs), Seq: s.Counter} }

// AppendJSON appends the message.
func (s *Status) AppendJSON(dst []byte) []byte {
	h := Header{Contract: s.Scope, Source: s.Source, Simulated: s.Simulated, Epoch: s.Version().Epoch, Seq: s.Counter, EventMs: s.AtMs, Quality: s.Quality}
	dst = h.AppendJSON(dst)
	dst = append(dst, `,"kind":"`...)
	dst = append(dst, s.Kind...)
	dst = append(dst, `","state":"`...)
	dst = append(dst, s.State...)
	dst = append(dst, `","since":`...)
	dst = strconv.AppendInt(dst, s.SinceMs, 10)
	dst = append(dst, `,"reason":`...)
	dst = appendJSONString(dst, s.Reason)
	dst = appendInt(dst, `,"last_id":`, s.LastID)
	if s.Missing >= 0 {
		dst = appendInt(dst, `,"missing":`, s.Missing)
	}
	return append(dst, '}')
}

// appendJSONString quotes text that may hold anything (a reason can quote outside data).
func appendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[r>>4], hex[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}
