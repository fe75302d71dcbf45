package market

import (
	"bytes"
	"fmt"
)

// CandleMessage is a candle as push.candles, push.closed and ledger.candles carry it: the envelope, the candle, and the decimals that it was written with.
type CandleMessage struct {
	Header
	Candle
	PriceScale, QtyScale int
}

// Version is the version of the candle's key.
func (m CandleMessage) Version() Version {
	return Version{Epoch: m.Epoch, T: m.OpenMs, Seq: m.Seq}
}

// AppendJSON appends the message.
func (m *CandleMessage) AppendJSON(dst []byte) []byte {
	return m.Candle.AppendJSON(m.Header.AppendJSON(dst), m.PriceScale, m.QtyScale)
}

// Which fields a candle message had; the envelope's bits are those of records.
const (
	hasHigh fieldSet = 1 << (iota + 26)
	hasLow
	hasClose
	hasClosed
	hasTrades

	hasCandle = hasVersion | hasContract | hasEpoch | hasSeq | hasQuality | hasPeriod | hasOpenTime | hasOpen | hasHigh | hasLow | hasClose | hasVolumes | hasClosed | hasTrades
)

// DecodeCandle reads one candle message into m, whose previous content is gone. Unknown fields are passed over; a message of another schema version, without one of
// its fields, or with an impossible value is an error that names the field.
func (d *Decoder) DecodeCandle(b []byte, m *CandleMessage) error {
	*m = CandleMessage{PriceScale: -1, QtyScale: -1, Candle: Candle{FirstID: -1, LastID: -1}}
	s := scanner{b: b}
	var seen fieldSet
	for {
		key, err := s.key()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		if err := d.candleField(&s, key, m, &seen); err != nil {
			return fmt.Errorf("field %.20q: %w", key, err)
		}
	}
	if seen&hasCandle != hasCandle {
		return fmt.Errorf("candle message: fields are missing (%#x)", uint32(hasCandle&^seen))
	}
	c := &m.Candle
	switch {
	case m.Epoch < 0 || m.Seq < 0 || c.OpenMs < 0 || c.Period.OpenMs(c.OpenMs) != c.OpenMs:
		return fmt.Errorf("candle message: version (%d, %d, %d) is impossible for a candle of %s", m.Epoch, c.OpenMs, m.Seq, c.Period)
	case c.Low <= 0 || c.High < max(c.Open, c.Close, c.Low) || c.Low > min(c.Open, c.Close):
		return fmt.Errorf("candle message: prices are impossible")
	case m.PriceScale > MaxScale || m.QtyScale > MaxScale:
		return fmt.Errorf("candle message: %d and %d decimals, at most %d", m.PriceScale, m.QtyScale, MaxScale)
	}
	return nil
}

func (d *Decoder) candleField(s *scanner, key []byte, m *CandleMessage, seen *fieldSet) (err error) {
	var t []byte
	var n int64
	c := &m.Candle
	switch string(key) {
	case "sv":
		if n, err = s.integer(); err == nil && n != SchemaVersion {
			err = fmt.Errorf("schema version %d, want %d", n, SchemaVersion)
		}
		*seen |= hasVersion
	case "s":
		if t, err = s.text(); err == nil {
			m.Contract = d.intern(t)
		}
		*seen |= hasContract
	case "src":
		if t, err = s.text(); err == nil {
			m.Source = d.intern(t)
		}
	case "sim":
		m.Simulated, err = s.boolean()
	case "epoch":
		m.Epoch, err = s.integer()
		*seen |= hasEpoch
	case "seq":
		m.Seq, err = s.integer()
		*seen |= hasSeq
	case "ts":
		m.EventMs, err = s.integer()
	case "tsc":
		m.ComputeMs, err = s.integer()
	case "q":
		if t, err = s.text(); err == nil {
			m.Quality, err = ParseQuality(t)
		}
		*seen |= hasQuality
	case "l":
		c.Low, err = s.scaled(&m.PriceScale)
		*seen |= hasLow
	case "f":
		c.FirstID, err = s.integer()
	case "x":
		c.Closed, err = s.boolean()
		*seen |= hasClosed
	case "rev":
		n, err = s.integer()
		c.Revision = int(n)
	case "fill":
		c.Fill, err = s.boolean()
	default:
		return s.candle(key, c, &m.PriceScale, &m.QtyScale, seen)
	}
	return err
}

// candle reads a field that candle messages and seeds have in common; another one is passed over.
func (s *scanner) candle(key []byte, c *Candle, price, qty *int, seen *fieldSet) (err error) {
	var t []byte
	quote := *price + *qty
	switch string(key) {
	case "i":
		if t, err = s.text(); err == nil {
			c.Period, err = ParsePeriod(string(t))
		}
		*seen |= hasPeriod
	case "t":
		c.OpenMs, err = s.integer()
		*seen |= hasOpenTime
	case "o":
		c.Open, err = s.scaled(price)
		*seen |= hasOpen
	case "h":
		c.High, err = s.scaled(price)
		*seen |= hasHigh
	case "c":
		c.Close, err = s.scaled(price)
		*seen |= hasClose
	case "v":
		c.Volume, err = s.wide(qty)
	case "bv":
		c.BuyVolume, err = s.wide(qty)
	case "qv":
		c.QuoteVolume, err = s.wide(&quote)
	case "bqv":
		c.BuyQuoteVolume, err = s.wide(&quote)
		*seen |= hasVolumes
	case "n":
		c.Trades, err = s.integer()
		*seen |= hasTrades
	case "L":
		c.LastID, err = s.integer()
	default:
		_, err = s.raw()
	}
	return err
}

// WithoutComputeTime is a message without its tsc, when it was computed: the one thing in which two that computed the same may differ.
func WithoutComputeTime(value []byte) string {
	before, rest, found := bytes.Cut(value, []byte(`"tsc":`))
	comma := bytes.IndexByte(rest, ',')
	if !found || comma < 0 {
		return string(value)
	}
	return string(before) + string(rest[comma+1:])
}
