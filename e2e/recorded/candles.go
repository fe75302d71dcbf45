// Package recorded has what exchanges really said, as tests need it: trades with the exchange's own candles, and order books with its own best prices.
package recorded

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/market"
)

// Aggregate trades of BTCUSDT on Binance, 2020-01-02 from 15:10 to 15:18, and the 1m candles of that time.
const (
	Trades = "simexchange/testdata/BTCUSDT-aggTrades-2020-01-02T1510-1518.json"
	Klines = "simexchange/testdata/BTCUSDT-1m-2020-01-02T1510-1517.csv"

	FirstWholeMs = int64(1577977860000) // 15:11; the recording begins within 15:10
	WholeMinutes = 7
	LastWholeMs  = FirstWholeMs + (WholeMinutes-1)*market.MinuteMs
)

// BinanceKlines are the exchange's own candles by open time: open, high, low, close, volume, quote volume, count, taker-buy volume, taker-buy quote volume.
func BinanceKlines(t testing.TB) map[int64][9]string {
	t.Helper()
	f, err := os.Open(rig.File(t, Klines))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ks := map[int64][9]string{}
	for _, r := range rows {
		at, err := strconv.ParseInt(r[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ks[at] = [9]string{r[1], r[2], r[3], r[4], r[5], r[7], r[8], r[9], r[10]}
	}
	return ks
}

// IDs are those of the aggregate trades.
func IDs(t testing.TB) []int64 {
	t.Helper()
	b, err := os.ReadFile(rig.File(t, Trades))
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ A int64 }
	if err := json.Unmarshal(b, &rows); err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].A
	}
	return ids
}

// Nine are a candle's fields as Binance prints them, with 8 decimals.
func Nine(t testing.TB, c *rig.Candle) [9]string {
	t.Helper()
	eight := func(s string) string {
		v, err := market.ParseInt128(s, 8)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		return string(v.AppendDecimal(nil, 8))
	}
	return [9]string{eight(c.Open), eight(c.High), eight(c.Low), eight(c.Close), eight(c.Volume), eight(c.Quote), fmt.Sprint(c.Count), eight(c.Buy), eight(c.BuyQuote)}
}

// CheckCandles compares the closed 1m candles that a client got of a contract with Binance's, and their order.
func CheckCandles(t testing.TB, cl *rig.Client, contract string) {
	t.Helper()
	want := BinanceKlines(t)
	got := map[int64]bool{}
	var before int64
	for _, m := range cl.Received() {
		if !strings.HasSuffix(m.Topic, "1m/"+contract+"/closed") || m.OpenMs < FirstWholeMs {
			continue
		}
		if m.OpenMs <= before {
			t.Errorf("closed candle %d came after %d", m.OpenMs, before)
		}
		before = m.OpenMs
		if n := Nine(t, &m.Candle); n != want[m.OpenMs] {
			t.Errorf("candle %s\n got %v\nwant %v", time.UnixMilli(m.OpenMs).UTC().Format("15:04"), n, want[m.OpenMs])
		}
		if !m.Sim || m.Revision != 0 || m.Fill || m.Quality != "ok" {
			t.Errorf("candle %d: sim %v, rev %d, fill %v, quality %s", m.OpenMs, m.Sim, m.Revision, m.Fill, m.Quality)
		}
		got[m.OpenMs] = true
	}
	if len(got) < WholeMinutes {
		t.Errorf("%d whole minutes came, want %d", len(got), WholeMinutes)
	}
}
