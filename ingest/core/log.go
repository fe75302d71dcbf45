package core

import (
	"fmt"
	"time"

	"github.com/tickcast/tickcast/market"
)

// Log is a contract's log as its core writes it, and what is said beside it. What the calls cause is collected until Take.
type Log struct {
	Contract  market.Contract
	Simulated bool

	Writer  int64
	Epoch   int64 // 0: not begun
	Seq     int64 // of the last record
	Quality market.Quality

	kind   string // of its reports
	status status
	out    Effects
}

// status is what was reported last.
type status struct {
	counter  int64
	atMs     int64
	reported bool
	state    market.FeedState
	quality  market.Quality
	sinceMs  int64
}

// NewLog makes a log that has not begun. kind is that of its reports: market.Status.Kind.
func NewLog(c market.Contract, simulated bool, kind string) Log {
	return Log{Contract: c, Simulated: simulated, kind: kind}
}

// Take returns what was collected since the last Take, and forgets it. The slices are valid until the next call.
func (l *Log) Take() Effects {
	out := l.out
	l.out = Effects{Records: out.Records[:0], Quarantined: out.Quarantined[:0], Statuses: out.Statuses[:0], Notes: out.Notes[:0]}
	return out
}

// Emit gives a record its place in the log.
func (l *Log) Emit(r market.Record) {
	l.Seq++
	r.Contract, r.Source, r.Simulated = l.Contract.ID, l.Contract.Source, l.Simulated
	r.Writer, r.Epoch, r.Seq, r.Quality = l.Writer, l.Epoch, l.Seq, l.Quality
	l.out.Records = append(l.out.Records, r)
}

// NewEpoch lets the log begin again with the next record; why is for a person.
func (l *Log) NewEpoch(nowMs int64, why string) {
	l.Notef(false, "a new epoch begins: %s", why)
	l.Epoch = max(nowMs, l.Epoch+1)
	l.Seq, l.Quality = 0, market.QualityOK
}

// Change takes the contract's new catalogue entry. why says, if it is not empty, that what comes cannot be compared with what is in the log: it has to begin
// again. With another symbol the connections bring another market.
func (l *Log) Change(c market.Contract) (why string, otherSymbol bool) {
	was := l.Contract
	l.Contract = c
	switch {
	case was.Symbol != c.Symbol:
		return fmt.Sprintf("the symbol was %s and is %s", was.Symbol, c.Symbol), true
	case was.Tick.Scale != c.Tick.Scale || was.Step.Scale != c.Step.Scale:
		return fmt.Sprintf("tick and step were %s and %s", was.Tick, was.Step), false
	}
	return "", false
}

// Delist says that the contract has left the catalogue. Nothing may follow.
func (l *Log) Delist(nowMs, eventMs, lastID int64) {
	l.Emit(market.Record{Kind: market.KindContract, EventMs: eventMs, Spec: market.Spec{Contract: l.Contract, Delisted: true}})
	l.Quality = market.QualityStale
	l.report(nowMs, "DELISTED", "the contract has left the catalogue", lastID, -1)
}

// State is the last one that was reported.
func (l *Log) State() market.FeedState { return l.status.state }

// Report says where the feed stands, if its state or the quality has changed. lastID is the newest id in the log, missing how many are known to be missing, -1 if that is not known.
func (l *Log) Report(nowMs int64, s market.FeedState, reason string, lastID, missing int64) (changed bool) {
	st := &l.status
	if st.reported && s == st.state && l.Quality == st.quality {
		return false
	}
	if !st.reported || s != st.state {
		st.sinceMs = nowMs
	}
	st.reported, st.state, st.quality = true, s, l.Quality
	l.report(nowMs, s.String(), reason, lastID, missing)
	return true
}

func (l *Log) report(nowMs int64, state, reason string, lastID, missing int64) {
	st := &l.status
	st.counter++
	st.atMs = max(st.atMs, nowMs)
	l.out.Statuses = append(l.out.Statuses, market.Status{
		Scope: l.Contract.ID, Kind: l.kind, Source: l.Contract.Source, Simulated: l.Simulated, AtMs: st.atMs, Counter: st.counter, Quality: l.Quality,
		State: state, SinceMs: st.sinceMs, Reason: reason, LastID: lastID, Missing: missing,
	})
}

// Quarantine puts aside what cannot be true; raw is cut to market.MaxRaw.
func (l *Log) Quarantine(nowMs, conn int64, channel, reason, detail string, raw []byte) {
	q := Quarantined{Source: l.Contract.Source, Contract: l.Contract.ID, Channel: channel, Conn: conn, Reason: reason, Detail: detail, ReceivedMs: nowMs, Raw: raw}
	if len(q.Raw) > market.MaxRaw {
		q.Raw, q.Truncated = q.Raw[:market.MaxRaw], true
	}
	l.out.Quarantined = append(l.out.Quarantined, q)
}

// Notef has a line for the operator's log.
func (l *Log) Notef(warn bool, format string, args ...any) {
	l.out.Notes = append(l.out.Notes, Note{Warn: warn, Text: fmt.Sprintf(format, args...)})
}

// AskTime says that the source's time is wanted from REST at once.
func (l *Log) AskTime() { l.out.AskTime = true }

// TimeText prints a time for a person.
func TimeText(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
