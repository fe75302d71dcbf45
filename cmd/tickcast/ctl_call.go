package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// adminCaller calls the admin API of one edge.
type adminCaller struct {
	url, keyFile string
	json         bool
}

// call sends a request; body nil: none. A refusal is an error with the problem's words.
func (a *adminCaller) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	key, err := a.key()
	if err != nil {
		return nil, err
	}
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		in = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.url, "/")+"/api/v1"+path, in)
	if err != nil {
		return nil, fmt.Errorf("--url: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("call the edge: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("call the edge: %w", err)
	}
	if resp.StatusCode/100 == 2 {
		return b, nil
	}
	var p struct{ Title, Detail string }
	if json.Unmarshal(b, &p) != nil || p.Title == "" {
		return nil, fmt.Errorf("the edge answers %s", resp.Status)
	}
	return nil, fmt.Errorf("%s: %s", strings.ToLower(p.Title), p.Detail)
}

// segment escapes a name for one segment of a path. Of "." and ".." net/url keeps the dots, and on the way they would be taken for a folder.
func segment(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// object calls and decodes the answer into v; raw is the answer as it came.
func (a *adminCaller) object(ctx context.Context, method, path string, body, v any) (raw []byte, err error) {
	if raw, err = a.call(ctx, method, path, body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, fmt.Errorf("decode the edge's answer: %w", err)
	}
	return raw, nil
}

// listing is which part of a list a command shows.
type listing struct{ page, limit int }

// list shows a page of a list as a table, with what there is beyond it.
func list[T any](ctx context.Context, a *adminCaller, out io.Writer, path string, q url.Values, l listing, head string, row func(*T) []any) error {
	q.Set("page", strconv.Itoa(l.page))
	q.Set("limit", strconv.Itoa(l.limit))
	var got struct {
		Data []T
		Meta struct {
			Count   int
			HasNext bool
		}
	}
	raw, err := a.object(ctx, http.MethodGet, path+"?"+q.Encode(), nil, &got)
	if err != nil {
		return err
	}
	if a.json {
		_, err = out.Write(raw)
		return err
	}
	rows := make([][]any, len(got.Data))
	for i := range got.Data {
		rows[i] = row(&got.Data[i])
	}
	if err := table(out, head, rows); err != nil {
		return err
	}
	if got.Meta.HasNext || l.page > 1 {
		_, err = fmt.Fprintf(out, "page %d, %d in all\n", l.page, got.Meta.Count)
	}
	return err
}

// table prints columns. Names come from clients: what a terminal would act on is shown as what it is.
func table(out io.Writer, head string, rows [][]any) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, " ", "\t"))
	for _, r := range rows {
		for i, v := range r {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, printable(fmt.Sprint(v)))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func printable(s string) string {
	if s == "" {
		return "-"
	}
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	return strconv.QuoteToGraphic(s)
}

// since shows how long ago a time was, in whole seconds; - for none.
func since(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return time.Since(*t).Truncate(time.Second).String()
}

func millis(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

func millisOrNone(ms *int64) string {
	if ms == nil {
		return "-"
	}
	return millis(*ms)
}
