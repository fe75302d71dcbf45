package market

import (
	"math/big"
	"math/bits"
	"strconv"
)

// Ticker is what was traded in the last 24 hours. Prices are at the tick's scale, the volume at the step's, the quote volume at the sum of both.
type Ticker struct {
	OpenMs, CloseMs        int64 // of the window
	Open, High, Low, Close int64 // without trades: 0, but Close is the last price there was
	Volume, QuoteVolume    Int128
	Trades                 int64
	FirstID, LastID        int64 // -1 without trades
}

// Decimals of a ticker's weighted average and of its change in percent, whatever the contract's scales are.
const (
	AverageScale = 8
	PercentScale = 3
)

// AppendJSON appends the ticker's fields behind an envelope, from `,"o":` to the closing brace.
func (t *Ticker) AppendJSON(dst []byte, priceScale, qtyScale int) []byte {
	for _, p := range [...]struct {
		key   string
		price int64
	}{{`,"o":"`, t.Open}, {`","h":"`, t.High}, {`","l":"`, t.Low}, {`","c":"`, t.Close}, {`","p":"`, t.Change()}} {
		dst = append(dst, p.key...)
		dst = AppendDecimal(dst, p.price, priceScale)
	}
	dst = append(dst, `","P":"`...)
	dst = t.AppendPercent(dst)
	dst = append(dst, `","w":"`...)
	dst = t.AppendAverage(dst, priceScale)
	dst = append(dst, `","v":"`...)
	dst = t.Volume.AppendDecimal(dst, qtyScale)
	dst = append(dst, `","qv":"`...)
	dst = t.QuoteVolume.AppendDecimal(dst, priceScale+qtyScale)
	dst = append(dst, `","n":`...)
	dst = strconv.AppendInt(dst, t.Trades, 10)
	dst = appendInt(dst, `,"f":`, t.FirstID)
	dst = appendInt(dst, `,"L":`, t.LastID)
	dst = appendInt(dst, `,"O":`, t.OpenMs)
	dst = appendInt(dst, `,"C":`, t.CloseMs)
	return append(dst, '}')
}

// Change is the change of the price, 0 without trades.
func (t *Ticker) Change() int64 {
	if t.Open == 0 {
		return 0
	}
	return t.Close - t.Open
}

// AppendPercent appends the change in percent of the open price, with 3 decimals, half away from zero.
func (t *Ticker) AppendPercent(dst []byte) []byte {
	change := t.Change()
	sign := change < 0
	if sign {
		change = -change
	}
	if change == 0 {
		return AppendDecimal(dst, 0, PercentScale)
	}
	hi, lo := bits.Mul64(uint64(change), 100*1000)
	if hi >= uint64(t.Open) { // grown more than 2^64 times
		q := new(big.Int).Mul(big.NewInt(change), big.NewInt(100*1000))
		return appendRatio(dst, sign, q, big.NewInt(t.Open), PercentScale)
	}
	q, r := bits.Div64(hi, lo, uint64(t.Open))
	if r >= uint64(t.Open)-r {
		q++
	}
	if q == 0 {
		sign = false
	}
	if sign {
		dst = append(dst, '-')
	}
	return Int128{Lo: q}.AppendDecimal(dst, PercentScale)
}

// AppendAverage appends quote volume by volume with 8 decimals, half up; 0 without volume.
func (t *Ticker) AppendAverage(dst []byte, priceScale int) []byte {
	v := t.Volume.Lo
	switch {
	case t.Volume.Sign() <= 0 || t.QuoteVolume.Sign() < 0:
		return AppendDecimal(dst, 0, AverageScale)
	case t.Volume.Hi != 0 || uint64(t.QuoteVolume.Hi) >= v || priceScale > AverageScale:
		num, den := t.QuoteVolume.Big(), t.Volume.Big()
		shift := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(AverageScale-priceScale, priceScale-AverageScale))), nil)
		if priceScale <= AverageScale {
			num.Mul(num, shift)
		} else {
			den.Mul(den, shift)
		}
		return appendRatio(dst, false, num, den, AverageScale)
	}
	// the integer part at the price's scale, then the digits that are missing
	whole, rest := bits.Div64(uint64(t.QuoteVolume.Hi), t.QuoteVolume.Lo, v)
	shift := uint64(Pow10(AverageScale - priceScale))
	hi, lo := bits.Mul64(rest, shift)
	digits, rest := bits.Div64(hi, lo, v)
	if rest >= v-rest {
		digits++
	}
	hi, lo = bits.Mul64(whole, shift)
	return Int128{Hi: int64(hi), Lo: lo}.Add(Int128{Lo: digits}).AppendDecimal(dst, AverageScale)
}

// appendRatio appends num/den, both not negative, half up, as an integer of unit 10^-scale.
func appendRatio(dst []byte, minus bool, num, den *big.Int, scale int) []byte {
	q, r := new(big.Int).QuoRem(num, den, new(big.Int))
	if r.Lsh(r, 1).Cmp(den) >= 0 {
		q.Add(q, big.NewInt(1))
	}
	s := q.String()
	for len(s) <= scale {
		s = "0" + s
	}
	if minus && q.Sign() != 0 {
		dst = append(dst, '-')
	}
	dst = append(dst, s[:len(s)-scale]...)
	dst = append(dst, '.')
	return append(dst, s[len(s)-scale:]...)
}
