package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/recorded"
	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/simexchange"
)

const (
	outageSpeed  = 20              // of the recorded market
	outageLength = 8 * time.Second // 160 s of the market's time: a whole minute lies in it, wherever it begins
	staleLimit   = 3 * time.Second // without a 1s candle for so long the clock is called stale
	slack        = 3 * time.Second // for a machine that has other things to do

	inProgress   = "candle/1m/BTCUSDT"
	closedMinute = "candle/1m/BTCUSDT/closed"
	closedSecond = "candle/1s/BTCUSDT/closed"
	feedTopic    = "status/BTCUSDT/feed"
	clockTopic   = "status/BTCUSDT/clock"
)

// The feed is gone for a whole minute of the market's time and comes back: clients are told while it lasts and when it is over, and the candles that they get
// in the end are those that they would have got without it.
func TestAMinuteWithoutTheFeedIsToldAndMadeUpFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		watchdog time.Duration // a connection without a frame for so long is given up by ingest
		outage   func(x *simexchange.Server, told func(stateAndQuality string))
		states   []string // of the feed
		reason   string   // of the first state after SYNCED
	}{
		{"down: connections reset and refused, REST too", time.Minute, func(x *simexchange.Server, told func(string)) {
			x.Inject(simexchange.Fault{Kind: simexchange.FaultOutage, Duration: outageLength})
		}, []string{"SYNCED", "DOWN", "RECOVERING", "SYNCED"}, "no connection: "},
		{"half open: nothing comes, REST does not answer; then the same connection goes on", time.Minute, func(x *simexchange.Server, told func(string)) {
			rest := halfOpen(x, outageLength)
			told("GAP/stale")
			rest.Remove()
		}, []string{"SYNCED", "GAP", "SYNCED"}, "trades from "},
		{"half open: nothing comes, REST does not answer; then the watchdog gives the connection up", outageLength, func(x *simexchange.Server, told func(string)) {
			rest := halfOpen(x, time.Hour)
			told("DOWN/stale")
			rest.Remove()
		}, []string{"SYNCED", "DOWN", "RECOVERING", "SYNCED"}, "no connection: silent for "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x, begin := newExchange(t)
			contracts := contractsWith(t, `{id: BTCUSDT, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.000001"}`)
			p := up(t, t.TempDir(), fmt.Sprintf(`
contracts: %s
venue: binance
ingest:
  simulated: true
  feed: {max_ahead: 10m, reorder_wait: 50ms}
  binance: {rest_url: "%s", ws_url: "ws%s", silence: %s, backoff_min: 20ms, backoff_max: 500ms, rest_timeout: 1s}
`, contracts, x.URL(), strings.TrimPrefix(x.URL(), "http"), c.watchdog))
			cl := subscribe(t, p.addrs().mqtt, inProgress, closedMinute, closedSecond, "status/#")
			begin()
			closed := func(topic string, fromMs int64) func(message) bool {
				return func(m message) bool { return m.Topic == topic && m.OpenMs >= fromMs }
			}
			cl.Wait("the first whole minute begins", time.Minute, closed(closedSecond, recorded.FirstWholeMs))
			cl.Wait("a clock", time.Minute, func(m message) bool { return m.Topic == clockTopic && m.State == "live" })

			var now struct{ ServerTime int64 }
			get(t, x.URL()+"/api/v3/time", &now)
			o := outage{begun: time.Now(), beginMs: now.ServerTime, endMs: now.ServerTime + outageLength.Milliseconds()*outageSpeed}
			told := func(want string) {
				t.Helper()
				cl.Wait(want, time.Minute, func(m message) bool {
					return m.Topic == feedTopic && m.State+"/"+m.Quality == want && m.At.After(o.begun)
				})
			}
			c.outage(x, told)
			told("SYNCED/ok")
			cl.Wait("a whole minute after it", time.Minute, closed(closedMinute, o.endMs))

			checkFeed(t, cl, o, c.states, c.reason)
			checkClock(t, cl, o)
			checkQuality(t, cl, o)
			checkClosed(t, cl, x, o, market.Period1m)
			checkClosed(t, cl, x, o, market.Period1s)
			cl.NoStepBack()
		})
	}
}

