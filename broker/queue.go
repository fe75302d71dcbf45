package broker

// delivery is one frame on its way to one session.
type delivery struct {
	f      *frame
	t      *topic
	qos    byte
	retain bool
	value  bool // became its topic's retained value when it was published; a revision of an older candle does not
}

// flight is a QoS 1 delivery that has its packet id.
type flight struct {
	delivery
	id    uint16
	acked bool // but an older one is not
	nth   uint64
}

// sendQueue is the ordered, bounded queue of closed candles and status of one session, with packet ids of its own. It outlives connections: after resume
// what was not acknowledged is sent again, in the same order, with the same packet ids and DUP [MQTT 5, 4.4], before anything new.
type sendQueue struct {
	waiting  ring[delivery]
	inflight ring[flight] // oldest first; the first is not acknowledged
	acked    int          // so many of inflight are
	sent     int          // so many of inflight, from the oldest on, were sent on the present connection
	limit    int
	window   int
	lastID   uint16
	launched uint64 // so many ever
}

// outstanding is how many of the client's window are taken.
func (q *sendQueue) outstanding() int { return q.inflight.len() - q.acked }

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
	if q.sent < q.inflight.len() {
		return q.sent-q.acked < q.window // all that is acknowledged was sent
	}
	return q.waiting.len() > 0 && (q.waiting.first().qos == 0 || q.open())
}

// open says whether the client's window takes a new QoS 1 message.
func (q *sendQueue) open() bool { return q.sent == q.inflight.len() && q.outstanding() < q.window }

// next returns what is to be sent now. QoS 0 deliveries have id 0 and are forgotten at once.
func (q *sendQueue) next() (f flight, dup, ok bool) {
	if !q.ready() {
		return flight{}, false, false
	}
	if q.sent < q.inflight.len() {
		f = *q.inflight.at(q.sent)
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
	f := flight{delivery: d, id: q.nextID(), nth: q.launched}
	q.launched++
	q.inflight.push(f)
	q.sent++
	return f
}

// nextID returns a packet id that is not in flight. Ids are never 0 and given out in turn: one can only be in use again when they have gone round since the
// oldest in flight.
func (q *sendQueue) nextID() uint16 {
	const round = 1<<16 - 1
	for {
		q.lastID++
		if q.lastID != 0 && (q.inflight.len() == 0 || q.launched-q.inflight.first().nth < round/2 || q.find(q.lastID) < 0) {
			return q.lastID
		}
	}
}

// find returns the place of an id that is in flight, -1: there is none. Clients acknowledge in order, most of them, so it is the first.
func (q *sendQueue) find(id uint16) int {
	for i := range q.inflight.len() {
		if f := q.inflight.at(i); f.id == id && !f.acked {
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
	q.inflight.at(i).acked = true
	q.acked++
	for q.inflight.len() > 0 && q.inflight.first().acked {
		q.inflight.pop()
		q.acked--
		q.sent--
	}
	if q.acked > q.window {
		q.tidy()
	}
	return true
}

// tidy forgets what was acknowledged behind an older one that is not: a client that leaves one out must not make the queue grow.
func (q *sendQueue) tidy() {
	var kept ring[flight]
	sent := 0
	for i := range q.inflight.len() {
		if f := q.inflight.at(i); !f.acked {
			kept.push(*f)
			if i < q.sent {
				sent++
			}
		}
	}
	q.inflight, q.acked, q.sent = kept, 0, sent
}

// resume prepares for a new connection with the given window.
func (q *sendQueue) resume(window int) {
	q.tidy()
	q.window, q.sent = window, 0
}

// reset forgets everything.
func (q *sendQueue) reset() {
	q.waiting.reset()
	q.inflight.reset()
	q.acked, q.sent = 0, 0
}
