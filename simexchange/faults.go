package simexchange

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"time"
)

// FaultKind says what goes wrong.
type FaultKind string

// Faults of single frames. They hit frames of streams, not answers to SUBSCRIBE.
const (
	FaultDrop        FaultKind = "drop"         // the frame is not sent
	FaultDuplicate   FaultKind = "duplicate"    // sent twice
	FaultReorder     FaultKind = "reorder"      // sent after the next frame of the same stream
	FaultTruncate    FaultKind = "truncate"     // its second half is missing
	FaultBadNumber   FaultKind = "bad_number"   // the price is not a number
	FaultZeroPrice   FaultKind = "zero_price"   // the price is zero
	FaultWrongSymbol FaultKind = "wrong_symbol" // another symbol stands in it
	FaultBadTime     FaultKind = "bad_time"     // the time of the trade, or of another frame, is in the year 2286
	FaultBadIDs      FaultKind = "bad_ids"      // the first update id of a depth frame is after its last
	FaultCrossed     FaultKind = "crossed"      // a depth frame has a bid above the best ask, which nobody takes back
	FaultHuge        FaultKind = "huge"         // 700,000 bytes; go-binance reads up to 655,350
	FaultBinary      FaultKind = "binary"       // sent as a binary message
	FaultDelay       FaultKind = "delay"        // Duration later, and with it what follows on the connection; also of answers
)

// Faults of connections. Without After and Probability they act at once on each connection that has a matching stream; with them on the
// connection that would have got the frame.
const (
	FaultRST      FaultKind = "rst"      // reset; of an answer: instead of it
	FaultFIN      FaultKind = "fin"      // closed without a close frame; of an answer: in the midst of it
	FaultSilence  FaultKind = "silence"  // stays open, but nothing comes any more, no pings and no pongs; for Duration if set
	FaultShutdown FaultKind = "shutdown" // the serverShutdown event; the connection is closed Duration later
)

// FaultOutage closes the listener and resets every connection, for Duration. The market goes on.
const FaultOutage FaultKind = "outage"

// Faults of answers over HTTP.
const (
	FaultStatus    FaultKind = "status"    // Status instead of the answer, with RetryAfter: 429, 418, 403 (HTML), 5xx. Path /ws or /stream: of the handshake
	FaultTombstone FaultKind = "tombstone" // every tenth row of aggTrades is one that was taken back
	FaultStale     FaultKind = "stale"     // depth answers with the book of Duration ago, up to ten seconds; without Duration the oldest that is kept
	FaultLag       FaultKind = "lag"       // trades are known only Duration after their time
	FaultCut       FaultKind = "cut"       // the answer is reset, and with it all WebSocket connections
)

// Fault is one scripted fault.
type Fault struct {
	Kind FaultKind `yaml:"kind"`
	// Stream is a pattern (path.Match) of stream names, such as "btcusdt@aggTrade" or "*@kline_1s"; empty: all.
	Stream string `yaml:"stream"`
	// Path is a pattern of the answer's path, such as "/api/v3/aggTrades" or "/api/v3/*". Faults that can hit frames and answers (truncate,
	// bad_number, zero_price, delay, rst, fin) hit answers if it is set.
	Path        string        `yaml:"path"`
	After       int64         `yaml:"after"`       // matching frames or answers that pass first
	Count       int64         `yaml:"count"`       // how many it hits: 0 is one, but all with Probability or For; -1 is all
	Probability float64       `yaml:"probability"` // of each frame or answer to be hit; 0 is always
	Seed        uint64        `yaml:"seed"`        // of that probability
	For         time.Duration `yaml:"for"`         // how long the fault is there; 0: until Count is used up
	Duration    time.Duration `yaml:"duration"`    // of the outage, silence, delay or lag
	Status      int           `yaml:"status"`
	RetryAfter  int           `yaml:"retry_after"` // seconds
}

type faultScope uint8

const (
	onFrames faultScope = 1 << iota
	onConnections
	onAnswers
	onExchange
)

var faultScopes = map[FaultKind]faultScope{
	FaultDrop: onFrames, FaultDuplicate: onFrames, FaultReorder: onFrames, FaultTruncate: onFrames | onAnswers, FaultBadNumber: onFrames | onAnswers,
	FaultZeroPrice: onFrames | onAnswers, FaultWrongSymbol: onFrames, FaultBadTime: onFrames, FaultHuge: onFrames, FaultBinary: onFrames,
	FaultDelay: onFrames | onAnswers, FaultRST: onConnections | onAnswers, FaultFIN: onConnections | onAnswers, FaultSilence: onConnections,
	FaultShutdown: onConnections, FaultOutage: onExchange, FaultStatus: onAnswers, FaultTombstone: onAnswers, FaultStale: onAnswers,
	FaultBadIDs: onFrames, FaultCrossed: onFrames, FaultLag: onAnswers, FaultCut: onAnswers,
}

