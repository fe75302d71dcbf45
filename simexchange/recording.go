package simexchange

import (
	"archive/zip"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/tickcast/tickcast/market"
)

// recordedTrade is a row of GET /api/v3/aggTrades, and the data of an @trade frame: t instead of a, f and l.
type recordedTrade struct {
	Symbol  string `json:"s"`
	AggID   int64  `json:"a"`
	TradeID int64  `json:"t"`
	Price   string `json:"p"`
	Qty     string `json:"q"`
	FirstID int64  `json:"f"`
	LastID  int64  `json:"l"`
	TimeMs  int64  `json:"T"`
	Maker   bool   `json:"m"`
	Best    bool   `json:"M"` // unused, but without a field of its own encoding/json, blind to case, would put it into m
}

func (r *recordedTrade) trade() (trade, error) {
	t := trade{ID: r.AggID, FirstID: r.FirstID, LastID: r.LastID, TimeUs: r.TimeMs * 1000, BuyerMaker: r.Maker}
	var err error
	if t.Price, err = market.ParseScaled(r.Price, decimals); err != nil || t.Price == 0 {
		return t, fmt.Errorf("p: %q is not a price", r.Price)
	}
	if t.Qty, err = market.ParseScaled(r.Qty, decimals); err != nil || t.Qty == 0 {
		return t, fmt.Errorf("q: %q is not a quantity", r.Qty)
	}
	if r.TimeMs <= 0 || r.FirstID < 0 || r.LastID < r.FirstID || r.LastID-r.FirstID >= t.Qty {
		return t, fmt.Errorf("time %d or trade ids %d..%d are impossible", r.TimeMs, r.FirstID, r.LastID)
	}
	return t, nil
}

// readAggTrades reads a JSON array of REST rows. How a quantity was split among single trades is not recorded: they get equal parts.
func readAggTrades(r io.Reader) ([]trade, error) {
	var rows []recordedTrade
	if err := json.NewDecoder(r).Decode(&rows); err != nil {
		return nil, err
	}
	out := make([]trade, 0, len(rows))
	for i := range rows {
		t, err := rows[i].trade()
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
		if n := t.LastID - t.FirstID + 1; n > 1 {
			t.Fills = make([]int64, n)
			for j := range t.Fills {
				t.Fills[j] = t.Qty / n
			}
			t.Fills[n-1] += t.Qty % n
		}
		out = append(out, t)
	}
	return out, nil
}

// readKlines reads Binance's klines as CSV: open time, o, h, l, c, volume, close time, quote volume, trades, buy volume, buy quote volume. Times in
// microseconds, as in files from 2025 on, are taken too.
func readKlines(r io.Reader) ([]bar, error) {
	cr := csv.NewReader(r)
	var out []bar
	for {
		f, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := cr.FieldPos(0)
		if line == 1 && !strings.HasPrefix(f[0], "1") { // some files begin with names
			continue
		}
		b, err := klineRow(f)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if n := len(out); n > 0 && b.OpenMs <= out[n-1].OpenMs {
			return nil, fmt.Errorf("line %d: open time %d is not after %d", line, b.OpenMs, out[n-1].OpenMs)
		}
		out = append(out, b)
	}
}

func klineRow(f []string) (bar, error) {
	var b bar
	if len(f) < 11 {
		return b, fmt.Errorf("%d columns, want at least 11", len(f))
	}
	open, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return b, fmt.Errorf("open time: %w", err)
	}
	if open > 1e14 {
		open /= 1000
	}
	b.OpenMs = open
	for i, to := range []*int64{&b.Open, &b.High, &b.Low, &b.Close} {
		if *to, err = market.ParseScaled(f[1+i], decimals); err != nil {
			return b, fmt.Errorf("column %d: %w", 2+i, err)
		}
	}
	for _, c := range []struct {
		col, scale int
		to         *market.Int128
	}{{5, decimals, &b.Volume}, {7, 2 * decimals, &b.Quote}, {9, decimals, &b.BuyVolume}, {10, 2 * decimals, &b.BuyQuote}} {
		if *c.to, err = market.ParseInt128(f[c.col], c.scale); err != nil {
			return b, fmt.Errorf("column %d: %w", c.col+1, err)
		}
	}
	if b.Trades, err = strconv.ParseInt(f[8], 10, 64); err != nil || b.Trades < 0 {
		return b, fmt.Errorf("column 9: %q is not a count", f[8])
	}
	return b, nil
}

// readFile opens a file, unpacks gzip and the first file of a zip, and hands it to read.
func readFile(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	switch {
	case strings.HasSuffix(path, ".gz"):
		gz, err := gzip.NewReader(f)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer gz.Close()
		r = gz
	case strings.HasSuffix(path, ".zip"):
		z, err := zip.OpenReader(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer z.Close()
		if len(z.File) == 0 {
			return fmt.Errorf("%s: empty archive", path)
		}
		in, err := z.File[0].Open()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer in.Close()
		r = in
	}
	if err := read(r); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// load reads a recording's files.
func (m *Recording) load() (*recorded, error) {
	rec := &recorded{}
	for _, path := range m.AggTrades {
		err := readFile(path, func(r io.Reader) error {
			ts, err := readAggTrades(r)
			rec.trades = append(rec.trades, ts...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, path := range m.Frames {
		if err := readFile(path, func(r io.Reader) error { return rec.readFrames(r, m.Symbol) }); err != nil {
			return nil, err
		}
	}
	if err := rec.order(); err != nil {
		return nil, fmt.Errorf("recording of %s: %w", m.Symbol, err)
	}
	if m.Klines == "" {
		return rec, nil
	}
	return rec, readFile(m.Klines, func(r io.Reader) (err error) {
		rec.klines, err = readKlines(r)
		return err
	})
}
