package ledgercheck

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/kafka"
)

const (
	minute = int64(60_000)
	begin  = int64(1_723_161_600_000) // 2024-08-09T00:00Z
)

// market is both topics as they are when all is well: a block whose log is whole from begin on, ten hours with a trade in every other minute.
type market struct{ ledger, check []Candle }

func whole() *market {
	m := &market{}
	from := begin
	for t := begin - 60*minute; t < begin+600*minute; t += minute {
		quality, traded := "ok", Traded{"5.00", "7.50", "4.00", "6.00", "1.250", "7.50000", 3, "0.250", "1.50000", t, t + 2}
		exact := Traded{"5", "7.5", "4.000", "6", "1.25", "7.5", 3, "0.25", "1.5", t, t + 2}
		switch {
		case t < begin:
			quality = "filled"
		case t/minute%2 == 1:
			traded = Traded{"6.00", "6.00", "6.00", "6.00", "0.000", "0.00000", 0, "0.000", "0.00000", -1, -1}
		}
		m.ledger = append(m.ledger, Candle{Contract: "X", Epoch: 1, Period: "1m", OpenMs: t, Seq: t / minute, Quality: quality, Traded: traded})
		if t >= begin && traded.Trades > 0 {
			m.check = append(m.check, Candle{Contract: "X", Epoch: 1, Period: "1m", OpenMs: t, WholeMs: &from, Traded: exact})
		}
	}
	return m
}

func (m *market) at(cs []Candle, minutes int64) *Candle {
	for i := range cs {
		if cs[i].OpenMs == begin+minutes*minute {
			return &cs[i]
		}
	}
	panic("no candle there")
}

func (m *market) candles() *candles {
	cs := newCandles()
	for _, c := range m.ledger {
		put(cs.ledger, c)
	}
	for _, c := range m.check {
		put(cs.check, c)
	}
	return cs
}

func without(cs []Candle, minutes int64) []Candle {
	var left []Candle
	for _, c := range cs {
		if c.OpenMs != begin+minutes*minute {
			left = append(left, c)
		}
	}
	return left
}

