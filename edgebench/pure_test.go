//go:build linux

package edgebench

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHistogramIsWithinTwoPercent(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	h, other := &histogram{}, &histogram{}
	var all []int64
	for i := range 100_000 {
		ns := int64(1) << r.IntN(34)
		ns += r.Int64N(ns)
		all = append(all, ns)
		if i%2 == 0 {
			h.add(ns)
		} else {
			other.add(ns)
		}
	}
	h.merge(other)
	slices.Sort(all)
	for _, q := range []float64{0, .5, .9, .99, .999} {
		want, got := all[int(q*float64(len(all)))], int64(h.quantile(q))
		if got < want || float64(got) > 1.02*float64(want)+1 {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
	if h.quantile(1) != time.Duration(all[len(all)-1]) || h.max != all[len(all)-1] {
		t.Error("the greatest is not the greatest")
	}
}

func TestTallyTellsWhatHappenedToEachMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                            string
		seqs                            []int64
		fresh, regressed, double, skips int64
		missing                         []int64
	}{
		{"in order", []int64{0, 1, 2}, 3, 0, 0, 0, nil},
		{"a hole", []int64{0, 3}, 2, 0, 0, 2, []int64{1, 2}},
		{"two that changed places", []int64{0, 2, 1, 3}, 3, 1, 0, 1, nil},
		{"the same again", []int64{0, 1, 1, 0}, 2, 0, 2, 0, nil},
		{"late and again", []int64{2, 0, 0, 1, 1}, 1, 2, 2, 2, nil},
		{"nothing before the fifth", []int64{4}, 1, 0, 0, 4, []int64{0, 1, 2, 3}},
	} {
		ta := newTally(2)
		got := map[reception]int64{}
		skips := int64(0)
		for _, s := range tt.seqs {
			r, skipped := ta.take(1, s)
			got[r]++
			skips += skipped
		}
		if got[fresh] != tt.fresh || got[regressed] != tt.regressed || got[duplicate] != tt.double || skips != tt.skips || !slices.Equal(ta.missing[1], tt.missing) {
			t.Errorf("%s: %v, %d skipped, missing %v", tt.name, got, skips, ta.missing[1])
		}
	}
}

func TestFramesThatAreCutAnywhereGiveTheSameContent(t *testing.T) {
	t.Parallel()
	unmasked := func(n int) []byte {
		content := bytes.Repeat([]byte{byte(n)}, n)
		b := appendFrame(nil, opBinary, content)
		header := len(b) - n
		b[1] &^= maskBit
		return append(b[:header-4], content...) // a server's frame has no mask
	}
	var stream, want []byte
	for _, n := range []int{1, 125, 0, 126, 300, 70_000, 2} {
		stream = append(stream, unmasked(n)...)
		want = append(want, bytes.Repeat([]byte{byte(n)}, n)...)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var d deframer
		var got []byte
		for rest := stream; len(rest) > 0; {
			n := min(1+r.IntN(1+r.IntN(5000)), len(rest))
			part, err := d.strip(bytes.Clone(rest[:n]))
			if err != nil {
				t.Fatal(err)
			}
			got, rest = append(got, part...), rest[n:]
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes of %d", len(got), len(want))
		}
	}
	if _, err := new(deframer).strip([]byte{finBit | opClose, 0}); err != errClosed {
		t.Errorf("a close frame: %v", err)
	}
}

func TestPacketsOfBothVersionsComeBack(t *testing.T) {
	t.Parallel()
	for _, level := range []byte{4, 5} {
		for _, id := range []uint16{0, 7} {
			payload := make([]byte, 300)
			message{run: 1, number: 2, sentNs: 3}.put(payload)
			b := appendPublish(nil, level, "event/bench/1", id, true, payload)
			for cut := range b {
				if _, _, size, err := nextPacket(b[:cut]); size != 0 || err != nil {
					t.Fatalf("%d of %d bytes are a packet of %d, %v", cut, len(b), size, err)
				}
			}
			first, body, size, err := nextPacket(append(b, 0x30))
			if size != len(b) || err != nil {
				t.Fatal(size, err)
			}
			p, err := parsePublish(first, body, level)
			m, ok := parseMessage(p.payload)
			if err != nil || !ok || string(p.topic) != "event/bench/1" || p.packetID != id || !p.retain || m != (message{1, 2, 3}) {
				t.Errorf("level %d: %+v %+v %v", level, p, m, err)
			}
		}
	}
	if _, _, _, err := nextPacket([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 1}); err == nil {
		t.Error("a length of five bytes is taken")
	}
}

func TestWindowHoldsMessagesUntilEveryoneHasThem(t *testing.T) {
	t.Parallel()
	w := newWindow(&Workload{Topics: 2, Subscribers: 2, Each: 2, Outstanding: 3})
	for n := range int64(3) {
		if !w.admit(n) {
			t.Fatalf("message %d has to wait", n)
		}
	}
	w.credit(0, 1, 1) // one subscriber has number 2, and was not given number 0
	w.credit(0, 0, 0)
	if w.admit(4) == false {
		t.Error("everyone has number 0 or a newer one, but the next has to wait")
	}
	if w.admit(5) {
		t.Error("four are under way")
	}
}

func TestProcFilesAreRead(t *testing.T) {
	t.Parallel()
	c, err := parseStat([]byte("42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 1234 567 0 0 20 0 9 0 1 2 3"))
	if err != nil || c != (CPU{User: 12.34, System: 5.67}) {
		t.Errorf("%+v %v", c, err)
	}
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:075B 0100007F:9C40 01 0000A0F0:00000000 00:00000000 00000000     0        0 222 1 0 20 4 30 10 -1
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0
`
	if got := listening([]byte(table), 1883); !slices.Equal(got, []string{"111"}) {
		t.Errorf("inodes %v", got)
	}
	queues := map[uint16]int{}
	if sendQueues([]byte(table), 1883, queues); queues[40000] != 0xA0F0 {
		t.Errorf("queues %v", queues)
	}
}

func TestTablesNameWhatIsMissing(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	err := Tables(&b, []Outcome{
		{Row: "even", Broker: "ours", Median: &Result{PerCPUSecond: 300, Latency: &Latency{P99: 1.5}}},
		{Row: "even", Broker: "other", Median: &Result{PerCPUSecond: 120, Latency: &Latency{P99: 2.5}}},
		{Row: "idle", Broker: "ours", Median: &Result{PerCPUSecond: 1, PerConnection: 2048, Latency: &Latency{}}},
		{Row: "idle", Broker: "other", Why: "not installed"},
		{Row: "slow", Broker: "ours", Median: &Result{PerCPUSecond: 1, Slow: &Slow{Stalled: 2, With: []float64{2}, MedianWithout: 1, MedianWith: 1.1, Newest: 2}}},
		{Row: "slow", Broker: "other", Why: "not installed"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| workload | ours | other |\n|---|---|---|\n| even | 300 | 120 (2.5) |\n\n",
		"| even | 1.50 | 2.50 |\n| slow | 1.10 | - |\n",
		"| slow | 1.00 → 1.10 ms (+10 %), +0.0 MiB, 2 of 2 | - |\n",
		"| idle | 2.0 | - |\n",
		"Left out:\n- idle, other: not installed\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