// outage is when the exchange was away at least, by its own time.
type outage struct {
	begun          time.Time
	beginMs, endMs int64
}

// minuteMs is the whole minute in it.
func (o outage) minuteMs() int64 { return market.Period1m.NextMs(market.Period1m.OpenMs(o.beginMs)) }

// newExchange makes a simulator, which answers and whose market moves from begin on.
func newExchange(t *testing.T) (s *simexchange.Server, begin func()) {
	t.Helper()
	cfg := simexchange.DefaultConfig()
	cfg.Symbols = []simexchange.Symbol{{Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT", Tick: "0.01", Step: "0.000001"}}
	cfg.Recording = &simexchange.RecordingConfig{Times: "kept", Speed: outageSpeed, WaitForSubscriber: true, Markets: []simexchange.Recording{
		{Symbol: "BTCUSDT", AggTrades: []string{rig.File(t, recorded.Trades)}, Klines: rig.File(t, recorded.Klines)}}}
	s, err := simexchange.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		running.Wait()
		s.Close() // if it has not begun
	})
	return s, func() {
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// halfOpen silences the connections there are for so long, and REST until the fault is removed.
func halfOpen(x *simexchange.Server, long time.Duration) (rest *simexchange.ActiveFault) {
	rest = x.Inject(simexchange.Fault{Kind: simexchange.FaultDelay, Path: "/api/v3/*", Count: -1, Duration: time.Hour})
	x.Inject(simexchange.Fault{Kind: simexchange.FaultSilence, Duration: long})
	return rest
}

func get(t *testing.T, url string, v any) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(v); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, res.Status, err)
	}
}

// klines are the exchange's own candles by open time, with the fields of candle.nine.
func klines(t *testing.T, x *simexchange.Server, interval string) map[int64][9]string {
	t.Helper()
	var rows [][12]any
	get(t, fmt.Sprintf("%s/api/v3/klines?symbol=BTCUSDT&interval=%s&startTime=%d&limit=1000", x.URL(), interval, recorded.FirstWholeMs), &rows)
	ks := map[int64][9]string{}
	for _, r := range rows {
		var k [9]string
		for i, from := range []int{1, 2, 3, 4, 5, 7, 8, 9, 10} { // numbers are whole, and small enough to be exact
			k[i] = fmt.Sprint(r[from])
		}
		ks[int64(r[0].(float64))] = k
	}
	return ks
}

// report is a status with all that it says.
type report struct {
	message
	Reason  string `json:"reason"`
	Last    int64  `json:"last_id"`
	Missing *int64 `json:"missing"` // nil: not known
}

// reports are the statuses on a topic, from the last one before the given time on.
func (c *client) reports(topic string, since time.Time) (rs []report) {
	c.T.Helper()
	for _, m := range c.Received() {
		if m.Topic == topic {
			if m.At.Before(since) {
				rs = nil
			}
			r := report{message: m}
			if err := json.Unmarshal(m.Raw, &r); err != nil {
				c.T.Fatalf("%s: %v", m.Raw, err)
			}
			rs = append(rs, r)
		}
	}
	return rs
}

