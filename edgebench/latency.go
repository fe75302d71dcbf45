//go:build linux

package edgebench

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets of 1/64 of their size.
type histogram struct {
	counts [64 * 64]int64
	total  int64
	max    int64 // ns
}

const subBits = 6 // 64 buckets for each power of two

func bucketOf(ns int64) int {
	if ns < 1<<subBits {
		return int(max(ns, 0))
	}
	shift := bits.Len64(uint64(ns)) - subBits - 1
	return (shift+1)<<subBits + int(ns>>shift) - 1<<subBits
}

// upper is the greatest duration of a bucket, in ns.
func upper(bucket int) int64 {
	if bucket < 1<<subBits {
		return int64(bucket)
	}
	shift := bucket>>subBits - 1
	return (int64(bucket&(1<<subBits-1))+1<<subBits+1)<<shift - 1
}

func (h *histogram) add(ns int64) {
	h.counts[bucketOf(ns)]++
	h.total++
	h.max = max(h.max, ns)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.max = max(h.max, o.max)
}

// quantile returns the duration that the share q of all is not above.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q*float64(h.total)) + 1
	for i, n := range h.counts {
		if rank -= n; rank <= 0 {
			return time.Duration(min(upper(i), h.max))
		}
	}
	return time.Duration(h.max)
}

// Latency is from the moment at which a message was meant to be sent, so that a broker which holds the publisher up does not look quick.
type Latency struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (h *histogram) latency() *Latency {
	if h.total == 0 {
		return nil
	}
	return &Latency{milliseconds(h.quantile(.5)), milliseconds(h.quantile(.99)), milliseconds(h.quantile(.999)), milliseconds(time.Duration(h.max))}
}
