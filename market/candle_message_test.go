package market

import (
	"strings"
	"testing"
)

func TestCandleMessageSurvivesItsOwnForm(t *testing.T) {
	m := CandleMessage{
		Header: Header{Contract: "BTC-PERP", Source: "engine", Simulated: true, Epoch: 1_700_000_000_000, Seq: 42, EventMs: 1_700_000_059_999, ComputeMs: 1_700_000_060_001, Quality: QualityDegraded},
		Candle: Candle{Period: Period1m, OpenMs: 1_699_999_980_000, Open: 9_125_000, High: 9_125_100, Low: 9_124_900, Close: 9_125_050, Volume: Int128From(123_456),
			QuoteVolume: Mul(9_125_000_000_000, 9_125_000_000_000), BuyVolume: Int128From(3), BuyQuoteVolume: Int128From(27_375_000), Trades: 9, FirstID: 100, LastID: 108, Revision: 2, Closed: true},
		PriceScale: 2, QtyScale: 5,
	}
	var d Decoder
	var got CandleMessage
	if err := d.DecodeCandle(m.AppendJSON(nil), &got); err != nil {
		t.Fatal(err)
	}
	if got != m {
		t.Errorf("got  %+v\nwant %+v", got, m)
	}
	if v := (Version{Epoch: m.Epoch, T: m.OpenMs, Seq: 42}); got.Version() != v {
		t.Errorf("version %v, want %v", got.Version(), v)
	}
	text := m.AppendJSON(nil)
	if n := testing.AllocsPerRun(100, func() { _ = d.DecodeCandle(text, &got) }); n > 2 {
		t.Errorf("%v allocations, names and digits should need none", n)
	}
}

func TestImpossibleCandleMessagesAreRefused(t *testing.T) {
	good := `{"sv":1,"s":"X","src":"engine","epoch":5,"seq":9,"ts":61000,"q":"ok","i":"1m","t":60000,"T":119999,"o":"2.0","h":"3.0","l":"1.0","c":"2.5","v":"1.00","qv":"2.000","n":1,"bv":"0.00","bqv":"0.000","f":1,"L":1,"x":true,"rev":0,"fill":false}`
	var d Decoder
	var m CandleMessage
	if err := d.DecodeCandle([]byte(good), &m); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{`"sv":1`, `"sv":2`, "schema version 2"},
		{`"t":60000`, `"t":60001`, "impossible for a candle of 1m"},
		{`"t":60000`, `"t":-60000`, "impossible"},
		{`"epoch":5`, `"epoch":-5`, "impossible"},
		{`"l":"1.0"`, `"l":"2.6"`, "prices"},
		{`"h":"3.0"`, `"h":"2.4"`, "prices"},
		{`"h":"3.0"`, `"h":"3.00"`, "decimals"},
		{`"l":"1.0"`, `"l":"0.0"`, "prices"},
		{`"l":"1.0",`, ``, "missing"},
		{`"n":1,`, ``, "missing"},
		{`"x":true,`, ``, "missing"},
		{`"qv":"2.000"`, `"qv":"2.0001"`, "more digits"},
		{`"i":"1m"`, `"i":"1x"`, "unknown period"},
		{`"q":"ok"`, `"q":"fine"`, "unknown quality"},
		{`"fill":false}`, `"fill":false`, "too early"},
	} {
		err := d.DecodeCandle([]byte(strings.Replace(good, c.from, c.to, 1)), &m)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s -> %s: error %v, want %q", c.from, c.to, err, c.want)
		}
	}
}

func TestTheComputeTimeIsCutOut(t *testing.T) {
	for in, want := range map[string]string{`{"ts":1,"tsc":22,"q":"ok"}`: `{"ts":1,"q":"ok"}`, `{"ts":1}`: `{"ts":1}`} {
		if got := WithoutComputeTime([]byte(in)); got != want {
			t.Errorf("%s without tsc is %s, want %s", in, got, want)
		}
	}
}
