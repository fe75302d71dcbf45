package market

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestParseScaled(t *testing.T) {
	for _, c := range []struct {
		in    string
		scale int
		want  int64
		err   error
	}{
		{"7139.89000000", 2, 713989, nil}, {"7139.89", 2, 713989, nil}, {"7139", 2, 713900, nil}, {"0.00000000", 8, 0, nil},
		{"92233720368547758.07000000", 2, 0, ErrTooLarge}, {"9223372036854775.80000000", 2, 922337203685477580, nil},
		{"7139.891", 2, 0, ErrOffScale}, {"", 2, 0, ErrDecimal}, {".5", 2, 0, ErrDecimal}, {"5.", 2, 0, ErrDecimal}, {"-1", 2, 0, ErrDecimal},
		{"1e5", 2, 0, ErrDecimal}, {"NaN", 2, 0, ErrDecimal}, {" 1", 2, 0, ErrDecimal}, {"1.2.3", 2, 0, ErrDecimal}, {"100", 0, 100, nil}, {"1200", 0, 1200, nil},
		{strings.Repeat("9", 41), 0, 0, ErrDecimal},
	} {
		got, err := ParseScaled(c.in, c.scale)
		if got != c.want || err != c.err {
			t.Errorf("ParseScaled(%q, %d) = %d, %v; want %d, %v", c.in, c.scale, got, err, c.want, c.err)
		}
	}
}

func TestDecimalsPrintAsBigIntegersDo(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		a := Int128{Hi: r.Int64N(1<<62) >> r.IntN(63), Lo: r.Uint64() >> r.IntN(64)}
		scale := r.IntN(25)
		digits := a.Big().String()
		for len(digits) <= scale {
			digits = "0" + digits
		}
		want := digits[:len(digits)-scale]
		if scale > 0 {
			want += "." + digits[len(digits)-scale:]
		}
		got := string(a.AppendDecimal(nil, scale))
		if got != want {
			t.Fatalf("%s at scale %d: got %s, want %s", a.Big(), scale, got, want)
		}
		if back, err := ParseInt128(got, scale); err != nil || back != a {
			if err == ErrTooLarge && a.Hi >= 1<<59 {
				continue
			}
			t.Fatalf("ParseInt128(%s, %d) = %v, %v", got, scale, back, err)
		}
	}
}

func TestInt128Arithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		x, y, z := r.Int64(), r.Int64(), r.Int64()-r.Int64()
		got := Mul(x, y).AddInt(z).Sub(Int128From(y)).Big()
		want := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
		want.Add(want, big.NewInt(z)).Sub(want, big.NewInt(y))
		if got.Cmp(want) != 0 {
			t.Fatalf("%d*%d+%d-%d = %s, want %s", x, y, z, y, got, want)
		}
	}
	if v, err := ParseInt128Rounded("1.255", 2); err != nil || v != Int128From(126) {
		t.Fatalf("half up: %v %v", v, err)
	}
	if _, err := ParseInt128("1.255", 2); err != ErrOffScale {
		t.Fatalf("off scale: %v", err)
	}
}

func TestPeriodsFollowTheCalendar(t *testing.T) {
	at := func(s string) int64 {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixMilli()
	}
	for _, c := range []struct{ period, in, open, next string }{
		{"1s", "2020-01-02T15:11:07Z", "2020-01-02T15:11:07Z", "2020-01-02T15:11:08Z"},
		{"1m", "2020-01-02T15:11:07Z", "2020-01-02T15:11:00Z", "2020-01-02T15:12:00Z"},
		{"12h", "2020-01-02T15:11:07Z", "2020-01-02T12:00:00Z", "2020-01-03T00:00:00Z"},
		{"1w", "2020-01-02T15:11:07Z", "2019-12-30T00:00:00Z", "2020-01-06T00:00:00Z"},
		{"1w", "2020-01-05T23:59:59Z", "2019-12-30T00:00:00Z", "2020-01-06T00:00:00Z"},
		{"3d", "1970-01-03T23:00:00Z", "1970-01-01T00:00:00Z", "1970-01-04T00:00:00Z"},
		{"1M", "2020-02-29T15:11:07Z", "2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"},
		{"1M", "2019-12-31T23:59:59Z", "2019-12-01T00:00:00Z", "2020-01-01T00:00:00Z"},
	} {
		p, err := ParsePeriod(c.period)
		if err != nil {
			t.Fatal(err)
		}
		open := p.OpenMs(at(c.in))
		if open != at(c.open) || p.NextMs(open) != at(c.next) {
			t.Errorf("%s of %s: opens %s, next %s", c.period, c.in, time.UnixMilli(open).UTC(), time.UnixMilli(p.NextMs(open)).UTC())
		}
	}
}

func TestVersionsSortAsBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	one := func() Version { return Version{r.Int64N(3), r.Int64N(3), r.Int64N(300)} }
	for range 5000 {
		a, b := one(), one()
		if got, want := strings.Compare(string(a.Bytes()), string(b.Bytes())), a.Compare(b); got != want {
			t.Fatalf("%v, %v: bytes %d, compare %d", a, b, got, want)
		}
		if back, err := ParseVersionHex(a.String()); err != nil || back != a {
			t.Fatalf("%v came back as %v, %v", a, back, err)
		}
	}
	if _, err := ParseVersion(make([]byte, 23)); err == nil {
		t.Fatal("23 bytes were taken for a version")
	}
}

func sampleRecords() []Record {
	base := Record{Contract: "BTC-PERP", Source: "binance", Simulated: true, Writer: 7, Epoch: 1763900000000, Seq: 12, EventMs: 1577977823305}
	with := func(k Kind, f func(*Record)) Record {
		r := base
		r.Kind, r.PriceScale, r.QtyScale = k, -1, -1
		if f != nil {
			f(&r)
		}
		return r
	}
	trade := func(r *Record) {
		r.PriceScale, r.QtyScale = 2, 6
		r.Trade = Trade{Price: 713989, Qty: 67023, BuyerMaker: true, AggID: 202790190, FirstID: 222825297, LastID: 222825298}
	}
	return []Record{
		with(KindTrade, trade), with(KindCorrection, trade), with(KindOpen, nil), with(KindClock, nil),
		with(KindQuality, func(r *Record) { r.Quality = QualityStale }),
		with(KindBust, func(r *Record) { r.Trade.AggID = 5 }),
		with(KindGap, func(r *Record) { r.GapFrom, r.GapTo = 3, 9 }),
		with(KindContract, func(r *Record) {
			r.Spec = Spec{Seeds: 3, Contract: Contract{ID: r.Contract, Source: r.Source, Symbol: `B"TC`, Base: "BTC", Quote: "USDT",
				Tick: Unit{Scale: 1, Size: 5}, Step: Unit{Scale: 6, Size: 1}, Period: []Period{Period1s, Period1M}}}
		}),
		with(KindSeed, func(r *Record) {
			r.PriceScale, r.QtyScale = 2, 0
			r.Seed = Candle{Period: Period1d, OpenMs: 1577923200000, Open: 1, High: 9, Low: 1, Close: 2, Volume: Int128From(4), QuoteVolume: Int128{Hi: 4, Lo: 4},
				BuyVolume: Int128From(1), BuyQuoteVolume: Int128From(2), Trades: 3, FirstID: 11, LastID: 13, Closed: true}
		}),
	}
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	var d Decoder
	for _, want := range sampleRecords() {
		b := want.AppendJSON(nil)
		if !json.Valid(b) {
			t.Fatalf("not JSON: %s", b)
		}
		var got Record
		if err := d.Decode(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if again := got.AppendJSON(nil); string(again) != string(b) {
			t.Errorf("came back as\n%s\nwant\n%s", again, b)
		}
	}
}

func TestBrokenRecordsAreRefusedWithThePlace(t *testing.T) {
	rs := sampleRecords()
	trade := string(rs[0].AppendJSON(nil))
	for _, c := range []struct{ old, new, want string }{
		{`"sv":1`, `"sv":2`, "schema version 2"}, {`"7139.89"`, `"0.00"`, "impossible"}, {`"7139.89"`, `"1e5"`, `field "p": not a plain decimal`},
		{`"7139.89"`, `7139.89`, `field "p"`}, {`"k":"trade"`, `"k":"tirade"`, "unknown kind"}, {`,"w":7`, ``, "envelope is incomplete"},
		{`,"a":202790190`, ``, "a field is missing"}, {`"seq":12`, `"seq":1.5`, `field "seq"`}, {`"seq":12`, `"seq":99999999999999999999`, "too large"},
		{`BTC-PERP`, `BTC/PERP`, "contract id"}, {`}`, ``, "ends too early"}, {`"q":"ok"`, `"q":"fine"`, "unknown quality"},
	} {
		var d Decoder
		var r Record
		err := d.Decode([]byte(strings.Replace(trade, c.old, c.new, 1)), &r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: error %v, want %q", c.new, c.old, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, r := range sampleRecords() {
		f.Add(r.AppendJSON(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		var r, again Record
		if d.Decode(b, &r) != nil {
			return
		}
		c := r.AppendJSON(nil)
		if err := d.Decode(c, &again); err != nil {
			t.Fatalf("%s was taken, but not as written again: %s: %v", b, c, err)
		}
		if e := again.AppendJSON(nil); string(e) != string(c) {
			t.Fatalf("%s, then %s", c, e)
		}
	})
}

func BenchmarkDecodeTrade(b *testing.B) {
	rs := sampleRecords()
	line := rs[0].AppendJSON(nil)
	var d Decoder
	var r Record
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(line, &r); err != nil {
			b.Fatal(err)
		}
	}
}
