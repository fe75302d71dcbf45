package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/matching"
)

// Verb is what an entry of the command log says.
type Verb uint8

// The verbs.
const (
	Order   Verb = iota // a command for the book; its own kind is its name in the log
	Open                // a process takes the market over
	Time                // nothing happened until here: clock records are due
	Skip                // the process slept; trading goes on from here
	Bust                // takes a trade back
	Correct             // replaces a trade's price and quantity
	Close               // trading stops until the next Open
)

var verbs = [...]string{Open: "open", Time: "time", Skip: "skip", Bust: "bust", Correct: "correct", Close: "close"}

// Entry is one line of the command log: its time in microseconds, its verb, and what the verb needs. Prices and quantities are decimals in the contract's
// units. One line of each kind:
//
//	1763900000000000 open {"writer":1763900000000,…}
//	1763900000000100 limit buy 17 100000.5 0.010
//	1763900000000200 ioc sell 18 100000.1 0.2
//	1763900000000300 market buy 19 0.3
//	1763900000000400 cancel 17
//	1763900000200000 time
//	1763900009000000 skip
//	1763900010000000 bust 203
//	1763900011000000 correct 204 100000.0 0.1
//	1763900012000000 close
type Entry struct {
	Verb    Verb
	TimeUs  int64
	Command matching.Command // Order; its TimeUs is the entry's
	AggID   int64            // Bust, Correct
	Price   int64            // Correct: ticks
	Qty     int64            // Correct: lots
	Opening *Opening         // Open
}

// Opening is what a process brings with it when it takes a market over; whatever the market's records depend on stands here, and so in the command log.
type Opening struct {
	Writer      int64           // id of the process's records: greater than any before
	TradesEpoch int64           // not 0: the log of trades begins again with this epoch
	BooksEpoch  int64           // the same for the log of books
	Contract    market.Contract // as the catalogue has it now
	Flow        *Flow           // nil: commands come from a file
}

// Flow is a random market's description.
type Flow struct {
	Params    matching.FlowParams
	Seed      uint64
	HistoryMs int64 // so much of the past is made up when the market begins
}

// AppendLine appends the entry as a line, in the units of the contract.
func (e *Entry) AppendLine(dst []byte, c *market.Contract) []byte {
	dst = append(strconv.AppendInt(dst, e.TimeUs, 10), ' ')
	price := func(ticks int64) { dst = market.AppendDecimal(append(dst, ' '), ticks*c.Tick.Size, c.Tick.Scale) }
	qty := func(lots int64) { dst = market.AppendDecimal(append(dst, ' '), lots*c.Step.Size, c.Step.Scale) }
	if e.Verb != Order {
		dst = append(dst, verbs[e.Verb]...)
	}
	switch e.Verb {
	case Order:
		k := &e.Command
		dst = append(dst, k.Kind.String()...)
		if k.Kind != matching.Cancel {
			dst = append(append(dst, ' '), k.Side.String()...)
		}
		dst = strconv.AppendInt(append(dst, ' '), k.ID, 10)
		if k.Kind == matching.Limit || k.Kind == matching.IOC {
			price(k.Price)
		}
		if k.Kind != matching.Cancel {
			qty(k.Qty)
		}
	case Bust, Correct:
		dst = strconv.AppendInt(append(dst, ' '), e.AggID, 10)
		if e.Verb == Correct {
			price(e.Price)
			qty(e.Qty)
		}
	case Open:
		dst = append(append(dst, ' '), e.Opening.json()...)
	}
	return append(dst, '\n')
}

