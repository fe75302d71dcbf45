package market

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Quarantined is a piece of data that cannot be true or cannot be used, with the reason: of the outside, or a record of a log.
type Quarantined struct {
	Source     string // who put it aside: a venue's ingest by the venue, compute
	Contract   string // empty: not known
	Channel    string // stream or REST endpoint; of a record its topic, partition and offset
	Conn       int64  // 0: none
	Reason     string
	Detail     string
	ReceivedMs int64
	Raw        []byte // as received, at most MaxRaw bytes
	Truncated  bool
}

// MaxRaw bounds Quarantined.Raw.
const MaxRaw = 64 << 10

// JSON is the record's value in the topic of quarantine. Quarantine.java of Flink's functions writes the same form.
func (q *Quarantined) JSON() ([]byte, error) {
	v := struct {
		SchemaVersion int    `json:"sv"`
		Source        string `json:"src"`
		Contract      string `json:"s,omitempty"`
		ReceivedMs    int64  `json:"ts"`
		Reason        string `json:"reason"`
		Detail        string `json:"detail"`
		Channel       string `json:"channel"`
		Conn          int64  `json:"conn,omitempty"`
		Truncated     bool   `json:"truncated,omitempty"`
		Raw           string `json:"raw,omitempty"`        // as received
		RawBytes      []byte `json:"raw_base64,omitempty"` // where it was no text
	}{SchemaVersion, q.Source, q.Contract, q.ReceivedMs, q.Reason, q.Detail, q.Channel, q.Conn, q.Truncated, "", nil}
	if utf8.Valid(q.Raw) {
		v.Raw = string(q.Raw)
	} else {
		v.RawBytes = q.Raw
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode quarantined data: %w", err)
	}
	return b, nil
}
