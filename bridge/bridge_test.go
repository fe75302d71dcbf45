package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/kafkatest"
	"github.com/tickcast/tickcast/market"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// recordingEdge keeps what it was given, and refuses what is not newer.
type recordingEdge struct {
	mu   sync.Mutex
	all  []catalog.Message
	last map[string]market.Version
	news chan struct{}
}

func newRecordingEdge() *recordingEdge {
	return &recordingEdge{last: map[string]market.Version{}, news: make(chan struct{}, 1)}
}

func (e *recordingEdge) Publish(m catalog.Message) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if v, ok := e.last[m.Topic]; ok && !v.Less(m.Version) {
		return false
	}
	e.last[m.Topic] = m.Version
	e.all = append(e.all, m)
	select {
	case e.news <- struct{}{}:
	default:
	}
	return true
}

// wait returns the first message that pred takes, among those before and those to come.
func (e *recordingEdge) wait(t *testing.T, what string, pred func(catalog.Message) bool) catalog.Message {
	t.Helper()
	deadline := time.After(patience)
	for {
		e.mu.Lock()
		for _, m := range e.all {
			if pred(m) {
				e.mu.Unlock()
				return m
			}
		}
		e.mu.Unlock()
		select {
		case <-e.news:
		case <-deadline:
			t.Fatalf("%s did not come", what)
		}
	}
}

type world struct {
	cat  *catalog.Catalog
	cfg  kafka.Config
	prod *kafka.Producer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	w.cfg, _ = kafkatest.Start(t, "")
	w.cat = kafkatest.Shipped(t, w.cfg)
	var err error
	if w.prod, err = kafka.NewProducer(w.cfg, kafka.ProducerOptions{Name: "test"}, quiet); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.prod.Close(time.Second) })
	return w
}

func (w *world) candle(t *testing.T, contract string, p market.Period, v market.Version) {
	t.Helper()
	w.produce(t, catalog.PushCandles, catalog.CandleKey(contract, p), fmt.Sprintf(`{"seq":%d}`, v.Seq), v.Bytes())
}

func (w *world) produce(t *testing.T, topic, key, value string, ver []byte) {
	t.Helper()
	if err := w.prod.Produce(t.Context(), topic, []byte(key), []byte(value), kafka.Header{Key: "ver", Value: ver}); err != nil {
		t.Fatal(err)
	}
}

// log writes a record of market.trades.
func (w *world) log(t *testing.T, contract string, kind market.Kind, seq int64) {
	t.Helper()
	v := market.Version{Epoch: 1, Seq: seq}
	if err := w.prod.Produce(t.Context(), catalog.MarketTrades, []byte(contract), fmt.Appendf(nil, `{"k":"%s","seq":%d}`, kind, seq),
		kafka.Header{Key: catalog.KindName, Value: []byte(kind.String())}, kafka.Header{Key: catalog.VersionName, Value: v.Bytes()}); err != nil {
		t.Fatal(err)
	}
}

