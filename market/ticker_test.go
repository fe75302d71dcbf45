package market

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// Real answers of Binance's GET /api/v3/ticker/24hr.
func TestTickerHasBinancesAverageAndPercent(t *testing.T) {
	for _, c := range []struct{ open, last, volume, quote, percent, average string }{
		{"0.04176800", "0.04103400", "410969.51200000", "16980.13811233", "-1.757", "0.04131727"},
		{"0.27927000", "0.27050000", "1343961239.70000000", "365772101.01826800", "-3.140", "0.27215971"},
	} {
		tick := Ticker{}
		tick.Open, _ = ParseScaled(c.open, 8)
		tick.Close, _ = ParseScaled(c.last, 8)
		tick.Volume, _ = ParseInt128(c.volume, 8)
		tick.QuoteVolume, _ = ParseInt128(c.quote, 16)
		if got := string(tick.AppendPercent(nil)); got != c.percent {
			t.Errorf("percent %s, want %s", got, c.percent)
		}
		if got := string(tick.AppendAverage(nil, 8)); got != c.average {
			t.Errorf("average %s, want %s", got, c.average)
		}
	}
}

func TestTickerRoundsHalfUp(t *testing.T) {
	for _, c := range []struct {
		open, last int64
		want       string
	}{
		{200_000, 200_001, "0.001"}, {200_000, 199_999, "-0.001"}, {200_001, 200_000, "0.000"}, {200_000, 200_003, "0.002"}, {200_000, 199_997, "-0.002"},
		{0, 5, "0.000"}, {5, 5, "0.000"}, {1, 9e18, "899999999999999999900.000"}, {3, 1, "-66.667"},
	} {
		tick := Ticker{Open: c.open, Close: c.last}
		if got := string(tick.AppendPercent(nil)); got != c.want {
			t.Errorf("from %d to %d: %s %%, want %s", c.open, c.last, got, c.want)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		scale := rnd.IntN(MaxScale + 1)
		tick := Ticker{Volume: Int128From(1 + rnd.Int64N(1<<uint(1+rnd.IntN(60)))), QuoteVolume: Int128{Hi: rnd.Int64N(1 << uint(rnd.IntN(55))), Lo: rnd.Uint64()}}
		if rnd.IntN(5) == 0 {
			tick.Volume.Hi = rnd.Int64N(1 << 40)
		}
		if rnd.IntN(4) == 0 { // a quotient that ends in 5
			tick.QuoteVolume = Mul(rnd.Int64N(1e12), 1+rnd.Int64N(1e6))
			tick.Volume = Int128From(2 * Pow10(rnd.IntN(10)))
		}
		ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		want := new(big.Rat).SetFrac(tick.QuoteVolume.Big(), new(big.Int).Mul(tick.Volume.Big(), ten))
		want.Mul(want, big.NewRat(1e8, 1)).Add(want, big.NewRat(1, 2))
		digits := fmt.Sprintf("%09s", new(big.Int).Quo(want.Num(), want.Denom()))
		if got := string(tick.AppendAverage(nil, scale)); strings.TrimLeft(strings.Replace(got, ".", "", 1), "0") != strings.TrimLeft(digits, "0") {
			t.Fatalf("%s by %s at scale %d: %s, want %s", tick.QuoteVolume, tick.Volume, scale, got, digits)
		}
	}
	if got := string((&Ticker{}).AppendAverage(nil, 2)); got != "0.00000000" {
		t.Errorf("without volume the average is %s", got)
	}
}
