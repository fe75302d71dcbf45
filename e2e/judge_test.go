package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// numberedTopics is the number of topics of each class. Messages of a class carry consecutive numbers from 1 on; number n goes to topic n % numberedTopics.
const numberedTopics = 8

const inflightWindow = 256 // of the edge's default configuration

// mark is how far each class was numbered at a moment.
type mark struct{ state, event, final int }

// newest returns the greatest number up to n of a topic; 0 or less: there is none.
func newest(n, topic int) int { return n - ((n-topic)%numberedTopics+numberedTopics)%numberedTopics }

// ending is what a client may expect of the connection with which a stage ends.
type ending int

const (
	same    ending = iota // the connection with which it began
	resumed               // a new one that has the session
	fresh                 // a new one without
)

func (e ending) String() string {
	return [...]string{"the same connection", "a resumed session", "a new session"}[e]
}

// stage is what the judge must know of a part of the run.
type stage struct {
	ending
	held mark // what retained values must not be older than
	cut  int  // the newest final that an earlier connection may have sent
	end  mark // what must have come at the end
}

// judge reads a client's reports and says what it should not have got, or should have.
type judge struct {
	subscribes bool // at each connection, so that retained values come again

	faults []string
	have   map[string]int // the newest number of each topic of state and final, of this session
	event  int            // the newest ever

	connected bool            // in this stage
	final     int             // the newest that was not retained, on this connection
	came      map[string]bool // topics of state and final that came on this connection
	repeated  map[string]bool // of these: those whose retained value came again
	tally     tally
}

// tally is what came on one connection.
type tally struct{ state, event, final, retained, dup, again int }

func (j *judge) fault(format string, args ...any) {
	if len(j.faults) < 20 {
		j.faults = append(j.faults, fmt.Sprintf(format, args...))
	}
}

// read judges what was reported in a stage.
func (j *judge) read(rs []reported, s stage) {
	j.connected = false
	for _, r := range rs {
		switch r.kind {
		case "connected":
			j.connect(r, s)
		case "message":
			j.message(r, s)
		}
	}
	if s.ending != same && !j.connected {
		j.fault("did not connect again")
	}
	for k := range numberedTopics {
		for _, class := range []struct {
			name string
			end  int
		}{{"state", s.end.state}, {"final", s.end.final}} {
			topic := fmt.Sprint(class.name, "/", k)
			if want := newest(class.end, k); want > 0 && j.have[topic] != want {
				j.fault("%s: the newest that came is %d, not %d", topic, j.have[topic], want)
			}
		}
	}
	if j.event != s.end.event {
		j.fault("the newest event that came is %d, not %d", j.event, s.end.event)
	}
	if j.tally.dup > inflightWindow {
		j.fault("%d messages with DUP; no more than %d can have been in flight", j.tally.dup, inflightWindow)
	}
}

func (j *judge) connect(r reported, s stage) {
	switch {
	case s.ending == same:
		j.fault("lost its connection")
	case j.connected:
		j.fault("connected twice")
	case r.present != unknown && (r.present == 1) != (s.ending == resumed):
		j.fault("session present = %d, want %s", r.present, s.ending)
	}
	j.connected, j.final, j.tally = true, 0, tally{}
	j.came, j.repeated = map[string]bool{}, map[string]bool{}
	if s.ending == fresh {
		j.have = map[string]int{}
	}
}

func (j *judge) message(r reported, s stage) {
	class, _, _ := strings.Cut(r.topic, "/")
	if want := fmt.Sprint(class, "/", r.n%numberedTopics); r.topic != want {
		j.fault("number %d on %s", r.n, r.topic)
		return
	}
	if wantQoS := map[string]int{"final": 1}[class]; r.qos != wantQoS {
		j.fault("%s %d with QoS %d", class, r.n, r.qos)
	}
	if r.dup == 1 {
		j.tally.dup++
	}
	switch class {
	case "state":
		j.state(r, s)
	case "event":
		j.eventMessage(r)
	case "final":
		j.finalMessage(r, s)
	}
}

// retainedFirst judges the first message of a topic in a session: its value at once.
func (j *judge) retainedFirst(r reported, held int) {
	if held = newest(held, r.n%numberedTopics); held <= 0 {
		return
	}
	if !r.retain {
		j.fault("%s: %d came before the retained value", r.topic, r.n)
	}
	if r.n < held {
		j.fault("%s: retained value %d, older than %d", r.topic, r.n, held)
	}
}

func (j *judge) state(r reported, s stage) {
	last, known := j.have[r.topic]
	switch {
	case !known:
		j.retainedFirst(r, s.held.state)
	case r.n < last:
		j.fault("%s went back from %d to %d", r.topic, last, r.n)
	case r.n == last && j.came[r.topic] && !j.mayRepeat(r):
		j.fault("%s: %d came twice", r.topic, r.n)
	}
	if r.dup == 1 {
		j.fault("%s %d: DUP with QoS 0", r.topic, r.n)
	}
	j.tally.state++
	j.came[r.topic] = true
	j.have[r.topic] = r.n
}

// mayRepeat says whether this is the retained value that a client gets for subscribing again.
func (j *judge) mayRepeat(r reported) bool {
	if !r.retain || !j.subscribes || j.repeated[r.topic] {
		return false
	}
	j.repeated[r.topic] = true
	return true
}

func (j *judge) eventMessage(r reported) {
	if r.n <= j.event {
		j.fault("event %d after %d", r.n, j.event)
	}
	if r.retain || r.dup == 1 {
		j.fault("event %d: retain %v, DUP %d", r.n, r.retain, r.dup)
	}
	j.event = r.n
	j.tally.event++
}

