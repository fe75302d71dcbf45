package market

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Decode reads one record into r, whose previous content is gone; the room of its levels is used again. Unknown fields are passed over, so that a newer writer does not stop an older reader;
// a record of another schema version, without one of its fields, or with an impossible value is an error that names the field.
func (d *Decoder) Decode(b []byte, r *Record) error {
	*r = Record{PriceScale: -1, QtyScale: -1, Book: BookChange{Bids: r.Book.Bids[:0], Asks: r.Book.Asks[:0]}}
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
		if err := d.field(&s, key, r, &seen); err != nil {
			return fmt.Errorf("field %.20q: %w", key, err)
		}
	}
	return r.check(seen)
}

// fieldSet tells which fields a record had.
type fieldSet uint32

const (
	hasVersion fieldSet = 1 << iota
	hasKind
	hasContract
	hasSource
	hasWriter
	hasEpoch
	hasSeq
	hasEvent
	hasQuality
	hasPrice
	hasQty
	hasMaker
	hasAgg
	hasFirst
	hasLast
	hasPeriod
	hasOpenTime
	hasOpen
	hasVolumes
	hasTick
	hasStep
	hasSeeds
	hasFrom
	hasTo
	hasUpdates
	hasLevels

	hasEnvelope = hasVersion | hasKind | hasContract | hasSource | hasWriter | hasEpoch | hasSeq | hasEvent | hasQuality
	hasTrade    = hasPrice | hasQty | hasMaker | hasAgg | hasFirst | hasLast
)

var needed = [...]fieldSet{
	KindTrade: hasTrade, KindCorrection: hasTrade, KindBust: hasAgg, KindSeed: hasPeriod | hasOpenTime | hasClose | hasVolumes,
	KindContract: hasTick | hasStep | hasSeeds, KindGap: hasFrom | hasTo, KindClock: 0, KindOpen: 0, KindQuality: 0,
	KindSnapshot: hasUpdates | hasLevels, KindDiff: hasUpdates | hasLevels,
}

func (d *Decoder) field(s *scanner, key []byte, r *Record, seen *fieldSet) (err error) {
	var t []byte
	switch string(key) {
	case "sv":
		var v int64
		if v, err = s.integer(); err == nil && v != SchemaVersion {
			err = fmt.Errorf("schema version %d, want %d", v, SchemaVersion)
		}
		*seen |= hasVersion
	case "k":
		if t, err = s.text(); err == nil {
			err = r.Kind.parse(t)
		}
		*seen |= hasKind
	case "s":
		if t, err = s.text(); err == nil {
			r.Contract = d.intern(t)
		}
		*seen |= hasContract
	case "src":
		if t, err = s.text(); err == nil {
			r.Source = d.intern(t)
		}
		*seen |= hasSource
	case "sim":
		r.Simulated, err = s.boolean()
	case "w":
		r.Writer, err = s.integer()
		*seen |= hasWriter
	case "epoch":
		r.Epoch, err = s.integer()
		*seen |= hasEpoch
	case "seq":
		r.Seq, err = s.integer()
		*seen |= hasSeq
	case "ts":
		r.EventMs, err = s.integer()
		*seen |= hasEvent
	case "q":
		if t, err = s.text(); err == nil {
			r.Quality, err = ParseQuality(t)
		}
		*seen |= hasQuality
	case "p":
		r.Trade.Price, err = s.scaled(&r.PriceScale)
		*seen |= hasPrice
	case "qty":
		r.Trade.Qty, err = s.scaled(&r.QtyScale)
		*seen |= hasQty
	case "m":
		r.Trade.BuyerMaker, err = s.boolean()
		*seen |= hasMaker
	case "a":
		r.Trade.AggID, err = s.integer()
		*seen |= hasAgg
	case "f":
		r.Trade.FirstID, err = s.integer()
		*seen |= hasFirst
	case "l":
		if r.Kind == KindSeed {
			r.Seed.Low, err = s.scaled(&r.PriceScale)
			break
		}
		r.Trade.LastID, err = s.integer()
		*seen |= hasLast
	case "u0":
		r.Book.FirstID, err = s.integer()
	case "u":
		r.Book.LastID, err = s.integer()
		*seen |= hasUpdates
	case "bids":
		r.Book.Bids, err = s.levels(r.Book.Bids, &r.PriceScale, &r.QtyScale)
	case "asks":
		r.Book.Asks, err = s.levels(r.Book.Asks, &r.PriceScale, &r.QtyScale)
		*seen |= hasLevels
	default:
		return d.rareField(s, key, r, seen)
	}
	return err
}

