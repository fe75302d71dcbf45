package broker

// delivery is one frame on its way to one session.
type delivery struct {
	f      *frame
	t      *topic
	qos    byte
	retain bool
	value  bool // became its topic's retained value when it was published; a revision of an older candle does not
}

// flight is a QoS 1 delivery that has its packet id and is not yet acknowledged.
type flight struct {
	delivery
	id uint16
}

// sendQueue is the ordered, bounded queue of closed candles and status of one session, with packet ids of its own. It outlives connections: after resume
// what was not acknowledged is sent again, in the same order, with the same packet ids and DUP [MQTT 5, 4.4], before anything new.
type sendQueue struct {
	waiting  ring[delivery]
	inflight []flight // oldest first
	sent     int      // so many of inflight were sent on the present connection
	limit    int
	window   int
	lastID   uint16
}

// push appends a delivery; false if the queue is full.
func (q *sendQueue) push(d delivery) bool {
	if q.waiting.len() >= q.limit {
		return false
	}
	q.waiting.push(d)
	return true
}

// newestWaiting returns the last delivery of each topic's retained values that waits; the pointers hold until the queue changes.
func (q *sendQueue) newestWaiting() map[*topic]*delivery {
	if q.waiting.len() == 0 {
		return nil
	}
	newest := map[*topic]*delivery{}
	for d := range q.waiting.all() {
		if d.value {
			newest[d.t] = d
		}
	}
	return newest
}

// ready says whether next would return something.
func (q *sendQueue) ready() bool {
	if q.sent < len(q.inflight) {
		return q.sent < q.window
	}
	return q.waiting.len() > 0 && (q.waiting.first().qos == 0 || q.open())
}

// open says whether the client's window takes a new QoS 1 message.
func (q *sendQueue) open() bool { return q.sent == len(q.inflight) && len(q.inflight) < q.window }

// next returns what is to be sent now. QoS 0 deliveries have id 0 and are forgotten at once.
func (q *sendQueue) next() (f flight, dup, ok bool) {
	if !q.ready() {
		return flight{}, false, false
	}
	if q.sent < len(q.inflight) {
		f = q.inflight[q.sent]
		q.sent++
		return f, true, true
	}
	d := q.waiting.pop()
	if d.qos == 0 {
		return flight{delivery: d}, false, true
	}
	return q.launch(d), false, true
}

// launch gives a QoS 1 delivery its packet id; the window must be open.
func (q *sendQueue) launch(d delivery) flight {
	f := flight{delivery: d, id: q.nextID()}
	q.inflight = append(q.inflight, f)
	q.sent++
	return f
}

// nextID returns a packet id that is not in flight. Ids are never 0; the window is far smaller than their number.
func (q *sendQueue) nextID() uint16 {
	for {
		q.lastID++
		if q.lastID != 0 && q.find(q.lastID) < 0 {
			return q.lastID
		}
	}
}

func (q *sendQueue) find(id uint16) int {
	for i := range q.inflight {
		if q.inflight[i].id == id {
			return i
		}
	}
	return -1
}

// ack ends the flight with this id; false if there is none on the present connection.
func (q *sendQueue) ack(id uint16) bool {
	i := q.find(id)
	if i < 0 || i >= q.sent {
		return false
	}
	q.inflight = append(q.inflight[:i], q.inflight[i+1:]...)
	q.sent--
	return true
}

// resume prepares for a new connection with the given window.
func (q *sendQueue) resume(window int) {
	q.window, q.sent = window, 0
}
