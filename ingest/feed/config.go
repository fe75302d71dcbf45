package feed

import "github.com/tickcast/tickcast/ingest/core"

// Config holds the feed's times (milliseconds) and bounds.
type Config struct {
	ReorderMs    int64 // how long a hole may be before it is called a gap and fetched: frames that change places
	JumpMs       int64 // how long a trade may be ahead while those before it keep coming, until its id is called wrong
	GiveUpMs     int64 // how long a gap may stay without progress until it is given up
	MaxHeld      int   // trades held back behind a hole
	MaxFill      int64 // trades that are fetched to fill a hole
	PageRows     int   // rows of one REST answer
	RetryMinMs   int64 // between fetches that brought nothing
	RetryMaxMs   int64
	VerifyMs     int64 // how long the source may not know the log's last trade until a new epoch is begun (its REST side may lag)
	ClockMs      int64 // at most so long after a trade comes the clock record
	ProbeMs      int64 // without a clock record for so long REST is asked
	StaleMs      int64 // without a clock record for so long the quality is stale
	QualityMs    int64 // between quality records while no clock is written
	WitnessLagMs int64 // how long a kline may name a trade that did not come until it is fetched
	RestLagMs    int64 // REST without news proves nothing about the last so many ms
	DayHoldMs    int64 // how long trades wait at 00:00 UTC for the kline of the day before
	FutureMs     int64 // a trade so far ahead of the source's clock is impossible
	AncientMs    int64 // a trade so far behind the one before it is impossible
	SeedDays     int   // closed 1d klines at a beginning and each day
	SeedMinutes  int   // closed 1m klines at a beginning
	BusyMs       int64 // between ticks while something is being waited for
}

// DefaultConfig returns the values that the log's rules and Binance's limits ask for.
func DefaultConfig() Config {
	return Config{
		ReorderMs: 40, JumpMs: 2_000, GiveUpMs: 60_000, MaxHeld: 100_000, MaxFill: 500_000, PageRows: 1000, RetryMinMs: 100, RetryMaxMs: 3_000, VerifyMs: 10_000,
		ClockMs: 200, ProbeMs: 5_000, StaleMs: 2_000, QualityMs: 1_000, WitnessLagMs: 1_500, RestLagMs: 1_500, DayHoldMs: 2_000,
		FutureMs: 5_000, AncientMs: 60_000, SeedDays: 62, SeedMinutes: 1440, BusyMs: 20,
	}
}

// RawTrade is a trade as the source sent it: nothing in it is checked.
type RawTrade struct {
	Symbol     string // over REST empty: the request names it
	AggID      int64
	FirstID    int64
	LastID     int64
	TradeMs    int64
	EventMs    int64 // the frame's own time; 0 over REST
	Price, Qty string
	BuyerMaker bool
	Raw        []byte // for quarantine; the feed keeps it only there
}

// RawKline is a closed kline as REST answered it: nothing in it is checked.
type RawKline struct {
	OpenMs, CloseMs           int64
	Open, High, Low, Close    string
	Volume, QuoteVolume       string
	BuyVolume, BuyQuoteVolume string
	Trades                    int64
}

// Witness is what a kline frame of one second says about trades.
type Witness struct {
	OpenMs  int64
	CloseMs int64 // the last ms of the second
	EventMs int64
	Trades  int64
	LastID  int64 // the single trade's id (market.Trade.LastID), not the aggregate's
	Closed  bool
}

// RequestKind says what a feed wants from the source's REST side.
type RequestKind uint8

// The kinds of requests.
const (
	FetchFrom   RequestKind = iota // trades from FromID on (inclusive)
	FetchSince                     // trades from SinceMs on
	FetchLatest                    // the newest trade
	FetchSeeds                     // closed klines: SeedDays 1d and SeedMinutes 1m up to the source's now
	FetchDays                      // closed 1d klines that end before SinceMs
)

func (k RequestKind) String() string {
	return [...]string{"from", "since", "latest", "seeds", "days"}[k]
}

// Request asks the caller to fetch something. A feed has at most one under way.
type Request struct {
	Serial  int64 // to be given back in the Answer
	Kind    RequestKind
	FromID  int64
	SinceMs int64
	Rows    int
	Days    int
	Minutes int
}

// Answer is what came of a Request.
type Answer struct {
	Serial   int64
	Err      error
	Trades   []RawTrade
	Days     []RawKline
	Minutes  []RawKline
	ServerMs int64 // FetchSeeds: the source's time before the klines were asked for
}

// Effects is what inputs caused.
type Effects struct {
	core.Effects
	Requests  []Request
	Reconnect string // not empty: the connections are to be replaced, for this reason
}
