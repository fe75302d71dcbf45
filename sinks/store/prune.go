package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// pruneRows is how many rows one step takes away: some milliseconds in which no candle is written.
const pruneRows = 1000

// series is one contract's candles of one period.
type series struct {
	contract string
	period   market.Period
}

// span is what the file has of a series.
type span struct{ oldestMs, newestMs int64 }

// pruner knows which series hold more than they should. Time is counted back from a series' newest candle, not from the clock on the wall: a recording of last year is
// kept as long as today's market.
type pruner struct {
	keepMs [market.PeriodCount]int64
	spans  map[series]span
	queue  []series // still to be looked at in this turn
}

func newPruner(keepMs [market.PeriodCount]int64) *pruner {
	return &pruner{keepMs: keepMs, spans: map[series]span{}}
}

// load looks up what the file has.
func (p *pruner) load(ctx context.Context, db *DB) error {
	for contract := range db.ids {
		for period, keep := range p.keepMs {
			if keep == 0 {
				continue
			}
			s := series{contract, market.Period(period)}
			var sp span
			var err error
			if sp.oldestMs, err = db.edge(ctx, s, "min"); err == nil {
				sp.newestMs, err = db.edge(ctx, s, "max")
			}
			if err != nil {
				return err
			}
			if sp.newestMs >= 0 {
				p.spans[s] = sp
			}
		}
	}
	return nil
}

// edge is the open time of a series' first (min) or last (max) candle, -1 where it has none.
func (db *DB) edge(ctx context.Context, s series, which string) (int64, error) {
	id, _ := db.contract(s.contract)
	var v sql.NullInt64
	err := db.w.QueryRowContext(ctx, "SELECT "+which+"(open_ms) FROM candles WHERE contract = $1 AND period = $2", id, int(s.period)).Scan(&v)
	if err != nil {
		return 0, fmt.Errorf("read candles: %w", err)
	}
	if !v.Valid {
		return -1, nil
	}
	return v.Int64, nil
}

// note tells of candles that were written.
func (p *pruner) note(candles []market.CandleMessage) {
	for i := range candles {
		c := &candles[i]
		if p.keepMs[c.Period] == 0 {
			continue
		}
		s := series{c.Contract, c.Period}
		sp, ok := p.spans[s]
		if !ok {
			sp = span{c.OpenMs, c.OpenMs}
		}
		p.spans[s] = span{min(sp.oldestMs, c.OpenMs), max(sp.newestMs, c.OpenMs)}
	}
}

// slack is by how much a series may be longer than it should, so that rows go in hundreds and not one by one.
func slack(keepMs int64) int64 { return keepMs / 64 }

// due returns a series that is too long, and the open time before which its candles go.
func (p *pruner) due() (s series, beforeMs int64, ok bool) {
	if len(p.queue) == 0 {
		for s := range p.spans {
			p.queue = append(p.queue, s)
		}
	}
	for len(p.queue) > 0 {
		s := p.queue[len(p.queue)-1]
		sp, keep := p.spans[s], p.keepMs[s.period]
		if cut := sp.newestMs - keep; sp.oldestMs < cut-slack(keep) {
			return s, cut, true // again at the next step, until it is short enough
		}
		p.queue = p.queue[:len(p.queue)-1]
	}
	return s, 0, false
}

// step takes at most pruneRows rows away.
func (p *pruner) step(ctx context.Context, db *DB) (rows int64, err error) {
	s, before, ok := p.due()
	if !ok {
		return 0, nil
	}
	id, _ := db.contract(s.contract)
	res, err := db.w.ExecContext(ctx, `DELETE FROM candles WHERE contract = $1 AND period = $2 AND open_ms <= (SELECT max(open_ms) FROM
		(SELECT open_ms FROM candles WHERE contract = $1 AND period = $2 AND open_ms < $3 ORDER BY open_ms LIMIT $4) AS oldest)`, id, int(s.period), before, pruneRows)
	if err == nil {
		rows, err = res.RowsAffected()
	}
	if err != nil {
		return 0, fmt.Errorf("prune candles: %w", err)
	}
	sp := p.spans[s]
	if sp.oldestMs, err = db.edge(ctx, s, "min"); err != nil {
		return rows, err
	}
	p.spans[s] = sp
	return rows, nil
}
