// Package admin is the edge's admin port: the HTTP API for operators (described by openapi.yaml), its keys and audit, Prometheus metrics and health.
package admin

import (
	"errors"
	"time"

	"github.com/tickcast/tickcast/market"
)

// Edge is what the API shows and changes. Every method is safe for any number of goroutines, and none holds up publishers for longer than one session's or
// one topic's own lock: lists are put together entry by entry, so that one may miss what changed meanwhile.
type Edge interface {
	Ready() bool
	Stats() Stats

	Clients(ClientQuery, Page) (list []Client, total int)
	Client(id string) (Client, bool)
	Kick(id string) bool // ends the session too; false: there is none
	Subscriptions(SubscriptionQuery, Page) (list []Subscription, total int)
	SlowSubscriptions(Page) (list []SlowSubscription, total int) // the slowest first

	Topics(TopicQuery, Page) (list []Topic, total int)
	Retained(topic string) (Retained, bool)
	ClearRetained(topic string) (Retained, bool) // what it was

	Banned(Page) (list []Ban, total int)
	Ban(Ban) (kicked int, err error) // ErrTooMany; replaces a ban of the same client; connected ones are disconnected
	Unban(as, who string) (bool, error)

	Drain(DrainOrder) (DrainState, error) // ErrDraining
	DrainState() DrainState
}

var (
	// ErrTooMany means that no more bans are kept.
	ErrTooMany = errors.New("too many bans")
	// ErrDraining means that the edge is being drained already.
	ErrDraining = errors.New("the edge is being drained already")
)

// Page is which part of a list is wanted. Number counts from 1.
type Page struct{ Number, Limit int }

// Bounds returns the part of a list of n that the page shows.
func (p Page) Bounds(n int) (from, to int) {
	if p.Number > n/p.Limit+1 {
		return n, n
	}
	from = min((p.Number-1)*p.Limit, n)
	return from, min(from+p.Limit, n)
}

// Client is one client's session, connected or waiting for its client to come back. Names are EMQX's where it has them.
type Client struct {
	ID            string     `json:"clientid"`
	User          string     `json:"username"` // empty: anonymous
	Connected     bool       `json:"connected"`
	Address       string     `json:"ip_address,omitempty"`
	Port          int        `json:"port,omitempty"`
	Transport     string     `json:"transport,omitempty"` // mqtt, mqtts, ws or wss
	Protocol      int        `json:"proto_ver,omitempty"`
	Keepalive     int        `json:"keepalive"` // seconds, 0: none
	ConnectedAt   *time.Time `json:"connected_at,omitempty"`
	CreatedAt     time.Time  `json:"created_at"` // of the session
	Publisher     bool       `json:"publisher"`
	Persistent    bool       `json:"persistent"` // the session outlives its connection
	Subscriptions int        `json:"subscriptions_cnt"`
	Inflight      int        `json:"inflight_cnt"`   // QoS 1 messages sent and not yet acknowledged
	Queued        int        `json:"mqueue_len"`     // closed candles and status that wait
	EventsWaiting int        `json:"events_waiting"` // trades and the like
	StateWaiting  int        `json:"state_waiting"`  // topics whose newest value has still to be sent
	Sent          uint64     `json:"send_msg"`       // on the present connection, like the counts below
	SentBytes     uint64     `json:"send_oct"`       // of those messages
	Conflated     uint64     `json:"conflated_msg"`  // state updates that a newer one replaced before the client could take them
	Dropped       uint64     `json:"dropped_msg"`    // events that the client never gets
	WriteAgeMS    *int64     `json:"write_age_ms"`   // since the socket last took something; null: it never did
	WaitMS        int64      `json:"oldest_wait_ms"` // how long the oldest unsent value waits
}

// ClientQuery selects clients; empty fields select all.
type ClientQuery struct {
	ID, Like, User, Address string
	Connected               *bool
}

// Subscription is one filter of one client.
type Subscription struct {
	ClientID    string `json:"clientid"`
	Filter      string `json:"topic"`
	QoS         int    `json:"qos"`
	AsPublished bool   `json:"rap"`                       // Retain As Published
	ID          int    `json:"subscription_id,omitempty"` // MQTT 5 Subscription Identifier
}

// SubscriptionQuery selects subscriptions; empty fields select all.
type SubscriptionQuery struct {
	ClientID, Filter string
	QoS              *int
}

