package market

import "strconv"

// Trade is one aggregate trade: the fills of one taker order at one price and time. Price and Qty are in units of the contract's tick and step scales.
type Trade struct {
	Price, Qty      int64
	BuyerMaker      bool  // the buyer was the maker: the taker sold
	AggID           int64 // the source's id, without holes
	FirstID, LastID int64 // the single trades it covers
}

// Candle is what was traded in one period. Prices are at the tick's scale, volumes at the step's, quote amounts at the sum of both.
type Candle struct {
	Period                    Period
	OpenMs                    int64 // open time
	Open, High, Low, Close    int64
	Volume, QuoteVolume       Int128
	BuyVolume, BuyQuoteVolume Int128 // of takers that bought
	Trades                    int64
	FirstID, LastID           int64 // -1 without trades
	FirstMs, LastMs           int64 // times of the first and last trade, which order them; not printed
	Revision                  int
	Closed                    bool
	Fill                      bool // no trades: open = high = low = close = the close before
}

// Header is the envelope that every product message begins with.
type Header struct {
	Contract  string
	Source    string
	Simulated bool
	Epoch     int64
	Seq       int64
	EventMs   int64
	ComputeMs int64 // 0: not printed (log records)
	Quality   Quality
}

// SchemaVersion is the number in `sv`; it changes when the meaning of a field does.
const SchemaVersion = 1

// AppendJSON appends the envelope without its closing brace, from `{"sv":1` to the quality.
func (h *Header) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"sv":1,"s":"`...)
	dst = append(dst, h.Contract...)
	dst = append(dst, `","src":"`...)
	dst = append(dst, h.Source...)
	dst = append(dst, '"')
	if h.Simulated {
		dst = append(dst, `,"sim":true`...)
	}
	dst = append(dst, `,"epoch":`...)
	dst = strconv.AppendInt(dst, h.Epoch, 10)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendInt(dst, h.Seq, 10)
	dst = append(dst, `,"ts":`...)
	dst = strconv.AppendInt(dst, h.EventMs, 10)
	if h.ComputeMs != 0 {
		dst = append(dst, `,"tsc":`...)
		dst = strconv.AppendInt(dst, h.ComputeMs, 10)
	}
	dst = append(dst, `,"q":"`...)
	dst = append(dst, h.Quality.String()...)
	return append(dst, '"')
}

// AppendJSON appends the candle's fields behind an envelope, from `,"i":` to the closing brace.
func (c *Candle) AppendJSON(dst []byte, priceScale, qtyScale int) []byte {
	dst = c.appendBars(dst, priceScale, qtyScale)
	dst = append(dst, `,"x":`...)
	dst = strconv.AppendBool(dst, c.Closed)
	dst = append(dst, `,"rev":`...)
	dst = strconv.AppendInt(dst, int64(c.Revision), 10)
	dst = append(dst, `,"fill":`...)
	dst = strconv.AppendBool(dst, c.Fill)
	return append(dst, '}')
}

// appendBars appends the fields that a seed has too, from `,"i":` to the last trade's id.
func (c *Candle) appendBars(dst []byte, priceScale, qtyScale int) []byte {
	quoteScale := priceScale + qtyScale
	dst = append(dst, `,"i":"`...)
	dst = append(dst, c.Period.String()...)
	dst = append(dst, `","t":`...)
	dst = strconv.AppendInt(dst, c.OpenMs, 10)
	dst = append(dst, `,"T":`...)
	dst = strconv.AppendInt(dst, c.Period.NextMs(c.OpenMs)-1, 10)
	dst = append(dst, `,"o":"`...)
	dst = AppendDecimal(dst, c.Open, priceScale)
	dst = append(dst, `","h":"`...)
	dst = AppendDecimal(dst, c.High, priceScale)
	dst = append(dst, `","l":"`...)
	dst = AppendDecimal(dst, c.Low, priceScale)
	dst = append(dst, `","c":"`...)
	dst = AppendDecimal(dst, c.Close, priceScale)
	dst = append(dst, `","v":"`...)
	dst = c.Volume.AppendDecimal(dst, qtyScale)
	dst = append(dst, `","qv":"`...)
	dst = c.QuoteVolume.AppendDecimal(dst, quoteScale)
	dst = append(dst, `","n":`...)
	dst = strconv.AppendInt(dst, c.Trades, 10)
	dst = append(dst, `,"bv":"`...)
	dst = c.BuyVolume.AppendDecimal(dst, qtyScale)
	dst = append(dst, `","bqv":"`...)
	dst = c.BuyQuoteVolume.AppendDecimal(dst, quoteScale)
	dst = append(dst, `","f":`...)
	dst = strconv.AppendInt(dst, c.FirstID, 10)
	dst = append(dst, `,"L":`...)
	return strconv.AppendInt(dst, c.LastID, 10)
}
