package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tickcast "github.com/tickcast/tickcast"

	"github.com/tickcast/tickcast/e2e/rig"
)

// For an hour (TICKCAST_SOAK, or `make soak`) at 1,000 trades a second over the shipped contracts, with everything kept for a sixth of that: what the process
// holds must level off once that is full. Exchange and clients are outside of it.
func TestSoakLevelsOff(t *testing.T) {
	v := os.Getenv("TICKCAST_SOAK")
	if v == "" {
		t.Skip("TICKCAST_SOAK says how long; make soak takes an hour")
	}
	whole, err := time.ParseDuration(v)
	if err != nil {
		t.Fatalf("TICKCAST_SOAK: %v", err)
	}
	const rate, engineRate = 250, 250 // three symbols and one market
	exchange := launch(t, nil, "simexchange", "-c", rig.WriteFile(t, "simexchange.yaml", fmt.Sprintf("simulator: {listen: 127.0.0.1:0, market: {seed: 1, rate: %d}}\n", rate)))
	dir := t.TempDir()
	p := up(t, dir, outside(t, exchange)+soakConfig(t, whole/6, engineRate), "--pprof", "127.0.0.1:0")
	a := p.addrs()
	ctx, cancel := context.WithCancel(context.Background())
	c, gone := gather(ctx, t, a)
	defer func() { cancel(); gone() }()

	s := newSoak(t, p, dir)
	minute := min(time.Minute, whole/20)
	every := minute / 12
	begun, next := time.Now(), minute
	cpu, exchangeCPU, counted, trades := p.cpu(t), exchange.cpu(t), int64(0), int64(0)
	t.Logf("minute | RSS MiB | Go heap MiB | goroutines | threads | open files + those of Kafka's | data MiB (by folder) | trades/s, missed | deliveries/s | lag ms p50 p99 | CPU %% of a core, exchange's")
	tick := time.NewTicker(every)
	defer tick.Stop()
	for at := time.Duration(0); at < whole; {
		select {
		case <-p.Done:
			t.Fatalf("tickcast ended: %v", p.Err)
		case <-tick.C:
		}
		at = time.Since(begun)
		s.look(at)
		if at < next {
			continue
		}
		s.heap.add(at, p.heap(t))
		span := minute.Seconds()
		p50, p99 := c.lag()
		nowCPU, nowExchange, nowCounted, nowTrades := p.cpu(t), exchange.cpu(t), c.deliveries.Load(), c.trades.Load()
		t.Logf("%6.1f | %s | %.0f, %d | %.0f | %.1f %.1f | %.0f, %.0f", at.Minutes(), s.last(), float64(nowTrades-trades)/span, c.missed.Load(), float64(nowCounted-counted)/span, p50, p99,
			100*(nowCPU-cpu).Seconds()/span, 100*(nowExchange-exchangeCPU).Seconds()/span)
		cpu, exchangeCPU, counted, trades = nowCPU, nowExchange, nowCounted, nowTrades
		next += minute
	}
	t.Logf("%d trades, %d missed by their client; %d deliveries; %d visits, %d stalls, %d requests", c.trades.Load(), c.missed.Load(), c.deliveries.Load(), c.visits.Load(), c.stalls.Load(), c.asked.Load())
	s.judge(whole)
}

// outside is the part of a configuration that takes the market from a simulator in another process.
func outside(t testing.TB, exchange *process) string {
	url := exchange.Find(`url=(http://\S+)`)[1]
	return fmt.Sprintf("venue: binance\ningest: {simulated: true, binance: {rest_url: %q, ws_url: %q}}\n", url, "ws"+strings.TrimPrefix(url, "http"))
}