// begins sees that what was told, without repetitions, begins as it should; a machine that stands still may add to it.
func begins[T any](t *testing.T, what string, all []T, of func(T) string, want ...string) {
	t.Helper()
	var got []string
	for _, one := range all {
		got = append(got, of(one))
	}
	got = slices.Compact(got)
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// checkFeed sees that clients are told what is the matter, and that the trades which are said to be missing are those of the outage.
func checkFeed(t *testing.T, cl *client, o outage, states []string, reason string) {
	t.Helper()
	feed := cl.reports(feedTopic, o.begun)
	begins(t, "the feed's state", feed, func(r report) string { return r.State }, states...)
	begins(t, "the feed's quality", feed, func(r report) string { return r.Quality }, "ok", "stale", "ok")
	if i := slices.IndexFunc(feed, func(r report) bool { return r.State == states[1] }); i < 0 || !strings.HasPrefix(feed[i].Reason, reason) {
		t.Errorf("no %s with the reason %q", states[1], reason)
	}
	b, err := os.ReadFile(rig.File(t, recorded.Trades))
	var rows []struct{ A, T int64 }
	if err = errors.Join(err, json.Unmarshal(b, &rows)); err != nil {
		t.Fatal(err)
	}
	at := map[int64]int64{} // times by id
	for _, r := range rows {
		at[r.A] = r.T
	}
	counted := states[1] != "GAP" // then the connection shows what comes after the missing trades
	for _, r := range feed {
		t.Logf("%.1f s: %s, q %s, %q", r.At.Sub(o.begun).Seconds(), r.State, r.Quality, r.Reason)
		switch {
		case r.Quality != "ok" && r.Reason == "",
			r.State == "SYNCED" && (r.Missing != nil) != (r.Quality == "ok"): // what is lost is not known while nothing comes
			t.Errorf("status %s", r.Raw)
		case r.State != "SYNCED" && r.Missing != nil:
			counted = true
			first, next := at[r.Last+1], at[r.Last+1+*r.Missing]
			if *r.Missing < 1 || first < o.beginMs-10_000 || first > o.minuteMs() || next < o.endMs-10_000 { // some seconds have no trade
				t.Errorf("%s: missing are the trades from %d to %d, the outage was from %d to %d", r.Raw, first, next, o.beginMs, o.endMs)
			}
		}
	}
	if !counted {
		t.Error("how many trades are missing was not told")
	}
}

// checkClock sees that the clock is called stale when the limit is over.
func checkClock(t *testing.T, cl *client, o outage) {
	t.Helper()
	clock := cl.reports(clockTopic, o.begun)
	begins(t, "the clock", clock, func(r report) string { return r.State + "/" + r.Quality }, "live/ok", "stale/stale", "live/ok")
	if len(clock) > 1 {
		if took := clock[1].At.Sub(o.begun); took < staleLimit/2 || took > staleLimit+slack {
			t.Errorf("the clock was called stale after %s, the limit is %s", took, staleLimit)
		}
	}
}

// checkQuality sees that the candle in progress says what it is worth.
func checkQuality(t *testing.T, cl *client, o outage) {
	t.Helper()
	ms := slices.DeleteFunc(cl.Received(), func(m message) bool { return m.Topic != inProgress || m.OpenMs < market.Period1m.OpenMs(o.beginMs) })
	begins(t, "q of the candle in progress", ms, func(m message) string { return m.Quality }, "ok", "stale", "ok")
}

// checkClosed sees that closed candles come in order, each once, without holes, and are the exchange's own.
func checkClosed(t *testing.T, cl *client, x *simexchange.Server, o outage, p market.Period) {
	t.Helper()
	topic, next, traded := fmt.Sprintf("candle/%s/BTCUSDT/closed", p), recorded.FirstWholeMs, 0
	all := cl.Received()
	want := klines(t, x, p.String()) // asked afterwards: what the client has as closed is closed there
	for _, m := range all {
		if m.Topic != topic || m.OpenMs < recorded.FirstWholeMs {
			continue
		}
		if m.OpenMs != next {
			t.Fatalf("%s: %d (rev %d) came where %d was due", topic, m.OpenMs, m.Revision, next)
		}
		next = p.NextMs(next)
		k := want[m.OpenMs]
		if n := recorded.Nine(t, &m.Candle); n != k {
			t.Errorf("%s: %d\n got %v\nwant %v", topic, m.OpenMs, n, k)
		}
		if m.Fill != (k[6] == "0") || !m.Closed || m.Quality != "ok" || m.Revision != 0 {
			t.Errorf("%s: %d with %s trades: fill %v, x %v, q %s, rev %d", topic, m.OpenMs, k[6], m.Fill, m.Closed, m.Quality, m.Revision)
		}
		if m.OpenMs >= o.minuteMs() && m.OpenMs < o.minuteMs()+market.MinuteMs && m.Count > 0 {
			traded++
		}
	}
	t.Logf("%s: %d candles are the exchange's, %d of the minute within the outage have trades", topic, (next-recorded.FirstWholeMs)/p.NextMs(0), traded)
	if traded == 0 {
		t.Errorf("%s: no candle of the minute within the outage has trades", topic)
	}
}
