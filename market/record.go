package market

import (
	"fmt"
	"strconv"
)

// Kind says what a log record means.
type Kind uint8

// The kinds of records in a contract's logs of trades and of books.
const (
	KindTrade      Kind = iota // one aggregate trade
	KindCorrection             // replaces a trade by its aggregate id
	KindBust                   // takes back a trade by its aggregate id
	KindSeed                   // a closed candle from before the log began
	KindContract               // the contract's catalogue entry
	KindOpen                   // a writer takes over
	KindGap                    // ids that are known to be missing for good
	KindQuality                // the feed's quality from here on
	KindClock                  // every record with event time before EventMs is already written
	KindSnapshot               // the whole order book
	KindDiff                   // changes of the order book
)

var kindNames = [...]string{"trade", "correction", "bust", "seed", "contract", "open", "gap", "quality", "clock", "snapshot", "diff"}

func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// MaxClockJumpMs is how far the event time of a record may lie ahead of the contract's clock: market.trades is kept so long (72 h). A log that would have to
// jump farther begins again with a new epoch and seeds.
const MaxClockJumpMs = 72 * HourMs

// Record is one record of a contract's log. The fields above the blank line are in every kind, the others only where noted.
type Record struct {
	Kind      Kind
	Contract  string
	Source    string
	Simulated bool
	Writer    int64 // id of the writing process; a later one is greater
	Epoch     int64 // time (ms) at which the counting of Seq began
	Seq       int64 // counts the contract's records in this log without holes
	EventMs   int64
	Quality   Quality

	PriceScale int        // trade, correction, seed, snapshot, diff: decimals of the prices, as written; -1 where there is none
	QtyScale   int        // trade, correction, seed, snapshot, diff: decimals of the quantities; quote amounts have the sum of both
	Trade      Trade      // trade, correction; bust: AggID only
	Seed       Candle     // seed
	Spec       Spec       // contract
	GapFrom    int64      // gap: first missing id
	GapTo      int64      // gap: last missing id
	Book       BookChange // snapshot, diff
}

// Spec is what a contract record says: all of the catalogue's entry that a computation depends on.
type Spec struct {
	Contract Contract
	Seeds    int  // so many seed records follow at once
	Delisted bool // the contract leaves the catalogue
}

// Version is the record's version as a product of its own (trades are forwarded as they are).
func (r *Record) Version() Version { return Version{Epoch: r.Epoch, Seq: r.Seq} }

// AppendJSON appends the record as one line of JSON; DecodeRecord reads it.
func (r *Record) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"sv":1,"k":"`...)
	dst = append(dst, r.Kind.String()...)
	dst = append(dst, `","s":"`...)
	dst = append(dst, r.Contract...)
	dst = append(dst, `","src":"`...)
	dst = append(dst, r.Source...)
	dst = append(dst, '"')
	if r.Simulated {
		dst = append(dst, `,"sim":true`...)
	}
	dst = appendInt(dst, `,"w":`, r.Writer)
	dst = appendInt(dst, `,"epoch":`, r.Epoch)
	dst = appendInt(dst, `,"seq":`, r.Seq)
	dst = appendInt(dst, `,"ts":`, r.EventMs)
	dst = append(dst, `,"q":"`...)
	dst = append(dst, r.Quality.String()...)
	dst = append(dst, '"')
	switch r.Kind {
	case KindTrade, KindCorrection:
		dst = r.appendTrade(dst)
	case KindBust:
		dst = appendInt(dst, `,"a":`, r.Trade.AggID)
	case KindSeed:
		dst = r.Seed.appendBars(dst, r.PriceScale, r.QtyScale)
	case KindContract:
		dst = r.Spec.appendJSON(dst)
	case KindSnapshot, KindDiff:
		dst = r.Book.appendJSON(dst, r.PriceScale, r.QtyScale)
	case KindGap:
		dst = appendInt(dst, `,"from":`, r.GapFrom)
		dst = appendInt(dst, `,"to":`, r.GapTo)
	}
	return append(dst, '}')
}

func (r *Record) appendTrade(dst []byte) []byte {
	dst = append(dst, `,"p":"`...)
	dst = AppendDecimal(dst, r.Trade.Price, r.PriceScale)
	dst = append(dst, `","qty":"`...)
	dst = AppendDecimal(dst, r.Trade.Qty, r.QtyScale)
	dst = append(dst, `","m":`...)
	dst = strconv.AppendBool(dst, r.Trade.BuyerMaker)
	dst = appendInt(dst, `,"a":`, r.Trade.AggID)
	dst = appendInt(dst, `,"f":`, r.Trade.FirstID)
	return appendInt(dst, `,"l":`, r.Trade.LastID)
}

func (s *Spec) appendJSON(dst []byte) []byte {
	for _, f := range [...]struct{ key, value string }{
		{"symbol", s.Contract.Symbol}, {"base", s.Contract.Base}, {"quote", s.Contract.Quote},
		{"tick", s.Contract.Tick.String()}, {"step", s.Contract.Step.String()},
	} {
		dst = append(dst, `,"`...)
		dst = append(dst, f.key...)
		dst = append(dst, `":`...)
		dst = appendJSONString(dst, f.value)
	}
	dst = append(dst, `,"periods":[`...)
	for i, p := range s.Contract.Period {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, p.String()...)
		dst = append(dst, '"')
	}
	dst = append(dst, ']')
	if len(s.Contract.Books) > 0 {
		dst = append(dst, `,"books":[`...)
		for i, u := range s.Contract.Books {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '"')
			dst = append(dst, u.String()...)
			dst = append(dst, '"')
		}
		dst = appendInt(dst, `],"depth":`, int64(s.Contract.Depth))
	}
	dst = appendInt(dst, `,"seeds":`, int64(s.Seeds))
	dst = append(dst, `,"delisted":`...)
	return strconv.AppendBool(dst, s.Delisted)
}

func appendInt(dst []byte, key string, v int64) []byte {
	return strconv.AppendInt(append(dst, key...), v, 10)
}