func (f *Fault) validate() error {
	scope, ok := faultScopes[f.Kind]
	if !ok {
		return fmt.Errorf("kind: unknown fault %q", f.Kind)
	}
	_, badStream := path.Match(f.Stream, "")
	_, badPath := path.Match(f.Path, "")
	switch {
	case badStream != nil:
		return fmt.Errorf("stream: %q is not a pattern", f.Stream)
	case badPath != nil:
		return fmt.Errorf("path: %q is not a pattern", f.Path)
	case f.Path != "" && scope&onAnswers == 0:
		return fmt.Errorf("path: %s is not a fault of answers", f.Kind)
	case f.Probability < 0 || f.Probability > 1:
		return errors.New("probability: must be in 0..1")
	case f.After < 0 || f.Count < -1:
		return errors.New("after, count: must not be negative (count -1 is all)")
	case f.For < 0 || f.Duration < 0:
		return errors.New("for, duration: must not be negative")
	case f.Duration == 0 && (f.Kind == FaultOutage || f.Kind == FaultDelay || f.Kind == FaultLag):
		return fmt.Errorf("duration: %s needs one", f.Kind)
	case f.Kind == FaultStatus && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("status: %d is not in 400..599", f.Status)
	}
	return nil
}

// answers says whether the fault is one of HTTP answers.
func (f *Fault) answers() bool {
	scope := faultScopes[f.Kind]
	return scope == onAnswers || scope&onAnswers != 0 && f.Path != ""
}

func (f *Fault) atOnce() bool {
	scope := faultScopes[f.Kind]
	return scope&onExchange != 0 || scope&onConnections != 0 && f.Path == "" && f.After == 0 && f.Probability == 0
}

// ActiveFault is an injected fault.
type ActiveFault struct {
	Fault
	mu     sync.Mutex
	seen   int64
	hits   int64
	until  time.Time
	random *rand.Rand
	over   bool
}

// Hits is how many frames, answers or connections it has hit.
func (a *ActiveFault) Hits() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hits
}

// Remove ends the fault.
func (a *ActiveFault) Remove() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// hit says whether the fault hits the next matching frame or answer.
func (a *ActiveFault) hit(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.For > 0 && now.After(a.until) {
		a.over = true
		return false
	}
	a.seen++
	if a.seen <= a.After {
		return false
	}
	if a.Probability > 0 && a.random.Float64() >= a.Probability {
		return false
	}
	a.hits++
	all := a.Count == -1 || a.Count == 0 && (a.Probability > 0 || a.For > 0)
	if !all && a.hits >= max(a.Count, 1) {
		a.over = true
	}
	return true
}

func (a *ActiveFault) counted(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hits += int64(n)
	a.over = true
}

// faultSet are the faults that are active.
type faultSet struct {
	mu              sync.Mutex
	frames, answers []*ActiveFault
}

func (s *faultSet) add(f Fault, now time.Time) *ActiveFault {
	a := &ActiveFault{Fault: f, until: now.Add(f.For), random: rand.New(rand.NewPCG(f.Seed, 0x6661756c74))}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case f.answers():
		s.answers = append(s.answers, a)
	case !f.atOnce():
		s.frames = append(s.frames, a)
	}
	return a
}

// onFrame returns the faults that hit the next frame of a stream, mostly none.
func (s *faultSet) onFrame(stream string, now func() time.Time) []*ActiveFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return match(&s.frames, func(f *Fault) bool { return f.matchesStream(stream) }, now)
}

// onAnswer returns the faults that hit an answer.
func (s *faultSet) onAnswer(urlPath string, now func() time.Time) []*ActiveFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return match(&s.answers, func(f *Fault) bool {
		if f.Path == "" {
			return strings.HasPrefix(urlPath, "/api/")
		}
		ok, _ := path.Match(f.Path, urlPath)
		return ok
	}, now)
}

func (f *Fault) matchesStream(stream string) bool {
	if f.Stream == "" {
		return true
	}
	ok, _ := path.Match(f.Stream, stream)
	return ok
}

func match(list *[]*ActiveFault, matches func(*Fault) bool, now func() time.Time) []*ActiveFault {
	if len(*list) == 0 {
		return nil
	}
	var hits []*ActiveFault
	left := (*list)[:0]
	at := now()
	for _, a := range *list {
		if matches(&a.Fault) && a.hit(at) {
			hits = append(hits, a)
		}
		a.mu.Lock()
		if !a.over {
			left = append(left, a)
		}
		a.mu.Unlock()
	}
	clear((*list)[len(left):])
	*list = left
	return hits
}
