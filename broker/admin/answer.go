package admin

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// problem is an answer that is no success [RFC 9457]. Code is stable, for programs.
type problem struct {
	Type   string `json:"type"` // urn:tickcast:problem:… of the code
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code"`

	retryAfter time.Duration
	allow      string
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

func newProblem(status int, code, format string, args ...any) *problem {
	return &problem{Type: "urn:tickcast:problem:" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *problem {
	return newProblem(http.StatusBadRequest, "BAD_REQUEST", format, args...)
}

func unauthorized(detail string) *problem {
	return newProblem(http.StatusUnauthorized, codeBadKey, "%s", detail)
}

func tooManyFailures(wait time.Duration) *problem {
	p := newProblem(http.StatusTooManyRequests, codeTooMany, "too many calls without a right API key came from this address")
	p.retryAfter = wait
	return p
}

func clientNotFound(id string) *problem {
	return newProblem(http.StatusNotFound, "CLIENTID_NOT_FOUND", "there is no client %q", id)
}

// write sends a problem.
func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="tickcast"`)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	writeJSON(w, p.Status, "application/problem+json", p)
}

// answer is a success. No body: 204.
type answer struct {
	status int // 0: 200, or 204 without a body
	body   any
}

func (a answer) code() int {
	switch {
	case a.status != 0:
		return a.status
	case a.body == nil:
		return http.StatusNoContent
	}
	return http.StatusOK
}

func (a answer) write(w http.ResponseWriter) {
	if a.body == nil {
		w.WriteHeader(a.code())
		return
	}
	writeJSON(w, a.code(), "application/json", a.body)
}

func writeJSON(w http.ResponseWriter, status int, kind string, v any) {
	b, err := json.Marshal(v)
	if err != nil { // every answer is made of plain fields
		panic(err)
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a caller that is gone needs no answer
}

// list is a page of a list, as EMQX answers.
type list[T any] struct {
	Data []T  `json:"data"`
	Meta meta `json:"meta"`
}

type meta struct {
	Page    int  `json:"page"`
	Limit   int  `json:"limit"`
	Count   int  `json:"count"` // in all pages
	HasNext bool `json:"hasnext"`
}

func listed[T any](data []T, total int, p Page) answer {
	if data == nil {
		data = []T{}
	}
	_, to := p.Bounds(total)
	return answer{body: list[T]{data, meta{p.Number, p.Limit, total, to < total}}}
}
