package simexchange

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tickcast/tickcast/market"
)

// A snapshot holds each random market's state at a whole minute some minutes back and the klines closed before it. From there everything is
// generated again after a restart, to the trade: the minutes before the stop, which clients may not have read yet, and the time since.
type snapshot struct {
	Format  int
	SavedMs int64
	Markets []marketSnapshot
}

type marketSnapshot struct {
	Symbol               string
	Checkpoint           checkpoint
	Minutes, Hours, Days []bar
}

const (
	snapshotFormat = 2
	snapshotFile   = "simexchange.snapshot"
)

// snapshot copies what the instrument has to remember.
func (in *instrument) snapshot() marketSnapshot {
	in.mu.RLock()
	defer in.mu.RUnlock()
	c := in.checkpoints[0]
	closed := func(s *series) []bar {
		return append([]bar(nil), s.bars[:s.from(s.period.OpenMs(c.MinuteMs))]...)
	}
	bt := in.log.bars
	return marketSnapshot{Symbol: in.Symbol.Symbol, Checkpoint: c,
		Minutes: closed(&bt.minutes), Hours: closed(&bt.hours), Days: closed(&bt.days)}
}

// restore begins where a snapshot was taken. The open hour and day are made up of the minutes again.
func (in *instrument) restore(m *marketSnapshot) error {
	g, err := m.Checkpoint.State.generator()
	if err != nil {
		return fmt.Errorf("snapshot of %s: %w", m.Symbol, err)
	}
	bt := in.log.bars
	bt.minutes.bars, bt.hours.bars, bt.days.bars = m.Minutes, m.Hours, m.Days
	at := m.Checkpoint.MinuteMs
	for i := bt.minutes.from(market.Period1d.OpenMs(at)); i < len(bt.minutes.bars); i++ {
		b := &m.Minutes[i]
		if b.OpenMs >= market.Period1h.OpenMs(at) {
			bt.hours.mergeBar(b)
		}
		bt.days.mergeBar(b)
	}
	bt.minutes.advance(at)
	in.src = g
	in.checkpoints = []checkpoint{m.Checkpoint}
	in.log.depth.reset(g.book.UpdateID(), g.levels())
	return nil
}

// goOn lets a restored market follow the configuration from nowUs on, and halt where the simulator was away for longer than maxGap.
func (in *instrument) goOn(savedMs, nowUs int64, maxGap time.Duration) (halted time.Duration) {
	const savingMs = 5 * market.MinuteMs // trades after the last save were served too
	g := in.src.(*generator)
	last := g.params
	if n := len(g.switches); n > 0 {
		last = g.switches[n-1].Params
	}
	from, resume := (savedMs+savingMs)*1000, nowUs-maxGap.Microseconds()
	if resume > from {
		g.switches = append(g.switches, paramSwitch{AtUs: from, Params: last, ResumeUs: resume})
		halted = time.Duration(resume-from) * time.Microsecond
	}
	if last != in.params {
		g.switches = append(g.switches, paramSwitch{AtUs: nowUs, Params: in.params})
	}
	in.checkpoints[0].State = g.state()
	return halted
}

// loadSnapshot reads the data directory; nil where there is no snapshot yet.
func loadSnapshot(dir string) (*snapshot, error) {
	path := filepath.Join(dir, snapshotFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	var s snapshot
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return nil, fmt.Errorf("data_dir: %s cannot be read (%w); without this file the market begins again", path, err)
	}
	if s.Format != snapshotFormat {
		return nil, fmt.Errorf("data_dir: %s has format %d, this program reads %d; without this file the market begins again", path, s.Format, snapshotFormat)
	}
	return &s, nil
}

// save writes the snapshot under another name, flushes it and renames it: after a crash there is the old file or the new one.
func (s *snapshot) save(dir string) error {
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(s); err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	f, err := os.Create(filepath.Join(dir, snapshotFile+".new"))
	if err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	_, err = f.Write(buf.Bytes())
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, snapshotFile))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

func (s *Server) saveSnapshot() error {
	snap := snapshot{Format: snapshotFormat, SavedMs: s.clock.nowUs() / 1000}
	for _, in := range s.instruments {
		snap.Markets = append(snap.Markets, in.snapshot())
	}
	return snap.save(s.cfg.DataDir)
}

// startMarket begins or goes on with the random market and brings it up to now.
func (s *Server) startMarket(nowUs int64) error {
	var snap *snapshot
	if s.cfg.DataDir != "" {
		if err := os.MkdirAll(s.cfg.DataDir, 0o755); err != nil {
			return fmt.Errorf("data_dir: %w", err)
		}
		var err error
		if snap, err = loadSnapshot(s.cfg.DataDir); err != nil {
			return err
		}
	}
	saved := map[string]*marketSnapshot{}
	if snap != nil {
		for i := range snap.Markets {
			saved[snap.Markets[i].Symbol] = &snap.Markets[i]
		}
	}
	backlog := int(s.cfg.Market.Backlog / time.Minute)
	for _, in := range s.instruments {
		m := saved[in.Symbol.Symbol]
		var err error
		if m == nil {
			err = in.begin(s.cfg.Market.Seed, market.Period1m.OpenMs(nowUs/1000)-int64(backlog)*market.MinuteMs)
		} else {
			err = in.restore(m)
		}
		switch {
		case err != nil:
			return err
		case m == nil:
		case m.Checkpoint.MinuteMs*1000 > nowUs:
			s.log.Warn("the clock is behind the snapshot: the market stands still until then", slog.String("symbol", m.Symbol),
				slog.Time("snapshot", time.UnixMilli(m.Checkpoint.MinuteMs)))
		default:
			if halted := in.goOn(snap.SavedMs, nowUs, s.cfg.Market.MaxGap); halted > 0 {
				s.log.Warn("away for longer than market.max_gap: no trades in between", slog.String("symbol", m.Symbol), slog.Duration("halted", halted))
			}
		}
		if err := in.catchUp(nowUs, backlog); err != nil {
			return err
		}
	}
	return nil
}
