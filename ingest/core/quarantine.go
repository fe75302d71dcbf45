package core

import (
	"errors"

	"github.com/tickcast/tickcast/market"
)

// Reasons for quarantine. Exact duplicates are counted, not quarantined.
const (
	ReasonBadJSON      = "BAD_JSON"
	ReasonBadNumber    = "BAD_NUMBER"
	ReasonNonPositive  = "NON_POSITIVE"
	ReasonOffTick      = "OFF_TICK" // has more decimals than the contract: it cannot be written
	ReasonSymbol       = "SYMBOL_MISMATCH"
	ReasonTimeUnit     = "TIME_UNIT"
	ReasonFutureTime   = "FUTURE_TS"
	ReasonAncientTime  = "ANCIENT_TS"
	ReasonDupConflict  = "DUP_CONFLICT"
	ReasonIDRegression = "ID_REGRESSION"
	ReasonAggRange     = "AGG_RANGE"
	ReasonTombstone    = "TOMBSTONE"
	ReasonRestShape    = "REST_SHAPE"
	ReasonUnknownEvent = "UNKNOWN_EVENT"
	ReasonNonText      = "NON_TEXT_FRAME"
	ReasonTooBig       = "FRAME_TOO_BIG"
	ReasonPanic        = "HANDLER_PANIC"
	ReasonBadKline     = "BAD_KLINE"
	ReasonCrossed      = "BOOK_CROSSED"
	ReasonIDRange      = "UPDATE_RANGE"
	ReasonTooMany      = "TOO_MANY_LEVELS"
)

// Quarantined is a piece of outside data that cannot be true, with the reason.
type Quarantined = market.Quarantined

// DecimalReason is the reason for a number that market could not read.
func DecimalReason(err error) string {
	if errors.Is(err, market.ErrOffScale) {
		return ReasonOffTick
	}
	return ReasonBadNumber
}
