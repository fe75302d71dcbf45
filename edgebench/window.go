//go:build linux

package edgebench

// window holds the messages of a closed loop that not every subscriber has.
type window struct {
	topics, audience int64
	left             [1 << 16]int32 // by message number: subscribers that do not have it
	open             int            // messages with any left
	most             int
}

func newWindow(w *Workload) *window {
	return &window{topics: int64(w.Topics), audience: int64(w.audience()), most: w.Outstanding}
}

// credit takes note that a subscriber has the topic's message seq, and with it the skipped ones before it.
func (o *window) credit(topic int, seq, skipped int64) {
	if o == nil {
		return
	}
	for q := seq - skipped; q <= seq; q++ {
		left := &o.left[(q*o.topics+int64(topic))%int64(len(o.left))]
		if *left--; *left == 0 {
			o.open--
		}
	}
}

// admit opens the next message's place; false if it has to wait.
func (o *window) admit(number int64) bool {
	left := &o.left[number%int64(len(o.left))]
	if o.open >= o.most || *left != 0 {
		return false
	}
	*left = int32(o.audience)
	o.open++
	return true
}
