package simexchange

import (
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Each fault of a depth frame: what a client sees that knows nothing of it. The market's diffs have ids without holes otherwise.
func TestFaultsOfDepthFrames(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const stream = "btcusdt@depth@100ms"
	type seen struct {
		texts []string
		diffs []recordedDepth // of those that can be read
		ended error
	}
	gap := func(f *seen, at int) int64 { return f.diffs[at].First - f.diffs[at-1].Last - 1 }
	for _, c := range []struct {
		fault Fault
		check func(*seen) bool
	}{
		{Fault{Kind: FaultDrop, After: 1}, func(f *seen) bool { return gap(f, 1) > 0 && gap(f, 2) == 0 }},
		{Fault{Kind: FaultDuplicate, After: 1}, func(f *seen) bool { return f.texts[1] == f.texts[2] && gap(f, 3) == 0 }},
		{Fault{Kind: FaultReorder, After: 1}, func(f *seen) bool {
			return f.diffs[1].First == f.diffs[2].Last+1 && f.diffs[2].First == f.diffs[0].Last+1 && f.diffs[3].First == f.diffs[1].Last+1
		}},
		{Fault{Kind: FaultTruncate, After: 1}, func(f *seen) bool { return !json.Valid([]byte(f.texts[1])) && gap(f, 1) > 0 }},
		{Fault{Kind: FaultBadIDs, After: 1}, func(f *seen) bool { return f.diffs[1].First > f.diffs[1].Last && f.diffs[2].First == f.diffs[1].Last+1 }},
		{Fault{Kind: FaultBadNumber, After: 1}, func(f *seen) bool { return strings.Contains(f.texts[1], `[["12.3.4e","`) }},
		{Fault{Kind: FaultZeroPrice, After: 1}, func(f *seen) bool { return strings.Contains(f.texts[1], `[["0.00000000","`) }},
		{Fault{Kind: FaultWrongSymbol, After: 1}, func(f *seen) bool { return f.diffs[1].Symbol == "WRONGUSDT" }},
		{Fault{Kind: FaultBadTime, After: 1}, func(f *seen) bool { return f.diffs[1].EventMs == 9999999999999 }},
		{Fault{Kind: FaultRST, After: 1}, func(f *seen) bool { return len(f.texts) == 1 && errors.Is(f.ended, syscall.ECONNRESET) }},
		{Fault{Kind: FaultShutdown, After: 1}, func(f *seen) bool { return strings.HasPrefix(f.texts[1], `{"e":"serverShutdown"`) }},
		{Fault{Kind: FaultCrossed, After: 1}, func(f *seen) bool {
			first, ask := f.diffs[1].BidsChanged[0], s.bySymbol["BTCUSDT"].bestNow().Ask
			bid, err := recordedLevel(first[0], first[1])
			return err == nil && bid.Qty > 0 && bid.Price > ask.Price-ask.Price/100 && gap(f, 1) == 0
		}},
	} {
		t.Run(string(c.fault.Kind), func(t *testing.T) {
			c.fault.Stream = stream
			active := s.Inject(c.fault)
			defer active.Remove()
			conn := dial(t, s, "/ws/"+stream)
			defer conn.Close()
			var f seen
			for len(f.texts) < 5 && f.ended == nil {
				_, data, err := conn.ReadMessage()
				if f.ended = err; err != nil {
					break
				}
				f.texts = append(f.texts, string(data))
				var d recordedDepth
				if json.Unmarshal(data, &d) == nil {
					f.diffs = append(f.diffs, d)
				}
			}
			if !c.check(&f) {
				t.Errorf("%.150q, then %v", f.texts, f.ended)
			}
			if active.Hits() == 0 {
				t.Error("no hit was counted")
			}
			s.awaitNoClients(t)
		})
	}
}

func (in *instrument) bestNow() best {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return in.log.depth.best
}

// A bid above the best ask, whatever the frame had changed.
func TestACrossingBidIsTheFirst(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{"u":3,"b":[],"a":[["2","1"]]}`:                    `{"u":3,"b":[["0.00000005","0.00000007"]],"a":[["2","1"]]}`,
		`{"u":3,"b":[["1","2"]],"a":[]}`:                    `{"u":3,"b":[["0.00000005","0.00000007"],["1","2"]],"a":[]}`,
		`{"lastUpdateId":3,"bids":[["1","2"]],"asks":[]}`:   `{"lastUpdateId":3,"bids":[["0.00000005","0.00000007"],["1","2"]],"asks":[]}`,
		`{"u":3,"s":"X","b":"1.0","B":"2","a":"3","A":"4"}`: `{"u":3,"s":"X","b":"1.0","B":"2","a":"3","A":"4"}`,
	} {
		if got := string(withBid([]byte(data), level{5, 7})); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestFaultsOfDepthAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const path = "/api/v3/depth"
	const query = path + "?symbol=BTCUSDT&limit=20"
	conn := dial(t, s, "/ws/btcusdt@depth@100ms")
	first := decode[recordedDepth](t, []byte(readText(t, conn)))
	s.Inject(Fault{Kind: FaultStale, Path: path})
	stale := getDepth(t, s, query)
	if stale.SnapshotID >= first.First || len(stale.Bids) != 20 || len(stale.Asks) != 20 {
		t.Errorf("stale snapshot %d with %d bids, the first diff began with %d", stale.SnapshotID, len(stale.Bids), first.First)
	}
	if now := getDepth(t, s, query); now.SnapshotID < first.Last {
		t.Errorf("snapshot %d after the fault, behind diff %d", now.SnapshotID, first.Last)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // three seconds have been kept
		in := s.bySymbol["BTCUSDT"]
		in.mu.RLock()
		n := len(in.log.depth.older)
		in.mu.RUnlock()
		if n >= 4 {
			break
		}
	}
	s.Inject(Fault{Kind: FaultStale, Path: path, Count: 2})
	s.Inject(Fault{Kind: FaultStale, Path: path, Duration: time.Second, Count: 1, After: 1})
	oldest, newer, now := getDepth(t, s, query), getDepth(t, s, query), getDepth(t, s, query)
	if oldest.SnapshotID < stale.SnapshotID || newer.SnapshotID <= oldest.SnapshotID || now.SnapshotID <= newer.SnapshotID {
		t.Errorf("oldest %d, of a second ago %d, now %d", oldest.SnapshotID, newer.SnapshotID, now.SnapshotID)
	}
	for _, c := range []struct {
		fault  Fault
		status int
		part   string
	}{
		{Fault{Kind: FaultStatus, Status: 429, RetryAfter: 7}, 429, `{"code":-1003,`},
		{Fault{Kind: FaultStatus, Status: 418, RetryAfter: 7}, 418, `IP banned until`},
		{Fault{Kind: FaultStatus, Status: 503}, 503, `{"code":-1008,`},
		{Fault{Kind: FaultZeroPrice}, 200, `"bids":[["0.00000000","`},
		{Fault{Kind: FaultBadNumber}, 200, `"bids":[["12.3.4e","`},
	} {
		c.fault.Path = path
		s.Inject(c.fault)
		if body, resp := get(t, s, query); resp.StatusCode != c.status || !strings.Contains(body, c.part) {
			t.Errorf("%+v: %s %.200s", c.fault, resp.Status, body)
		}
		getDepth(t, s, query) // once only
	}
}

func TestDepthGoesSilentToo(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn, other := dial(t, s, "/ws/btcusdt@depth@100ms"), dial(t, s, "/ws/ethusdt@depth@100ms")
	readText(t, conn)
	if n := s.Inject(Fault{Kind: FaultSilence, Stream: "btcusdt@depth*"}).Hits(); n != 1 {
		t.Fatalf("%d connections hit, want 1", n)
	}
	type update struct {
		Event string `json:"e"`
		AtMs  int64  `json:"E"`
	}
	var silent update
	if err := json.Unmarshal([]byte(readText(t, other)), &silent); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		readText(t, other)
	}
	conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	for { // what was on its way already
		_, frame, err := conn.ReadMessage()
		if websocket.IsUnexpectedCloseError(err) {
			t.Errorf("the connection was closed: %v", err)
		}
		if err != nil {
			return
		}
		var f update
		if err := json.Unmarshal(frame, &f); err != nil || f.AtMs > silent.AtMs+500 {
			t.Fatalf("a frame of %d, silent since %d: %v", f.AtMs, silent.AtMs, err)
		}
	}
}
