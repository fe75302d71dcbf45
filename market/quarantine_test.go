package market

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Records that Flink puts into quarantine (flink-sql/java) are what ours would be: the same fields, text as text, what is too long cut off.
func TestFlinksQuarantineIsOurs(t *testing.T) {
	b, err := os.ReadFile("../flink-sql/testdata/quarantine.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(lines) < 10 {
		t.Fatalf("%d records", len(lines))
	}
	var asText, asBytes, none int
	for _, line := range lines {
		var q struct {
			Version   int    `json:"sv"`
			Src       string `json:"src"`
			S         string `json:"s"`
			Ts        int64  `json:"ts"`
			Why       string `json:"reason"`
			What      string `json:"detail"`
			Where     string `json:"channel"`
			Truncated bool   `json:"truncated"`
			Raw       string `json:"raw"`
			RawBytes  []byte `json:"raw_base64"`
		}
		if err := json.Unmarshal([]byte(line), &q); err != nil {
			t.Errorf("%.200s: %v", line, err)
			continue
		}
		if q.Version != SchemaVersion || q.Src != "flink" || q.Ts == 0 || q.Why == "" || q.What == "" || !strings.HasPrefix(q.Where, "market.trades partition 3 offset ") {
			t.Errorf("%.200s", line)
		}
		raw := []byte(q.Raw)
		switch {
		case q.Raw != "":
			asText++
		case q.RawBytes != nil:
			asBytes++
			raw = q.RawBytes
		default:
			none++
		}
		ours, err := (&Quarantined{Source: q.Src, Contract: q.S, Channel: q.Where, Reason: q.Why, Detail: q.What, ReceivedMs: q.Ts, Raw: raw, Truncated: q.Truncated}).JSON()
		if err != nil {
			t.Fatal(err)
		}
		if a, b := normal(t, ours), normal(t, []byte(line)); !bytes.Equal(a, b) {
			t.Errorf("ours  %.300s\nFlink %.300s", a, b)
		}
	}
	if asText == 0 || asBytes == 0 || none == 0 {
		t.Errorf("%d records as text, %d as bytes, %d without a value", asText, asBytes, none)
	}
}

// normal is the same JSON with its fields in order, and one way of escaping.
func normal(t *testing.T, b []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	n, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