// round writes a record of push.rounds that says where the candle topics end now.
func (w *world) round(t *testing.T) {
	t.Helper()
	if err := w.prod.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := kafka.NewReader(w.cfg, kafka.ReaderOptions{Name: "test"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rd := kafka.Round{Offsets: map[string][]int64{}}
	for _, topic := range []string{catalog.PushCandles, catalog.PushClosed} {
		ranges, err := r.Ranges(topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, rg := range ranges {
			rd.Offsets[topic] = append(rd.Offsets[topic], rg.High)
		}
	}
	b, err := json.Marshal(rd)
	if err != nil {
		t.Fatal(err)
	}
	w.produce(t, catalog.PushRounds, "", string(b), market.Version{}.Bytes())
	if err := w.prod.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) run(t *testing.T, edge Edge) *Bridge {
	t.Helper()
	b, err := New(Config{Kafka: w.cfg}, w.cat, edge, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("bridge: %v", err)
		}
	})
	return b
}

func awaitReady(t *testing.T, b *Bridge) {
	t.Helper()
	select {
	case <-b.Ready():
	case <-time.After(patience):
		t.Fatal("the bridge did not become ready")
	}
}

func TestStateIsLoadedFromTheLastRoundBeforeReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.candle(t, "BTCUSDT", market.Period1m, market.Version{Epoch: 1, T: 60000, Seq: 1}) // before the round: not needed
	w.round(t)
	for i := range 50 {
		w.candle(t, "BTCUSDT", market.Period1m, market.Version{Epoch: 1, T: 60000, Seq: int64(10 + i)})
		w.candle(t, "ETHUSDT", market.Period1d, market.Version{Epoch: 1, T: 0, Seq: int64(10 + i)})
	}
	w.candle(t, "BTCUSDT", market.Period1m, market.Version{Epoch: 1, T: 60000, Seq: 20}) // old versions again, as after a crash
	w.produce(t, catalog.PushCandles, "no such key/at/all", "{}", market.Version{}.Bytes())
	w.produce(t, catalog.PushCandles, "BTCUSDT/1m", "{}", []byte("short"))
	if err := w.prod.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	edge := newRecordingEdge()
	b := w.run(t, edge)
	awaitReady(t, b)
	edge.mu.Lock()
	btc, eth := edge.last["candle/1m/BTCUSDT"], edge.last["candle/1d/ETHUSDT"]
	first := edge.all[0]
	edge.mu.Unlock()
	if btc.Seq != 59 || eth.Seq != 59 {
		t.Errorf("at ready the edge has %v and %v", btc, eth)
	}
	if first.Version.Seq == 1 {
		t.Error("reading began before the round")
	}
	if s := b.Stats(); s.Rejected != 2 || s.Old == 0 {
		t.Errorf("counts %+v, want 2 rejected and some old", s)
	}
	w.candle(t, "BTCUSDT", market.Period1m, market.Version{Epoch: 1, T: 120000, Seq: 60})
	m := edge.wait(t, "live candle", func(m catalog.Message) bool { return m.Version.Seq == 60 })
	if m.Topic != "candle/1m/BTCUSDT" || string(m.Payload) != `{"seq":60}` || m.Class != catalog.State {
		t.Errorf("live message %+v", m)
	}
}

func TestTradesAreForwardedByKindFromTheEndOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.log(t, "BTCUSDT", market.KindTrade, 1) // history
	w.round(t)
	edge := newRecordingEdge()
	awaitReady(t, w.run(t, edge))
	kinds := []market.Kind{market.KindClock, market.KindTrade, market.KindQuality, market.KindBust, market.KindSeed, market.KindContract, market.KindCorrection, market.KindTrade}
	for i, k := range kinds {
		w.log(t, "BTCUSDT", k, int64(2+i))
	}
	last := edge.wait(t, "last trade", func(m catalog.Message) bool { return m.Version.Seq == 9 })
	if last.Topic != "trade/BTCUSDT" || last.Class != catalog.Event || string(last.Payload) != `{"k":"trade","seq":9}` {
		t.Errorf("trade %+v", last)
	}
	var seqs []int64
	for _, m := range edge.all {
		if m.Topic == "trade/BTCUSDT" {
			seqs = append(seqs, m.Version.Seq)
		}
	}
	if fmt.Sprint(seqs) != "[3 5 8 9]" {
		t.Errorf("forwarded %v, want the trades, the bust and the correction", seqs)
	}
}

func TestWithoutARoundTheBridgeWaitsForOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.run(t, newRecordingEdge())
	select {
	case <-b.Ready():
		t.Fatal("ready without any state")
	case <-time.After(300 * time.Millisecond):
	}
	w.round(t)
	awaitReady(t, b)
}

func TestSilentClockIsToldOnceAndItsReturnToo(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_700_000_000_000)
	cat.Contracts[2].Period = []market.Period{market.Period1m}
	w := newClockWatch(cat, now)
	states := func(ms []catalog.Message) string {
		var s []string
		for _, m := range ms {
			var p struct{ State, S string }
			if err := json.Unmarshal(m.Payload, &p); err != nil {
				t.Fatal(err)
			}
			s = append(s, p.S+" "+p.State)
		}
		return strings.Join(s, ", ")
	}
	m, news := w.beat(catalog.PushCandles, []byte("BTCUSDT/1s"), nil, true, now.Add(time.Second))
	if !news || states([]catalog.Message{m}) != "BTCUSDT live" || m.Topic != "status/BTCUSDT/clock" {
		t.Fatalf("first candle: %v %+v", news, m)
	}
	if _, news = w.beat(catalog.PushCandles, []byte("BTCUSDT/1s"), nil, true, now.Add(2*time.Second)); news {
		t.Fatal("the second candle is no news")
	}
	if got := states(w.silent(now.Add(3 * time.Second))); got != "ETHUSDT stale, SOLUSDT stale, BTC-PERP stale" {
		t.Fatalf("after 3 s: %q", got)
	}
	if got := states(w.silent(now.Add(5 * time.Second))); got != "BTCUSDT stale" {
		t.Fatalf("3 s after the last candle: %q", got)
	}
	if got := states(w.silent(now.Add(50 * time.Second))); got != "" {
		t.Fatalf("said again: %q", got)
	}
	if _, news := w.beat(catalog.PushTickers, []byte("BTCUSDT"), nil, true, now.Add(50*time.Second)); news {
		t.Fatal("the ticker of a contract with 1s candles is no beat")
	}
	if m, news := w.beat(catalog.PushTickers, []byte("SOLUSDT"), nil, true, now.Add(50*time.Second)); !news || states([]catalog.Message{m}) != "SOLUSDT live" {
		t.Fatalf("the ticker of a contract without 1s candles: %v %+v", news, m)
	}
	back, news := w.beat(catalog.PushCandles, []byte("BTCUSDT/1s"), nil, true, now.Add(51*time.Second))
	if !news || states([]catalog.Message{back}) != "BTCUSDT live" || !m.Version.Less(back.Version) {
		t.Fatalf("return: %v %+v", news, back)
	}
}

