package simexchange

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tickcast/tickcast/market"
)

// recorded is what a recording's files hold of one symbol.
type recorded struct {
	trades   []trade
	klines   []bar
	snapshot bookChange // of GET /api/v3/depth; LastID 0: no book was recorded
	diffs    []event    // at the exchange's times
	tops     []event    // bookTicker frames at the recorder's times: they have none of their own
	behindUs int64      // how far the recorder's clock is behind the exchange's, at the least delay
	events   []event    // all of them in the order of the exchange's times
}

// recordedDepth is the data of a depthUpdate frame and of a snapshot.
type recordedDepth struct {
	EventMs     int64       `json:"E"`
	Event       string      `json:"e"` // else it would be taken for E, as U for u and so on: encoding/json is blind to case
	Symbol      string      `json:"s"`
	First       int64       `json:"U"`
	Last        int64       `json:"u"`
	BidsChanged [][2]string `json:"b"`
	AsksChanged [][2]string `json:"a"`
	SnapshotID  int64       `json:"lastUpdateId"`
	Bids        [][2]string `json:"bids"`
	Asks        [][2]string `json:"asks"`
}

type recordedTop struct {
	ID       int64  `json:"u"`
	Symbol   string `json:"s"`
	BidPrice string `json:"b"`
	BidQty   string `json:"B"`
	AskPrice string `json:"a"`
	AskQty   string `json:"A"`
}

