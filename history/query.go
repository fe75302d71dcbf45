package history

import (
	"net/http"
	"regexp"
	"strconv"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// query reads the parameters of a request for contracts of the catalogue.
type query struct {
	binanceapi.Query
	markets binanceapi.Markets[*market.Contract]
}

// maxQuery bounds the parameters' length: some hundred symbols.
const maxQuery = 8 << 10

func newQuery(r *http.Request, cat *catalog.Catalog) *query {
	if len(r.URL.RawQuery) > maxQuery {
		return &query{Query: binanceapi.Query{Bad: &binanceapi.Error{Status: http.StatusRequestURITooLong, Code: -1101, Msg: "Too many parameters sent for this endpoint."}}}
	}
	q := &query{Query: binanceapi.NewQuery(r), markets: binanceapi.Markets[*market.Contract]{Named: cat.Contract}}
	for i := range cat.Contracts {
		q.markets.All = append(q.markets.All, &cat.Contracts[i])
	}
	return q
}

// symbol reads the mandatory symbol; it is nil only where q.Bad is not.
func (q *query) symbol() *market.Contract { return q.markets.Symbol(&q.Query) }

// fromMs reads a time in milliseconds or microseconds, for what begins there: a microsecond within a millisecond is after its begin.
func (q *query) fromMs(name string) int64 {
	v := q.untilMs(name)
	if v != binanceapi.Absent && q.Number(name) > v && q.Number(name)%1000 != 0 {
		v++
	}
	return v
}

// untilMs is fromMs for what ends there, the millisecond included.
func (q *query) untilMs(name string) int64 {
	v := q.Time(name)
	if v >= binanceapi.UsFrom {
		return v / 1000
	}
	return v
}

var zonePattern = regexp.MustCompile(`^([+-]?)([0-9]{1,2})(?::([0-9]{2}))?$`)

// zoneMs reads timeZone, hours and optional minutes from -12:00 to +14:00 (rest-api.md, "Kline/Candlestick data").
func (q *query) zoneMs() int64 {
	text := q.Values.Get("timeZone")
	if text == "" {
		return 0
	}
	var ms int64
	if m := zonePattern.FindStringSubmatch(text); m != nil {
		hours, _ := strconv.ParseInt(m[2], 10, 64) // the pattern has checked them
		minutes, _ := strconv.ParseInt("0"+m[3], 10, 64)
		ms = hours*market.HourMs + minutes*market.MinuteMs
		if m[1] == "-" {
			ms = -ms
		}
		if minutes < 60 && ms >= -12*market.HourMs && ms <= 14*market.HourMs {
			return ms
		}
	}
	q.Invalid("timeZone")
	return 0
}
