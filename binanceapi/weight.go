package binanceapi

import "encoding/json"

// Weight is what a request costs of the limit per minute (rest-api.md).
type Weight func(*Query) int

// Fixed is a weight that no parameter changes.
func Fixed(weight int) Weight { return func(*Query) int { return weight } }

// PerSymbols are the weights of the ticker endpoints: for a symbol, for up to 20 and up to 100 symbols, for more or all.
func PerSymbols(one, twenty, hundred, all int) Weight {
	return func(q *Query) int {
		if q.Values.Get("symbol") != "" {
			return one
		}
		var names []string
		if json.Unmarshal([]byte(q.Values.Get("symbols")), &names) != nil {
			return all
		}
		switch n := len(names); {
		case n <= 20:
			return twenty
		case n <= 100:
			return hundred
		}
		return all
	}
}

// DepthWeight is that of GET /api/v3/depth.
func DepthWeight(q *Query) int {
	switch n := q.DepthLimit(); {
	case n <= 100:
		return 5
	case n <= 500:
		return 25
	case n <= 1000:
		return 50
	}
	return 250
}
