package simexchange

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

const (
	recordedTrades = "testdata/BTCUSDT-aggTrades-2020-01-02T1510-1518.json"
	recordedKlines = "testdata/BTCUSDT-1m-2020-01-02T1510-1517.csv"
)

func loadRecorded(t *testing.T) *recorded {
	t.Helper()
	m := Recording{Symbol: "BTCUSDT", AggTrades: []string{recordedTrades}, Klines: recordedKlines}
	rec, err := m.load()
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// fields are the nine that the exchange's klines and ours have in common, and the open time.
func fields(b *bar) string {
	dst := appendKlineRow(nil, binanceapi.Ms, market.Period1m, b)
	return string(dst)
}

func TestKlinesOfRecordedTradesEqualTheExchanges(t *testing.T) {
	t.Parallel()
	rec := loadRecorded(t)
	trades, klines := rec.trades, rec.klines
	log := newEventLog(2000)
	for _, tr := range trades {
		if err := log.add(tr); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(recordedKlines)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(file))
	equal := 0
	for i := range klines {
		got, ok := log.bars.one(market.Period1m, klines[i].OpenMs)
		if !ok {
			t.Fatalf("no kline at %d", klines[i].OpenMs)
		}
		if i == 0 {
			continue // the minute in which the recording begins
		}
		want := "[" + strings.ReplaceAll(lines[i], ",", `","`) + `"]`
		for _, unquoted := range []int{0, 6, 8} { // times and counts are numbers
			v := strings.Split(lines[i], ",")[unquoted]
			want = strings.Replace(want, `"`+v+`"`, v, 1)
		}
		want = strings.Replace(want, "["+strings.Split(lines[i], ",")[0]+`"`, "["+strings.Split(lines[i], ",")[0], 1)
		if fields(&got) != want {
			t.Errorf("kline %d\n got %s\nwant %s", i, fields(&got), want)
			continue
		}
		equal++
	}
	if equal != 7 {
		t.Errorf("%d minutes equal, want 7", equal)
	}
}

func TestMinuteInWhichARecordingBeginsIsTheExchangesToo(t *testing.T) {
	t.Parallel()
	rec := loadRecorded(t)
	want := rec.klines[0]
	sym := DefaultConfig().Symbols[0]
	p, err := sym.params(&MarketConfig{}, false)
	if err != nil {
		t.Fatal(err)
	}
	in := newInstrument(sym, p, 2000)
	in.play(rec, 1, 0)
	if err := in.catchUp(rec.trades[len(rec.trades)-1].TimeUs+1, 0); err != nil {
		t.Fatal(err)
	}
	got, _ := in.log.bars.one(market.Period1m, want.OpenMs)
	if got.FirstID != got.LastID-got.Trades+1 {
		t.Errorf("ids %d..%d for %d trades", got.FirstID, got.LastID, got.Trades)
	}
	got.FirstID, got.LastID, want.FirstID, want.LastID = 0, 0, 0, 0
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if days := in.log.bars.klines(market.Period1d, noTime, noTime, 1000); len(days) != historyDays+1 {
		t.Errorf("%d days, want %d and today", len(days), historyDays)
	}
	if m := in.log.bars.klines(market.Period1m, noTime, noTime, 2000); len(m) < 1440 {
		t.Errorf("%d minutes of the past, want at least 1440", len(m))
	}
}

func TestSingleTradesBecomeAggregates(t *testing.T) {
	t.Parallel()
	frame := func(id int64, price, qty string, timeMs int64, maker bool) string {
		return fmt.Sprintf(`%d {"stream":"btcusdt@trade","data":{"e":"trade","E":%d,"s":"BTCUSDT","t":%d,"p":"%s","q":"%s","T":%d,"m":%v,"M":true}}`+"\n",
			timeMs*1_000_000, timeMs+1, id, price, qty, timeMs, maker)
	}
	input := frame(10, "100.00", "1", 5000, true) + frame(11, "100.00", "2", 5000, true) +
		`5000 {"stream":"btcusdt@kline_1m","data":{}}` + "\n" + `5000 {"stream":"ethusdt@trade","data":{}}` + "\n" +
		frame(12, "100.00", "3", 5000, false) + frame(13, "100.01", "4", 5000, false) + frame(14, "100.01", "5", 5001, false)
	var rec recorded
	if err := rec.readFrames(strings.NewReader(input), "BTCUSDT"); err != nil {
		t.Fatal(err)
	}
	got := rec.trades
	var lines []string
	for i := range got {
		lines = append(lines, fmt.Sprintf("%s fills %v", appendAggRow(nil, binanceapi.Ms, &got[i]), got[i].Fills))
	}
	want := []string{
		`{"a":1,"p":"100.00000000","q":"3.00000000","f":10,"l":11,"T":5000,"m":true,"M":true} fills [100000000 200000000]`,
		`{"a":2,"p":"100.00000000","q":"3.00000000","f":12,"l":12,"T":5000,"m":false,"M":true} fills []`,
		`{"a":3,"p":"100.01000000","q":"4.00000000","f":13,"l":13,"T":5000,"m":false,"M":true} fills []`,
		`{"a":4,"p":"100.01000000","q":"5.00000000","f":14,"l":14,"T":5001,"m":false,"M":true} fills []`,
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestRecordedFramesMakeOneLog(t *testing.T) {
	t.Parallel()
	const dir = "../../shared/data/binance-spot-2024-08-08"
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("recorded data is not here: %v", err)
	}
	for symbol, want := range map[string]int{"BTCUSDT": 19904, "ETHUSDT": 14515} {
		name := dir + "/spot_" + strings.ToLower(symbol)
		m := Recording{Symbol: symbol, Frames: []string{name + "_20240808.gz", name + "_20240809.gz"}}
		rec, err := m.load()
		if err != nil {
			t.Fatal(err)
		}
		trades := rec.trades
		log := newEventLog(1 << 20)
		for _, tr := range trades {
			if err := log.add(tr); err != nil {
				t.Fatal(err)
			}
		}
		if n := log.trades[len(trades)-1].LastID - trades[0].FirstID + 1; n != int64(want) {
			t.Errorf("%s: %d single trades, want %d", symbol, n, want)
		}
		t.Logf("%s: %d single trades are %d aggregates", symbol, want, len(trades))
	}
}