func (j *judge) finalMessage(r reported, s stage) {
	j.tally.final++
	last, known := j.have[r.topic]
	again := s.ending == resumed && j.connected && r.n <= s.cut // it may be in flight since an earlier connection
	if r.dup == 1 && !again {
		j.fault("%s: %d with DUP, and was not sent before", r.topic, r.n)
	}
	if !known || r.n > last {
		switch {
		case !known:
			j.retainedFirst(r, s.held.final)
		case r.n != last+numberedTopics:
			j.fault("%s: %d after %d: what is between is missing", r.topic, r.n, last)
		}
		j.have[r.topic] = r.n
	}
	switch {
	case r.retain:
		j.tally.retained++
		if known && r.n <= last && (r.n < last || !j.mayRepeat(r)) {
			j.fault("%s: retained value %d after %d", r.topic, r.n, last)
		}
		return
	case known && r.n <= last && (!again || r.dup == 0):
		j.fault("%s: %d came twice, without DUP or not after a reconnect", r.topic, r.n)
	case known && r.n <= last:
		j.tally.again++
	}
	if r.n <= j.final {
		j.fault("final %d after %d", r.n, j.final)
	}
	j.final = r.n
}

func TestJudgeOfReports(t *testing.T) {
	t.Parallel()
	connect := reported{kind: "connected", present: 1}
	m := func(topic string, n int, rest string) reported { // r: retained, d: DUP
		r := reported{kind: "message", topic: fmt.Sprint(topic, "/", n%numberedTopics), n: n, retain: strings.Contains(rest, "r")}
		if topic == "final" {
			r.qos = 1
		}
		if strings.Contains(rest, "d") {
			r.dup = 1
		}
		return r
	}
	live := stage{ending: same}
	back := stage{ending: resumed, cut: 24}
	for _, tt := range []struct {
		name string
		s    stage
		rs   []reported
		want string // the beginning of a fault; empty: none
	}{
		{"in order", live, []reported{m("state", 40, ""), m("event", 11, ""), m("event", 19, ""), m("final", 24, "")}, ""},
		{"state back", live, []reported{m("state", 8, "")}, "state/0 went back from 16 to 8"},
		{"state twice", live, []reported{m("state", 24, ""), m("state", 24, "")}, "state/0: 24 came twice"},
		{"event back", live, []reported{m("event", 10, "")}, "event 10 after 10"},
		{"final missing", live, []reported{m("final", 32, "")}, "final/0: 32 after 16: what"},
		{"final twice", live, []reported{m("final", 16, "")}, "final/0: 16 came twice"},
		{"final with DUP at first", live, []reported{m("final", 24, "d")}, "final/0: 24 with DUP"},
		{"finals of topics out of order", live, []reported{m("final", 17, ""), m("final", 24, ""), m("final", 18, "")}, "final 18 after 24"},
		{"wrong topic", live, []reported{{kind: "message", topic: "final/3", qos: 1, n: 24}}, "number 24 on final/3"},
		{"wrong QoS", live, []reported{{kind: "message", topic: "final/0", n: 24}}, "final 24 with QoS 0"},
		{"lost", live, []reported{connect}, "lost its connection"},
		{"sent again", back, []reported{connect, m("final", 16, "d"), m("final", 24, "d"), m("final", 32, ""), m("state", 16, "")}, ""},
		{"sent again without DUP", back, []reported{connect, m("final", 16, "")}, "final/0: 16 came twice"},
		{"new with DUP", back, []reported{connect, m("final", 24, "d"), m("final", 32, "d")}, "final/0: 32 with DUP"},
		{"not again", back, nil, "did not connect"},
		{"no session", back, []reported{{kind: "connected"}}, "session present = 0"},
		{"retained first", stage{ending: fresh, held: mark{16, 0, 16}}, []reported{{kind: "connected"}, m("state", 24, "r"), m("final", 16, "r"), m("final", 24, "")}, ""},
		{"retained not first", stage{ending: fresh, held: mark{16, 0, 16}}, []reported{{kind: "connected"}, m("final", 24, "")}, "final/0: 24 came before"},
		{"retained old", stage{ending: fresh, held: mark{16, 0, 24}}, []reported{{kind: "connected"}, m("final", 16, "r")}, "final/0: retained value 16"},
		{"old value queued", stage{ending: fresh, held: mark{16, 0, 16}}, []reported{{kind: "connected"}, m("final", 16, "r"), m("final", 8, "")}, "final/0: 8 came twice"},
		{"newest missing", stage{ending: same, end: mark{state: 32}}, []reported{m("state", 24, "")}, "state/0: the newest that came is 24"},
		{"newest event missing", stage{ending: same, end: mark{event: 12}}, []reported{m("event", 11, "")}, "the newest event"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := &judge{have: map[string]int{"state/0": 16, "final/0": 16, "final/1": 9, "final/2": 10}, event: 10, came: map[string]bool{}, repeated: map[string]bool{}}
			end := tt.s
			if end.end.event == 0 { // whatever came is the end
				end.end.event = 10
				for _, r := range tt.rs {
					if strings.HasPrefix(r.topic, "event/") {
						end.end.event = r.n
					}
				}
			}
			j.read(tt.rs, end)
			switch {
			case tt.want == "" && len(j.faults) > 0:
				t.Errorf("faults: %q", j.faults)
			case tt.want != "" && !strings.Contains("\n"+strings.Join(j.faults, "\n"), "\n"+tt.want):
				t.Errorf("faults: %q, want %q", j.faults, tt.want)
			}
		})
	}
}