// readFrames reads lines of "<receive time, ns> <frame>": the symbol's frames of @trade, @depth@100ms and @bookTicker, and the first line that is a depth
// snapshot, which names no symbol.
func (rec *recorded) readFrames(r io.Reader, symbol string) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 4<<20) // depth snapshots
	stream := []byte(`{"stream":"`)
	mine := []byte(strings.ToLower(symbol) + "@")
	for line := 1; sc.Scan(); line++ {
		at, frame, _ := bytes.Cut(sc.Bytes(), []byte(" "))
		name, ok := bytes.CutPrefix(frame, stream)
		var err error
		switch {
		case ok:
			if kind, ok := bytes.CutPrefix(name, mine); ok {
				kind, _, _ = bytes.Cut(kind, []byte(`"`))
				err = rec.readFrame(string(kind), string(at), frame, symbol)
			}
		case rec.snapshot.LastID == 0 && bytes.HasPrefix(frame, []byte(`{"lastUpdateId":`)):
			err = rec.readSnapshot(frame)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	return sc.Err()
}

func (rec *recorded) readFrame(kind, receivedNs string, frame []byte, symbol string) error {
	at, err := strconv.ParseInt(receivedNs, 10, 64)
	if err != nil {
		return fmt.Errorf("receive time: %w", err)
	}
	var frameSymbol string
	switch kind {
	case "trade":
		frameSymbol, err = rec.readTrade(frame)
	case "depth@100ms":
		frameSymbol, err = rec.readDiff(frame, at/1000)
	case "bookTicker":
		frameSymbol, err = rec.readTop(frame, at/1000)
	default:
		return nil
	}
	if err == nil && frameSymbol != symbol {
		err = fmt.Errorf("s: %q in a frame of %s", frameSymbol, symbol)
	}
	return err
}

// firstMergedID is the first aggregate id of recordings that have single trades only.
const firstMergedID = 1

// readTrade appends a single trade. Neighbours of equal time, price and side become one aggregate trade, as Binance makes them, with ids of its own.
func (rec *recorded) readTrade(frame []byte) (symbol string, err error) {
	var f struct {
		Data recordedTrade `json:"data"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return "", err
	}
	f.Data.FirstID, f.Data.LastID, f.Data.AggID = f.Data.TradeID, f.Data.TradeID, firstMergedID
	t, err := f.Data.trade()
	if err != nil {
		return "", err
	}
	if n := len(rec.trades); n > 0 {
		last := &rec.trades[n-1]
		if last.TimeUs == t.TimeUs && last.Price == t.Price && last.BuyerMaker == t.BuyerMaker && last.LastID+1 == t.FirstID {
			if last.Fills == nil {
				last.Fills = []int64{last.Qty}
			}
			last.Fills = append(last.Fills, t.Qty)
			last.Qty += t.Qty
			last.LastID = t.LastID
			return f.Data.Symbol, nil
		}
		t.ID = last.ID + 1
	}
	rec.trades = append(rec.trades, t)
	return f.Data.Symbol, nil
}

func (rec *recorded) readDiff(frame []byte, receivedUs int64) (symbol string, err error) {
	var f struct {
		Data recordedDepth `json:"data"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return "", err
	}
	d := &f.Data
	c := &bookChange{FirstID: d.First, LastID: d.Last, Levels: make([]levelChange, 0, len(d.BidsChanged)+len(d.AsksChanged))}
	if c.Levels, err = appendRecorded(c.Levels, true, d.BidsChanged); err == nil {
		c.Levels, err = appendRecorded(c.Levels, false, d.AsksChanged)
	}
	if err != nil {
		return "", err
	}
	if n := len(rec.diffs); n > 0 && (c.FirstID != rec.diffs[n-1].Book.LastID+1 || d.EventMs*1000 < rec.diffs[n-1].TimeUs) || c.LastID < c.FirstID {
		return "", fmt.Errorf("diff %d to %d at %d does not follow the one before", c.FirstID, c.LastID, d.EventMs)
	}
	if behind := d.EventMs*1000 - receivedUs; behind > rec.behindUs || len(rec.diffs) == 0 {
		rec.behindUs = behind
	}
	rec.diffs = append(rec.diffs, event{TimeUs: d.EventMs * 1000, Book: c, Frame: true})
	return d.Symbol, nil
}

func (rec *recorded) readTop(frame []byte, receivedUs int64) (symbol string, err error) {
	var f struct {
		Data recordedTop `json:"data"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return "", err
	}
	b := &best{ID: f.Data.ID}
	if b.Bid, err = recordedLevel(f.Data.BidPrice, f.Data.BidQty); err == nil {
		b.Ask, err = recordedLevel(f.Data.AskPrice, f.Data.AskQty)
	}
	rec.tops = append(rec.tops, event{TimeUs: receivedUs, Best: b})
	return f.Data.Symbol, err
}

func (rec *recorded) readSnapshot(frame []byte) error {
	var d recordedDepth
	if err := json.Unmarshal(frame, &d); err != nil {
		return err
	}
	levels, err := appendRecorded(nil, true, d.Bids)
	if err == nil {
		levels, err = appendRecorded(levels, false, d.Asks)
	}
	rec.snapshot = bookChange{FirstID: d.SnapshotID, LastID: d.SnapshotID, Levels: levels}
	return err
}

func appendRecorded(dst []levelChange, bid bool, levels [][2]string) ([]levelChange, error) {
	for _, l := range levels {
		v, err := recordedLevel(l[0], l[1])
		if err != nil {
			return dst, err
		}
		dst = append(dst, levelChange{bid, v.Price, v.Qty})
	}
	return dst, nil
}

func recordedLevel(price, qty string) (l level, err error) {
	if l.Price, err = market.ParseScaled(price, decimals); err != nil || l.Price <= 0 {
		return l, fmt.Errorf("%q is not a price", price)
	}
	if l.Qty, err = market.ParseScaled(qty, decimals); err != nil || l.Qty < 0 {
		return l, fmt.Errorf("%q is not a quantity", qty)
	}
	return l, nil
}

// order checks that the parts fit together and brings them into one order: trades and diffs at their own times, bookTicker frames at the time of receiving,
// on the exchange's clock.
func (rec *recorded) order() error {
	if len(rec.trades) == 0 {
		return errors.New("no trades of it in the files")
	}
	for i := 1; i < len(rec.trades); i++ {
		if err := rec.trades[i].follows(&rec.trades[i-1]); err != nil {
			return err
		}
	}
	if n := len(rec.diffs); n > 0 {
		if id := rec.snapshot.LastID; id == 0 || rec.diffs[0].Book.FirstID > id+1 || rec.diffs[n-1].Book.LastID <= id {
			return fmt.Errorf("no snapshot that fits diffs %d to %d", rec.diffs[0].Book.FirstID, rec.diffs[n-1].Book.LastID)
		}
	}
	rec.events = make([]event, 0, len(rec.trades)+len(rec.diffs)+len(rec.tops))
	for i := range rec.trades {
		rec.events = append(rec.events, event{TimeUs: rec.trades[i].TimeUs, Trades: rec.trades[i : i+1]})
	}
	rec.events = append(rec.events, rec.diffs...)
	for _, e := range rec.tops {
		e.TimeUs += rec.behindUs
		rec.events = append(rec.events, e)
	}
	slices.SortStableFunc(rec.events, func(a, b event) int {
		switch {
		case a.TimeUs < b.TimeUs:
			return -1
		case a.TimeUs > b.TimeUs:
			return 1
		}
		return 0
	})
	return nil
}