// SlowSubscription is a client and a topic of which it has not yet taken what is there for it.
type SlowSubscription struct {
	ClientID   string `json:"clientid"`
	Topic      string `json:"topic"`
	Class      string `json:"class"`
	WaitMS     int64  `json:"wait_ms"`        // how long the oldest unsent value waits
	Queue      int    `json:"queue_len"`      // messages of the topic that wait; of state at most 1
	Conflated  uint64 `json:"conflated"`      // updates that were replaced while it waits
	Dropped    uint64 `json:"client_dropped"` // events that the client lost since it connected, of all its topics
	WriteAgeMS *int64 `json:"write_age_ms"`   // since the client's socket last took something; null: it never did
}

// Topic is one topic that the edge knows.
type Topic struct {
	Name        string `json:"topic"`
	Class       string `json:"class"`       // state, event or final
	Subscribers int    `json:"subscribers"` // filters of clients that match; a client with two counts twice
	Retained    bool   `json:"retained"`
}

// TopicQuery selects topics; an empty filter selects all.
type TopicQuery struct{ Filter string }

// Retained is a topic's value.
type Retained struct {
	Topic   string
	Class   string
	Version market.Version
	Payload []byte
}

// What a ban is about.
const (
	BanClientID = "clientid"
	BanUser     = "username"
	BanAddress  = "peerhost" // an address, or a prefix such as 10.0.0.0/8
)

// Ban shuts clients out until it ends.
type Ban struct {
	As     string     `json:"as"`
	Who    string     `json:"who"`
	Reason string     `json:"reason,omitempty"`
	By     string     `json:"by"` // name of the key
	At     time.Time  `json:"at"`
	Until  *time.Time `json:"until"` // null: for good
}

// DrainOrder says how to empty the edge.
type DrainOrder struct {
	Wave            int           // clients per wave
	Interval        time.Duration // from the beginning of one wave to the next
	Grace           time.Duration // for a client to take and acknowledge what it was promised
	Reason          string
	ServerReference string // where clients are sent; empty: they are told that this edge stops
}

// What a drain is doing.
const (
	DrainNone    = "none"
	DrainRunning = "draining"
	DrainDone    = "drained"
)

// DrainState is how far a drain is.
type DrainState struct {
	State           string      `json:"state"`
	StartedAt       *time.Time  `json:"started_at,omitempty"`
	ReasonCode      int         `json:"reason_code,omitempty"` // of the DISCONNECT
	Reason          string      `json:"reason,omitempty"`
	ServerReference string      `json:"server_reference,omitempty"`
	Clients         int         `json:"clients"`     // there were, when it began
	Moved           int         `json:"moved"`       // disconnected so far
	Remaining       int         `json:"remaining"`   // connected still
	Undelivered     int         `json:"undelivered"` // QoS 1 messages that clients did not acknowledge within their grace
	WavesDone       int         `json:"waves_done"`
	Waves           []DrainWave `json:"waves"` // the newest 100
}

// DrainWave is one wave of a drain.
type DrainWave struct {
	At          time.Time `json:"at"`
	Clients     int       `json:"clients"`
	Undelivered int       `json:"undelivered"`
	TookMS      int64     `json:"took_ms"` // to have everything acknowledged
}

// Stats are counts since the start, and the present sizes.
type Stats struct {
	Connections   int64 `json:"connections"` // open now, connected or not yet
	Sessions      int64 `json:"sessions"`
	Subscriptions int64 `json:"subscriptions"`
	Topics        int64 `json:"topics"`
	Bans          int64 `json:"bans"`

	Accepted         uint64 `json:"accepted"` // connections ever
	Published        uint64 `json:"published"`
	Sent             uint64 `json:"sent"`
	SentBytes        uint64 `json:"sent_bytes"`
	Conflated        uint64 `json:"conflated"`
	Dropped          uint64 `json:"dropped"`
	TooLarge         uint64 `json:"too_large"`
	RefusedVersions  uint64 `json:"refused_versions"`
	RefusedPublishes uint64 `json:"refused_publishes"`
	RefusedFilters   uint64 `json:"refused_filters"`
	Panics           uint64 `json:"panics"`

	ClocksLive  int64    `json:"clocks_live"`  // contracts whose clock moves
	ClocksStale []string `json:"clocks_stale"` // those whose clock stands still, as clients see it on status/{contract}/clock

	Disconnects map[string]uint64 `json:"disconnects"` // by reason

	Queues Queues `json:"queues"`
}

// Queues say what waits for clients now.
type Queues struct {
	Final     int `json:"final"`    // closed candles and status
	Inflight  int `json:"inflight"` // sent and not yet acknowledged
	Events    int `json:"events"`
	State     int `json:"state"`     // topics of clients whose newest value has still to be sent
	FinalMax  int `json:"final_max"` // of one client
	EventsMax int `json:"events_max"`
	StateMax  int `json:"state_max"`
	Slow      int `json:"slow_clients"` // clients with something unsent for over a second
}