var (
	retentions     = regexp.MustCompile(`retention: (24h|72h|7d)`)
	logBounds      = regexp.MustCompile(`(name: market\.(?:trades|books)\n(?:.+\n)*?.*retention_bytes: )16MiB`)
	storePeriods   = []string{"1s", "1m", "3m", "5m", "15m", "30m"}
	storePeriodLen = []time.Duration{time.Second, time.Minute, 3 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
)

// soakConfig keeps everything for so long and no longer, by time and not by bytes.
func soakConfig(t testing.TB, keep time.Duration, engineRate int) string {
	topics := retentions.ReplaceAllString(string(tickcast.TopicsYAML), "retention: "+keep.String())
	topics = logBounds.ReplaceAllString(topics, "${1}256MiB")
	if strings.Count(topics, "256MiB") != 2 {
		t.Fatalf("topics.yaml has other bounds than this test knows:\n%s", topics)
	}
	var store []string
	for i, period := range storePeriods {
		store = append(store, fmt.Sprintf("%s: %s", period, max(keep, storePeriodLen[i])))
	}
	return fmt.Sprintf("topics: %s\nstore: {retention: {%s}}\nengine: {markets: {BTC-PERP: {price: \"65000\", qty: \"0.05\", rate: %d, seed: 1}}}\n",
		rig.WriteFile(t, "topics.yaml", topics), strings.Join(store, ", "), engineRate)
}

// soak is what is measured of the process.
type soak struct {
	t                              *testing.T
	p                              *process
	dir                            string
	rss, heap, goroutines, threads series
	files, segments, data          series
	segmentsOpen                   float64 // of segments, Kafka's on disk
	folders                        map[string]*series
}

func newSoak(t *testing.T, p *process, dir string) *soak {
	const mib = 1 << 20
	bytes := func(name string, slack float64) series {
		return series{name: name, unit: "MiB", divide: mib, percent: 3, slack: slack}
	}
	count := func(name string, slack float64) series {
		return series{name: name, divide: 1, slack: slack}
	}
	segments := count("files of Kafka", 10)
	segments.percent = 5 // as its bytes
	return &soak{t: t, p: p, dir: dir, rss: bytes("resident memory", 8*mib), heap: bytes("Go heap", 4*mib), data: bytes("data folder", 4*mib),
		goroutines: count("goroutines", 5), threads: count("threads", 3), files: count("open files but Kafka's segments", 5), segments: segments, folders: map[string]*series{}}
}

// look takes what costs the process nothing.
func (s *soak) look(at time.Duration) {
	st := s.p.status(s.t, "VmRSS", "\nThreads")
	s.rss.add(at, st[0]*1024)
	s.threads.add(at, st[1])
	open, others := s.p.files(s.t)
	s.files.add(at, others)
	s.segmentsOpen = open
	s.segments.add(at, countFiles(s.t, filepath.Join(s.dir, "kafka")))
	if open > s.segments.newest() {
		s.t.Errorf("%.0f segments are open, %.0f files are there", open, s.segments.newest())
	}
	s.goroutines.add(at, s.p.goroutines(s.t))
	all := 0.
	for folder, size := range folderBytes(s.t, s.dir) {
		if s.folders[folder] == nil {
			s.folders[folder] = &series{name: "data: " + folder, unit: "MiB", divide: 1 << 20, percent: 5, slack: 2 << 20}
		}
		s.folders[folder].add(at, size)
		all += size
	}
	s.data.add(at, all)
}

// last is the newest of each series, for a line of the log.
func (s *soak) last() string {
	now := func(x *series) string { return fmt.Sprintf("%.1f", x.samples[len(x.samples)-1].v/x.divide) }
	var folders []string
	for _, f := range s.all()[7:] {
		folders = append(folders, strings.TrimPrefix(f.name, "data: ")+" "+now(f))
	}
	return fmt.Sprintf("%s | %s | %.0f | %.0f | %.0f + %.0f of %.0f | %s (%s)", now(&s.rss), now(&s.heap), s.goroutines.newest(), s.threads.newest(), s.files.newest(), s.segmentsOpen, s.segments.newest(), now(&s.data), strings.Join(folders, ", "))
}

// countFiles counts the files below a folder.
func countFiles(t testing.TB, dir string) (n float64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *series) newest() float64 { return s.samples[len(s.samples)-1].v }

func (s *soak) all() []*series {
	all := []*series{&s.rss, &s.heap, &s.goroutines, &s.threads, &s.files, &s.segments, &s.data}
	for _, name := range slices.Sorted(maps.Keys(s.folders)) {
		all = append(all, s.folders[name])
	}
	return all
}

func (s *soak) judge(whole time.Duration) {
	s.t.Log("medians of the second and the last third:")
	for _, x := range s.all() {
		ok, verdict := x.level(whole)
		if s.t.Log(verdict); !ok {
			s.t.Errorf("%s does not level off", x.name)
		}
	}
}
