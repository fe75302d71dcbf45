package history

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/history/live"
	"github.com/tickcast/tickcast/market"
)

// TestAChangedCatalogueIsAnswered: a contract that came while history runs is there like the others, one that left is not; of a changed one the new book is.
func TestAChangedCatalogueIsAnswered(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	all := cat.Contracts
	h, err := New(DefaultConfig(), cat.With(all[:2]), &lagging{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	close(h.ready)
	get := func(path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/api/v3/"+path, nil))
		return w.Body.String()
	}
	tell := func(topic, key, value string) {
		if _, err := h.state.Apply(live.Record{Topic: topic, Key: []byte(key), Value: []byte(value), Version: market.Version{Epoch: 1, Seq: 1}}, 1); err != nil {
			t.Fatal(err)
		}
	}
	const book = `{"u":7,"b":[["1.00","2"]],"a":[]}`
	tell(catalog.PushBooks, "SOLUSDT/0.01", book)
	if got := get("depth?symbol=SOLUSDT"); !strings.Contains(got, "-1121") {
		t.Errorf("before: %s", got)
	}
	changed := all[1]
	changed.Books = []market.Unit{{Size: 1}}
	h.Reload(cat.With([]market.Contract{changed, all[2]}))
	tell(catalog.PushBooks, "SOLUSDT/0.01", book)
	tell(catalog.PushBooks, "ETHUSDT/0.01", book) // is no resolution any more
	tell(catalog.PushBooks, "ETHUSDT/1", strings.Replace(book, "7", "8", 1))
	for path, want := range map[string]string{
		"depth?symbol=SOLUSDT":              `{"lastUpdateId":7,"bids":[["1.00000000","2.00000000"]],"asks":[]}`,
		"depth?symbol=ETHUSDT":              `{"lastUpdateId":8,"bids":[["1.00000000","2.00000000"]],"asks":[]}`,
		"depth?symbol=BTCUSDT":              `{"code":-1121,"msg":"Invalid symbol."}`,
		"klines?symbol=SOLUSDT&interval=1m": `[]`,
		"ticker/price":                      `[{"symbol":"ETHUSDT","price":"0.00000000"},{"symbol":"SOLUSDT","price":"0.00000000"}]`,
	} {
		if got := get(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