// rareField reads the fields of seeds, contracts and gaps.
func (d *Decoder) rareField(s *scanner, key []byte, r *Record, seen *fieldSet) (err error) {
	spec := &r.Spec
	switch string(key) {
	case "from":
		r.GapFrom, err = s.integer()
		*seen |= hasFrom
	case "to":
		r.GapTo, err = s.integer()
		*seen |= hasTo
	case "seeds":
		var n int64
		n, err = s.integer()
		spec.Seeds = int(n)
		*seen |= hasSeeds
	case "delisted":
		spec.Delisted, err = s.boolean()
	case "tick":
		spec.Contract.Tick, err = s.unit()
		*seen |= hasTick
	case "step":
		spec.Contract.Step, err = s.unit()
		*seen |= hasStep
	case "symbol":
		spec.Contract.Symbol, err = s.anyText()
	case "base":
		spec.Contract.Base, err = s.anyText()
	case "quote":
		spec.Contract.Quote, err = s.anyText()
	case "periods":
		spec.Contract.Period, err = s.periods()
	case "books":
		spec.Contract.Books, err = s.units()
	case "depth":
		var n int64
		n, err = s.integer()
		spec.Contract.Depth = int(n)
	default:
		return s.candle(key, &r.Seed, &r.PriceScale, &r.QtyScale, seen)
	}
	return err
}

// scaled reads a decimal string; the first one of a record sets the scale, the others must have the same.
func (s *scanner) scaled(scale *int) (int64, error) {
	t, err := s.text()
	if err != nil {
		return 0, err
	}
	m, has, err := ParseDecimal(t)
	if err == nil && *scale >= 0 && has != *scale {
		return 0, fmt.Errorf("%d decimals, want %d", has, *scale)
	}
	*scale = has
	return m, err
}

func (s *scanner) wide(scale *int) (Int128, error) {
	t, err := s.text()
	if err != nil {
		return Int128{}, err
	}
	if *scale < 0 {
		*scale = 0
		for i, c := range t {
			if c == '.' {
				*scale = len(t) - 1 - i
			}
		}
	}
	return ParseInt128(t, *scale)
}

func (s *scanner) unit() (Unit, error) {
	t, err := s.text()
	if err != nil {
		return Unit{}, err
	}
	return ParseUnit(string(t))
}

func (s *scanner) units() ([]Unit, error) {
	raw, err := s.raw()
	if err != nil {
		return nil, err
	}
	var texts []string
	if err := json.Unmarshal(raw, &texts); err != nil || len(texts) == 0 {
		return nil, err
	}
	us := make([]Unit, len(texts))
	for i, t := range texts {
		if us[i], err = ParseUnit(t); err != nil {
			return nil, err
		}
	}
	return us, nil
}

func (s *scanner) anyText() (v string, err error) {
	raw, err := s.raw()
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	return v, err
}

func (s *scanner) periods() ([]Period, error) {
	raw, err := s.raw()
	if err != nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return nil, err
	}
	ps := make([]Period, 0, PeriodCount)
	for _, n := range names {
		p, err := ParsePeriod(n)
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

func (k *Kind) parse(t []byte) error {
	for i, n := range kindNames {
		if string(t) == n {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("unknown kind %.20q", t)
}

// check says what is missing or impossible in a record that was read to its end.
func (r *Record) check(seen fieldSet) error {
	if seen&hasEnvelope != hasEnvelope {
		return fmt.Errorf("%s record: envelope is incomplete", r.Kind)
	}
	if seen&needed[r.Kind] != needed[r.Kind] {
		return fmt.Errorf("%s record: a field is missing", r.Kind)
	}
	if err := CheckID(r.Contract); err != nil {
		return err
	}
	if r.Epoch < 0 || r.Seq < 0 || r.EventMs < 0 || r.Writer < 0 {
		return fmt.Errorf("%s record: negative epoch, seq, time or writer", r.Kind)
	}
	if r.PriceScale > MaxScale || r.QtyScale > MaxScale {
		return fmt.Errorf("%s record: more than %d decimals", r.Kind, MaxScale)
	}
	switch r.Kind {
	case KindTrade, KindCorrection:
		if r.Trade.Price <= 0 || r.Trade.Qty <= 0 || r.Trade.LastID < r.Trade.FirstID {
			return fmt.Errorf("%s record: price, quantity or ids are impossible", r.Kind)
		}
	case KindSeed:
		r.Seed.FirstID, r.Trade.FirstID = r.Trade.FirstID, 0
		r.Seed.Closed = true
		r.Seed.Fill = r.Seed.Trades == 0
		if c := &r.Seed; r.PriceScale < 0 || r.QtyScale < 0 || c.Low <= 0 || c.Open < c.Low || c.Open > c.High || c.Close < c.Low || c.Close > c.High || c.High < c.Low || c.Trades < 0 || c.Period.OpenMs(c.OpenMs) != c.OpenMs {
			return errors.New("seed record: prices, count or open time are impossible")
		}
	case KindContract:
		r.Spec.Contract.ID, r.Spec.Contract.Source = r.Contract, r.Source
		if r.Spec.Seeds < 0 || r.Spec.Contract.Depth < 0 || r.Spec.Contract.Depth > MaxLevels {
			return fmt.Errorf("contract record: number of seeds or depth is impossible")
		}
	case KindSnapshot, KindDiff:
		return r.Book.check(r.Kind)
	}
	return nil
}
