package admin

import (
	"encoding/base64"
	"net/http"
	"unicode/utf8"
)

func (s *Server) topics(c *call) (answer, error) {
	q := c.query("page", "limit", "topic")
	p := q.page()
	if q.err != nil {
		return answer{}, q.err
	}
	data, total := s.edge.Topics(TopicQuery{Filter: q.text("topic")}, p)
	return listed(data, total, p), nil
}

// retainedAnswer is a topic's value. The payload is text where it is UTF-8, as market data is.
type retainedAnswer struct {
	Topic    string  `json:"topic"`
	Class    string  `json:"class"`
	Version  version `json:"version"`
	Payload  string  `json:"payload"`
	Encoding string  `json:"payload_encoding"` // plain or base64
	Bytes    int     `json:"payload_bytes"`
	Meaning  string  `json:"meaning,omitempty"` // of a deletion
}

type version struct {
	Epoch int64 `json:"epoch"`
	T     int64 `json:"t"`
	Seq   int64 `json:"seq"`
}

func answerOf(r Retained) retainedAnswer {
	a := retainedAnswer{Topic: r.Topic, Class: r.Class, Version: version{r.Version.Epoch, r.Version.T, r.Version.Seq}, Payload: string(r.Payload), Encoding: "plain", Bytes: len(r.Payload)}
	if !utf8.Valid(r.Payload) {
		a.Payload, a.Encoding = base64.StdEncoding.EncodeToString(r.Payload), "base64"
	}
	return a
}

func topicNotFound(topic string) *problem {
	return newProblem(http.StatusNotFound, "TOPIC_NOT_FOUND", "nothing is retained for %q", topic)
}

func (s *Server) retained(c *call) (answer, error) {
	if q := c.query(); q.err != nil {
		return answer{}, q.err
	}
	topic := c.PathValue("topic")
	r, ok := s.edge.Retained(topic)
	if !ok {
		return answer{}, topicNotFound(topic)
	}
	return answer{body: answerOf(r)}, nil
}

// meaningOfClear is said with each deletion: it is less than what MQTT's retained messages let one expect.
const meaningOfClear = "Gone from this edge alone: subscribers were sent an empty message, new ones get nothing. The topic keeps its version, so this value does not come back; " +
	"the next newer one from the source is retained again. Other edges and the log still have it."

func (s *Server) clearRetained(c *call) (answer, error) {
	topic := c.PathValue("topic")
	r, ok := s.edge.ClearRetained(topic)
	if !ok {
		return answer{}, topicNotFound(topic)
	}
	a := answerOf(r)
	a.Meaning = meaningOfClear
	return answer{body: a}, nil
}
