package catalog

import "strings"

// Reserved says whether a topic, or a filter by its first level, belongs to Tickcast, whether there is such a topic or not.
func Reserved(topic string) bool {
	root, _, _ := strings.Cut(topic, "/")
	switch root {
	case "candle", "ticker", "bbo", "orderbook", "trade", "refprice", "status", "replay":
		return true
	}
	return strings.HasPrefix(root, "$")
}
