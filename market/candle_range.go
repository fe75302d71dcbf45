package market

// CandleRange asks for candles of one contract and period by their open times.
type CandleRange struct {
	Contract     string
	Period       Period
	FromMs, ToMs int64 // open times, both included
	Limit        int
	Newest       bool // of more than Limit candles, the newest ones; they are answered oldest first all the same
}