func TestCompare(t *testing.T) {
	const all = "compared 600, 300 empty; filled 60"
	late := func(cs *candles, record string) {
		if err := cs.takeLate(&kafka.Record{Value: []byte(record)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		do   func(*market, *candles) *candles // returns other candles, or nil
		want string
	}{
		{"all is well", nil, all},
		{"a price", func(m *market, _ *candles) *candles { m.at(m.ledger, 10).High = "7.51"; return m.candles() }, all + "; X 1m 2024-08-09T00:10:00Z (epoch 1): h is 7.51 in the ledger, 7.5 by the check"},
		{"every field", func(m *market, _ *candles) *candles {
			m.at(m.ledger, 10).Traded = Traded{"1", "1", "1", "1", "1", "1", 1, "1", "1", 1, 1}
			return m.candles()
		}, all + "; o, h, l, c, v, qv, n, bv, bqv, f, L"},
		{"the last digit of a sum", func(m *market, _ *candles) *candles { m.at(m.ledger, 10).QuoteVolume = "7.50001"; return m.candles() }, all + "; qv"},
		{"no number", func(m *market, _ *candles) *candles { m.at(m.ledger, 10).Close = ""; return m.candles() }, all + "; c"},
		{"a candle is not in the ledger", func(m *market, _ *candles) *candles { m.ledger = without(m.ledger, 10); return m.candles() }, "compared 599, 300 empty; filled 60; the candle"},
		{"nor is one without trades", func(m *market, _ *candles) *candles { m.ledger = without(m.ledger, 11); return m.candles() }, "compared 599, 299 empty; filled 60"},
		{"a candle of no trades", func(m *market, _ *candles) *candles { m.check = without(m.check, 10); return m.candles() }, all + "; the candle"},
		{"an empty candle, but there were trades", func(m *market, _ *candles) *candles {
			m.at(m.ledger, 10).Traded = m.at(m.ledger, 11).Traded
			return m.candles()
		}, all + "; o, h, l, v, qv, n, bv, bqv, f, L"},
		{"an older version comes again after a revision", func(m *market, _ *candles) *candles {
			old := *m.at(m.ledger, 10)
			old.Seq, old.High = 1, "100"
			m.ledger = append(m.ledger, old)
			return m.candles()
		}, all},
		{"the newest ones are not in the ledger yet", func(m *market, _ *candles) *candles { m.ledger = m.ledger[:len(m.ledger)-10]; return m.candles() }, "compared 590, 295 empty; filled 60, pending 5"},
		{"the ledger has stopped", func(m *market, _ *candles) *candles { m.ledger = m.ledger[:len(m.ledger)-40]; return m.candles() }, "compared 560, 280 empty; filled 60, pending 8; the candle x 12"},
		{"the log does not say from when on it is whole", func(m *market, _ *candles) *candles {
			for i := range m.check {
				m.check[i].WholeMs = nil
			}
			m.at(m.ledger, 0).High = "100" // its first trade was perhaps not the log's
			return m.candles()
		}, "compared 599, 300 empty; before 1, filled 60"},
		{"a trade came too late", func(m *market, cs *candles) *candles {
			late(cs, fmt.Sprintf(`{"k":"trade","s":"X","epoch":1,"ts":%d}`, begin+10*minute+5))
			cs.ledger[key{"X", "1m", begin + 10*minute, 1}].High = "100"
			return cs
		}, "compared 599, 300 empty; filled 60, late 1"},
		{"a bust of an earlier candle's trade came too late, and something else is wrong", func(m *market, cs *candles) *candles {
			late(cs, fmt.Sprintf(`{"k":"bust","s":"X","epoch":1,"ts":%d,"a":7}`, begin+100*minute+5))
			for id, at := range map[int]int64{6: 8, 7: 10} {
				if err := cs.takeAmended(&kafka.Record{Key: []byte("X"), Value: fmt.Appendf(nil, `{"k":"trade","s":"X","epoch":1,"ts":%d,"a":%d}`, begin+at*minute+5, id)}); err != nil {
					t.Fatal(err)
				}
			}
			cs.ledger[key{"X", "1m", begin + 8*minute, 1}].High = "100"
			cs.ledger[key{"X", "1m", begin + 10*minute, 1}].High = "100"
			return cs
		}, "compared 599, 300 empty; filled 60, late 1; h"},
		{"another epoch began and replaced it", func(m *market, _ *candles) *candles {
			c := m.at(m.ledger, 10)
			c.Epoch, c.Quality = 2, "filled"
			return m.candles()
		}, "compared 599, 300 empty; filled 61, superseded 1"},
		{"periods that are not served", func(m *market, _ *candles) *candles {
			c := m.check[0]
			c.Period, c.Limited = "5m", true
			m.check = append(m.check, c)
			return m.candles()
		}, all + ", unserved 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := whole()
			cs := m.candles()
			if c.do != nil {
				cs = c.do(m, cs)
			}
			got, want := describe(cs.compare()), c.want
			if got.full != want && got.short != want {
				t.Errorf("%s\n%s\nwant %s", got.full, got.short, want)
			}
		})
	}
}

type described struct{ full, short string }

func describe(r Report) described {
	names := map[string]string{Seeded: "filled", Before: "before", Pending: "pending", Superseded: "superseded", Unserved: "unserved", TooLate: "late"}
	text := fmt.Sprintf("compared %d, %d empty; ", r.Compared, r.Empty)
	var left, full, short []string
	for _, why := range []string{Before, Seeded, TooLate, Pending, Superseded, Unserved} {
		if n := r.Left[why]; n > 0 {
			left = append(left, fmt.Sprintf("%s %d", names[why], n))
		}
	}
	text += strings.Join(left, ", ")
	for _, d := range r.Differences {
		full, short = append(full, d.String()), append(short, d.Field)
	}
	if len(full) == 0 {
		return described{text, text}
	}
	if n := len(short); n > 1 && short[0] == short[n-1] {
		short = []string{fmt.Sprintf("%s x %d", short[0], n)}
	}
	return described{text + "; " + strings.Join(full, "; "), text + "; " + strings.Join(short, ", ")}
}

// The ledger's fields differ by case only in three pairs; a decoder that mixes them up compares nonsense.
func TestDecode(t *testing.T) {
	var c Candle
	err := decode([]byte(`{"sv":1,"s":"BTCUSDT","src":"binance","epoch":7,"seq":9,"ts":1577977861500,"q":"ok","i":"1m","t":1577977860000,"T":1577977919999,"o":"1","h":"4","l":"0.5","c":"2","v":"3","qv":"6","n":5,"bv":"1","bqv":"2","f":11,"L":15,"x":true,"rev":1,"fill":false}`), &c)
	want := `{"s":"BTCUSDT","epoch":7,"i":"1m","t":1577977860000,"o":"1","h":"4","l":"0.5","c":"2","v":"3","qv":"6","n":5,"bv":"1","bqv":"2","f":11,"L":15,"seq":9,"q":"ok","T":1577977919999,"whole":null,"limited":false}`
	if got, _ := json.Marshal(c); err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	for _, bad := range []string{``, `{}`, `{"s":"X","i":"1m","t":"now"}`} {
		if decode([]byte(bad), &c) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