func TestClocksFollowAChangedCatalogue(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_700_000_000_000)
	all := cat.Contracts
	w := newClockWatch(cat.With(all[:2]), now)
	beat := func(id string) bool {
		_, news := w.beat(catalog.PushCandles, []byte(id+"/1s"), nil, true, now)
		return news
	}
	if !beat("BTCUSDT") || !beat("ETHUSDT") || beat("SOLUSDT") {
		t.Fatal("the clocks that move are not those of the catalogue")
	}
	now = now.Add(time.Second)
	last := w.follow(cat.With(all[1:3]), now)
	if len(last) != 1 || last[0].Topic != "status/BTCUSDT/clock" || !strings.Contains(string(last[0].Payload), `"state":"stale"`) {
		t.Errorf("of the contract that has left: %v", last)
	}
	if beat("BTCUSDT") || beat("ETHUSDT") || !beat("SOLUSDT") {
		t.Error("a contract that has left has a clock, one that stays begins anew, or a new one has none")
	}
}

func TestEventsWaitForARemoteEdgeInOrderAndAreSentOnce(t *testing.T) {
	t.Parallel()
	r := &Remote{wake: make(chan struct{}, 1), latest: map[string]catalog.Message{}, marked: map[string]bool{}}
	for seq := range int64(maxEvents + 3) {
		for range 2 { // the second is not newer
			r.Publish(catalog.Message{Topic: "trade/A", Class: catalog.Event, Version: market.Version{Seq: seq}})
		}
	}
	if n := r.Dropped.Load(); n != 3 {
		t.Errorf("%d dropped, want 3", n)
	}
	for want := int64(3); want < maxEvents+3; want++ {
		m, ok := r.next()
		if !ok || m.Version.Seq != want {
			t.Fatalf("got %v %v, want event %d", ok, m.Version, want)
		}
		if want == 5 { // the connection was lost
			r.again(m)
			r.remarkAll()
			if m, _ := r.next(); m.Version.Seq != want {
				t.Fatalf("after a failure came %v, want event %d again", m.Version, want)
			}
		}
	}
	if m, ok := r.next(); ok {
		t.Errorf("left over: %v", m)
	}
}

func TestClockSaysThatItsSourceIsSimulated(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_700_000_000_000)
	w := newClockWatch(cat, now)
	simulated := func(m catalog.Message) bool { return strings.Contains(string(m.Payload), `"sim":true`) }
	m, _ := w.beat(catalog.PushCandles, []byte("BTCUSDT/1s"), []byte(`{"s":"BTCUSDT","sim":true}`), true, now)
	if !simulated(m) {
		t.Errorf("by its candle: %s", m.Payload)
	}
	w.feed([]byte(catalog.StatusKey("ETHUSDT", "feed")), []byte(`{"sim":true}`))
	w.beat(catalog.PushCandles, []byte("SOLUSDT/1s"), []byte(`{"s":"SOLUSDT"}`), false, now)
	for _, m := range w.silent(now.Add(time.Minute)) {
		if got, want := simulated(m), strings.Contains(m.Topic, "BTCUSDT") || strings.Contains(m.Topic, "ETHUSDT"); got != want {
			t.Errorf("simulated: %t, want %t: %s", got, want, m.Payload)
		}
	}
	if m, _ = w.beat(catalog.PushCandles, []byte("BTCUSDT/1s"), []byte(`{"s":"BTCUSDT"}`), true, now.Add(time.Hour)); simulated(m) { // now live
		t.Errorf("another source: %s", m.Payload)
	}
}
