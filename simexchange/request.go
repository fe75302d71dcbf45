package simexchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// request is a control message of a client (web-socket-streams.md, "Live Subscribing/Unsubscribing to streams").
type request struct {
	Method *string           `json:"method"`
	Params []json.RawMessage `json:"params"`
	ID     json.RawMessage   `json:"id"`
}

var requestID = regexp.MustCompile(`^(null|-?[0-9]{1,19}|"[0-9A-Za-z_.-]{0,36}")$`)

// answer carries out a control message and returns the answer to it.
func (c *client) answer(data []byte) []byte {
	var req request
	if err := json.Unmarshal(data, &req); err != nil {
		return badJSON(data, err)
	}
	id := string(bytes.TrimSpace(req.ID))
	if id == "" {
		id = "null"
	}
	if !requestID.MatchString(id) {
		return refusal(2, "Invalid request: request ID must be an unsigned integer", "")
	}
	if req.Method == nil {
		return refusal(2, fmt.Sprintf("Invalid request: missing field `method` at line 1 column %d", len(data)), id)
	}
	result := "null"
	var err error
	switch *req.Method {
	case "SUBSCRIBE", "UNSUBSCRIBE":
		err = c.change(&req)
	case "LIST_SUBSCRIPTIONS":
		result, err = c.list(&req)
	case "SET_PROPERTY":
		err = c.setProperty(&req)
	case "GET_PROPERTY":
		result, err = c.property(&req)
	default:
		err = requestError{2, fmt.Sprintf("Invalid request: unknown variant `%s`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, "+
			"`SET_PROPERTY`, `GET_PROPERTY` at line 1 column %d", *req.Method, bytes.Index(data, []byte(*req.Method))+len(*req.Method)+1)}
	}
	var refused requestError
	if errors.As(err, &refused) {
		return refusal(refused.code, refused.text, id)
	}
	return []byte(`{"result":` + result + `,"id":` + id + `}`)
}

type requestError struct {
	code int
	text string
}

func (e requestError) Error() string { return e.text }

func refusal(code int, text, id string) []byte {
	msg, _ := json.Marshal(text)
	b := fmt.Appendf(nil, `{"code":%d,"msg":%s`, code, msg)
	if id != "" {
		b = fmt.Appendf(b, `,"id":%s`, id)
	}
	return append(b, '}')
}

// badJSON tells malformed JSON from JSON of another shape.
func badJSON(data []byte, err error) []byte {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		line, column := 1, 1
		if syntax != nil {
			before := data[:max(min(int(syntax.Offset), len(data))-1, 0)]
			line += bytes.Count(before, []byte("\n"))
			column = len(before) - bytes.LastIndexByte(before, '\n')
		}
		return refusal(3, fmt.Sprintf("Invalid JSON: expected value at line %d column %d", line, column), "")
	}
	return refusal(2, "Invalid request: "+strings.TrimPrefix(err.Error(), "json: "), "")
}

// change subscribes or unsubscribes all streams of a request, or none.
func (c *client) change(req *request) error {
	names := make([]string, len(req.Params))
	for i, p := range req.Params {
		if json.Unmarshal(p, &names[i]) != nil {
			return requestError{2, fmt.Sprintf("Invalid request: invalid type: expected a string at params[%d]", i)}
		}
	}
	if *req.Method == "UNSUBSCRIBE" {
		c.srv.unsubscribe(c, names)
		return nil
	}
	if err := c.srv.subscribe(c, names); err != nil {
		return requestError{2, "Invalid request: " + err.Error()}
	}
	return nil
}

func (c *client) list(req *request) (string, error) {
	if len(req.Params) > 0 {
		return "", requestError{2, "Invalid request: too many parameters"}
	}
	c.mu.Lock()
	names := make([]string, 0, len(c.streams))
	for n := range c.streams {
		names = append(names, n)
	}
	c.mu.Unlock()
	sort.Strings(names)
	out, err := json.Marshal(names)
	return string(out), err
}

// propertyName checks the name; "combined" is the only property that there is.
func propertyName(params []json.RawMessage, count int) error {
	var name string
	switch {
	case len(params) == 0 || json.Unmarshal(params[0], &name) != nil:
		return requestError{2, "Invalid request: property name must be a string"}
	case len(params) > count:
		return requestError{2, "Invalid request: too many parameters"}
	case name != "combined":
		return requestError{0, "Unknown property"}
	}
	return nil
}

func (c *client) setProperty(req *request) error {
	if err := propertyName(req.Params, 2); err != nil {
		return err
	}
	var value bool
	if len(req.Params) < 2 || bytes.Equal(req.Params[1], []byte("null")) || json.Unmarshal(req.Params[1], &value) != nil {
		return requestError{1, "Invalid value type: expected Boolean"}
	}
	c.mu.Lock()
	c.combined = value
	c.mu.Unlock()
	return nil
}

func (c *client) property(req *request) (string, error) {
	if err := propertyName(req.Params, 1); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return strconv.FormatBool(c.combined), nil
}
