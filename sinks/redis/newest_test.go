package redis

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tickcast/tickcast/market"
)

// Whatever is put and taken in whatever order: each key's taken versions rise, and the last one taken is the greatest one put.
func TestTakenVersionsRiseToTheNewest(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := newNewest()
		put, taken := map[string]market.Version{}, map[string]market.Version{}
		take := func(limit int) {
			for _, v := range n.take(nil, limit) {
				if old, ok := taken[v.key]; ok && v.version.Less(old) {
					t.Fatalf("%s went back from %v to %v", v.key, old, v.version)
				}
				taken[v.key] = v.version
			}
		}
		for range 2000 {
			v := value{key: fmt.Sprint(r.IntN(20)), version: market.Version{Epoch: r.Int64N(3), T: r.Int64N(5), Seq: r.Int64N(100)}}
			old, had := put[v.key]
			newer, conflated := n.put(v)
			if newer != (!had || old.Less(v.version)) {
				t.Fatalf("%v after %v: newer %v", v.version, old, newer)
			}
			if conflated && !newer {
				t.Fatal("an old value replaced one that waits")
			}
			if newer {
				put[v.key] = v.version
			}
			switch r.IntN(20) {
			case 0:
				take(r.IntN(8))
			case 1:
				n.again()
			}
			if w := n.waiting(); w > len(put) {
				t.Fatalf("%d values wait for %d keys", w, len(put))
			}
		}
		take(1000)
		for key, v := range put {
			if taken[key] != v {
				t.Errorf("%s ended with %v, want %v", key, taken[key], v)
			}
		}
	}
}
