package binanceapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// Error is an answer of errors.md, with its HTTP status.
type Error struct {
	Status, Code int
	Msg          string
}

// Write answers with the error.
func (e *Error) Write(w http.ResponseWriter) { Refuse(w, e.Status, e.Code, e.Msg) }

// Refuse answers with an error.
func Refuse(w http.ResponseWriter, status, code int, msg string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // patterns have &
	_ = enc.Encode(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	}{code, msg}) // a number and a text
	_, _ = w.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n"))) // who does not listen any more is no error of ours
}

// List is a JSON array of n items.
func List(n int, item func(dst []byte, i int) []byte) []byte {
	dst := append(make([]byte, 0, 2+n*160), '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(dst, i)
	}
	return append(dst, ']')
}

// Unit is how a client wants times, in microseconds.
type Unit int64

// The units that there are.
const (
	Us Unit = 1
	Ms Unit = 1000
)

// ParseUnit reads the header X-MBX-TIME-UNIT, or the parameter timeUnit of a stream's address.
func ParseUnit(v string) (Unit, bool) {
	switch v {
	case "", "MILLISECOND", "millisecond":
		return Ms, true
	case "MICROSECOND", "microsecond":
		return Us, true
	}
	return Ms, false
}

// Append appends a time that is known in microseconds.
func (u Unit) Append(dst []byte, us int64) []byte { return strconv.AppendInt(dst, us/int64(u), 10) }