// ParseLine reads a line, without its end, in the units of the contract.
func ParseLine(line []byte, c *market.Contract) (e Entry, err error) {
	at, rest, _ := strings.Cut(string(line), " ")
	verb, rest, _ := strings.Cut(rest, " ")
	if e.TimeUs, err = strconv.ParseInt(at, 10, 64); err != nil || e.TimeUs < 0 {
		return e, fmt.Errorf("%.80q: the time is no number of microseconds", line)
	}
	if verb == "open" {
		e.Verb = Open
		if e.Opening, err = parseOpening([]byte(rest)); err != nil {
			return e, fmt.Errorf("%.80q: %w", line, err)
		}
		return e, nil
	}
	p := fields{left: strings.Fields(rest), c: c}
	for e.Verb = Open; int(e.Verb) < len(verbs) && verbs[e.Verb] != verb; e.Verb++ {
	}
	switch k := &e.Command; {
	case e.Verb == Bust, e.Verb == Correct:
		e.AggID = p.integer()
		if e.Verb == Correct {
			e.Price, e.Qty = p.price(), p.qty()
		}
	case int(e.Verb) == len(verbs):
		e.Verb, k.TimeUs = Order, e.TimeUs
		for k.Kind = matching.Limit; k.Kind.String() != verb; k.Kind++ {
			if k.Kind > matching.Cancel {
				return e, fmt.Errorf("%.80q: unknown verb %q", line, verb)
			}
		}
		if k.Kind != matching.Cancel {
			k.Side = p.side()
		}
		k.ID = p.integer()
		if k.Kind == matching.Limit || k.Kind == matching.IOC {
			k.Price = p.price()
		}
		if k.Kind != matching.Cancel {
			k.Qty = p.qty()
		}
	}
	if p.err == nil && len(p.left) > 0 {
		p.err = errors.New("more than the verb needs")
	}
	if p.err != nil {
		return e, fmt.Errorf("%.80q: %w", line, p.err)
	}
	return e, nil
}

// fields takes the words of a line one by one and keeps the first error.
type fields struct {
	left []string
	c    *market.Contract
	err  error
}

func (f *fields) next() string {
	if len(f.left) == 0 {
		f.fail("something is missing at its end")
		return ""
	}
	w := f.left[0]
	f.left = f.left[1:]
	return w
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

func (f *fields) integer() int64 {
	w := f.next()
	v, err := strconv.ParseInt(w, 10, 64)
	if err != nil {
		f.fail("%q is no whole number", w)
	}
	return v
}

func (f *fields) side() matching.Side {
	switch w := f.next(); w {
	case "buy":
	case "sell":
		return matching.Sell
	default:
		f.fail("%q: want buy or sell", w)
	}
	return matching.Buy
}

func (f *fields) price() int64 { return f.units("tick", f.c.Tick) }
func (f *fields) qty() int64   { return f.units("step", f.c.Step) }

func (f *fields) units(name string, u market.Unit) int64 {
	w := f.next()
	v, err := market.ParseScaled(w, u.Scale)
	if err == nil && v%u.Size != 0 {
		err = fmt.Errorf("no multiple of the %s %s", name, u)
	}
	if err != nil {
		f.fail("%q: %w", w, err)
	}
	return v / u.Size
}

// openingJSON is an Opening in the log. The contract is a contract record of market.trades, so that the catalogue's entry has one form.
type openingJSON struct {
	Writer      int64           `json:"writer"`
	TradesEpoch int64           `json:"trades_epoch,omitempty"`
	BooksEpoch  int64           `json:"books_epoch,omitempty"`
	Flow        *Flow           `json:"flow,omitempty"`
	Contract    json.RawMessage `json:"contract"`
}

func (o *Opening) json() []byte {
	rec := market.Record{Kind: market.KindContract, Contract: o.Contract.ID, Source: o.Contract.Source, Spec: market.Spec{Contract: o.Contract}}
	b, err := json.Marshal(openingJSON{o.Writer, o.TradesEpoch, o.BooksEpoch, o.Flow, rec.AppendJSON(nil)})
	if err != nil {
		panic(err) // integers and strings only
	}
	return b
}

func parseOpening(b []byte) (*Opening, error) {
	var j openingJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	var rec market.Record
	if err := new(market.Decoder).Decode(j.Contract, &rec); err != nil || rec.Kind != market.KindContract {
		return nil, fmt.Errorf("opening: contract: %w", err)
	}
	if j.Writer < 1 || j.Flow != nil && j.Flow.Params.Validate() != nil {
		return nil, errors.New("opening: the writer or the flow is impossible")
	}
	c := rec.Spec.Contract
	return &Opening{Writer: j.Writer, TradesEpoch: j.TradesEpoch, BooksEpoch: j.BooksEpoch, Flow: j.Flow, Contract: c}, nil
}
