package market

import (
	"fmt"
	"time"
)

// Period is the length of a candle. Periods are aligned to UTC; weeks begin on Monday, 3d is counted from 1970-01-01, months are calendar months
// (Binance, "Kline/Candlestick chart intervals").
type Period uint8

// The sixteen periods, shortest first. Their order is their index.
const (
	Period1s Period = iota
	Period1m
	Period3m
	Period5m
	Period15m
	Period30m
	Period1h
	Period2h
	Period4h
	Period6h
	Period8h
	Period12h
	Period1d
	Period3d
	Period1w
	Period1M
	PeriodCount = 16
)

// Lengths in milliseconds that come up everywhere.
const (
	SecondMs int64 = 1000
	MinuteMs       = 60 * SecondMs
	HourMs         = 60 * MinuteMs
	DayMs          = 24 * HourMs
	weekMs         = 7 * DayMs
	mondayMs       = 4 * DayMs // 1970-01-05, the first Monday
)

var periodNames = [PeriodCount]string{"1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"}

var periodMs = [PeriodCount]int64{SecondMs, MinuteMs, 3 * MinuteMs, 5 * MinuteMs, 15 * MinuteMs, 30 * MinuteMs, HourMs, 2 * HourMs, 4 * HourMs,
	6 * HourMs, 8 * HourMs, 12 * HourMs, DayMs, 3 * DayMs, weekMs, 0}

// Periods returns all sixteen, shortest first.
func Periods() []Period {
	ps := make([]Period, PeriodCount)
	for i := range ps {
		ps[i] = Period(i)
	}
	return ps
}

// ParsePeriod reads Binance's name of a period; case matters ("1m" is a minute, "1M" a month).
func ParsePeriod(s string) (Period, error) {
	for i, n := range periodNames {
		if n == s {
			return Period(i), nil
		}
	}
	return 0, fmt.Errorf("unknown period %q", s)
}

func (p Period) String() string {
	if p >= PeriodCount {
		return fmt.Sprintf("Period(%d)", uint8(p))
	}
	return periodNames[p]
}

// OpenMs returns the open time of the candle that holds the event time (epoch milliseconds, not negative).
func (p Period) OpenMs(eventMs int64) int64 {
	switch p {
	case Period1w:
		return eventMs - floorMod(eventMs-mondayMs, weekMs)
	case Period1M:
		t := time.UnixMilli(eventMs).UTC()
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	}
	return eventMs - floorMod(eventMs, periodMs[p])
}

// NextMs returns the open time of the candle after the one that opens at openMs; the close time is one less.
func (p Period) NextMs(openMs int64) int64 {
	if p == Period1M {
		t := time.UnixMilli(openMs).UTC()
		return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	}
	return openMs + periodMs[p]
}

func floorMod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}
