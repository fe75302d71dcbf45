package market

import (
	"reflect"
	"strings"
	"testing"
)

func TestBookRecordsAreReadAsWritten(t *testing.T) {
	base := Record{Contract: "BTCUSDT", Source: "binance", Writer: 7, Epoch: 5, Seq: 9, EventMs: 1000, PriceScale: 2, QtyScale: 5}
	snapshot, diff, empty := base, base, base
	snapshot.Kind, snapshot.Book = KindSnapshot, BookChange{FirstID: 44, LastID: 44, Bids: []Level{{10001, 5}, {10000, 700000}}, Asks: []Level{{10002, 1}}}
	diff.Kind, diff.Book = KindDiff, BookChange{FirstID: 45, LastID: 47, Bids: []Level{{10001, 0}}, Asks: []Level{{10009, 3}, {10003, 0}}}
	empty.Kind, empty.Book, empty.PriceScale, empty.QtyScale = KindDiff, BookChange{FirstID: 48, LastID: 48}, -1, -1
	var d Decoder
	var got Record
	for _, want := range []Record{snapshot, diff, empty, snapshot} {
		line := want.AppendJSON(nil)
		if err := d.Decode(line, &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got, want := got, want
		if len(got.Book.Bids)+len(got.Book.Asks) == 0 {
			got.Book.Bids, got.Book.Asks = nil, nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", line, got, want)
		}
	}
	line := string(diff.AppendJSON(nil))
	allocs := testing.AllocsPerRun(100, func() {
		if err := d.Decode([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 { // the copy of the line
		t.Errorf("%v allocations for a diff", allocs)
	}
}

func TestImpossibleBooksAreRefused(t *testing.T) {
	head := `{"sv":1,"k":"KIND","s":"BTCUSDT","src":"binance","w":1,"epoch":1,"seq":1,"ts":1,"q":"ok",`
	for _, c := range []struct{ kind, rest, want string }{
		{"snapshot", `"u0":1,"u":1,"bids":[["2.0","1"]],"asks":[["2.0","1"]]}`, "crossed"},
		{"snapshot", `"u0":1,"u":1,"bids":[["2.0","1"],["2.1","1"]],"asks":[]}`, "bids are not in order"},
		{"snapshot", `"u0":1,"u":1,"bids":[],"asks":[["2.0","1"],["2.0","1"]]}`, "asks are not in order"},
		{"snapshot", `"u0":1,"u":1,"bids":[["2.0","0"]],"asks":[]}`, "impossible"},
		{"diff", `"u0":3,"u":2,"bids":[],"asks":[]}`, "update ids"},
		{"diff", `"u0":1,"u":2,"bids":[["0","1"]],"asks":[]}`, "impossible"},
		{"diff", `"u0":1,"u":2,"bids":[["1.0","1"],["1.00","1"]],"asks":[]}`, "decimals"},
		{"diff", `"u0":1,"u":2,"bids":[["1.0","1"]`, "ends too early"},
		{"diff", `"u0":1,"u":2,"bids":[["1.0"]],"asks":[]}`, "want ','"},
		{"diff", `"u0":1,"u":2,"bids":[]}`, "a field is missing"},
		{"diff", `"u0":1,"u":2,"bids":[` + strings.Repeat(`["1","1"],`, MaxLevels) + `["1","1"]],"asks":[]}`, "more than 5000 levels"},
	} {
		var r Record
		err := new(Decoder).Decode([]byte(strings.Replace(head, "KIND", c.kind, 1)+c.rest), &r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %.80s: error %v, want %q", c.kind, c.rest, err, c.want)
		}
	}
}
