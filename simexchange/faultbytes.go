package simexchange

import (
	"bytes"
	"fmt"
)

// hugeFrame is more than go-binance reads (655,350 bytes).
const hugeFrame = 700_000

// pricePlaces are what stands before the first price of a frame or answer: a trade's, a kline's, a ticker's, a bookTicker's, a book's first level's.
var pricePlaces = []string{`"p":"`, `"c":"`, `"price":"`, `"b":"`, `[["`, `,"`}

// spoil returns a changed copy of a frame or answer; data itself may be shared among clients.
func spoil(kind FaultKind, data []byte) []byte {
	switch kind {
	case FaultTruncate:
		return append([]byte(nil), data[:len(data)/2]...)
	case FaultBadNumber:
		return replaceValue(data, "12.3.4e", pricePlaces...)
	case FaultZeroPrice:
		return replaceValue(data, "0.00000000", pricePlaces...)
	case FaultWrongSymbol:
		data = replaceValue(data, "WRONGUSDT", `"s":"`)
		if bytes.HasPrefix(data, []byte(`{"stream":"`)) {
			if at := bytes.IndexByte(data, '@'); at > 0 {
				data = append([]byte(`{"stream":"wrongusdt`), data[at:]...)
			}
		}
		return data
	case FaultBadTime:
		if bytes.Contains(data, []byte(`"T":`)) {
			return replaceNumber(data, `"T":`, "9999999999999")
		}
		return replaceNumber(data, `"E":`, "9999999999999")
	case FaultBadIDs:
		return replaceNumber(data, `"U":`, "9999999999999")
	case FaultHuge:
		pad := bytes.Repeat([]byte("x"), hugeFrame)
		return fmt.Appendf(append([]byte(nil), data[:len(data)-1]...), `,"pad":"%s"}`, pad)
	}
	return data
}

// replaceValue puts value in the place of the first string that follows one of the prefixes.
func replaceValue(data []byte, value string, prefixes ...string) []byte {
	for _, p := range prefixes {
		at := bytes.Index(data, []byte(p))
		if at < 0 {
			continue
		}
		at += len(p)
		end := bytes.IndexByte(data[at:], '"')
		if end < 0 {
			continue
		}
		return append(append(append([]byte(nil), data[:at]...), value...), data[at+end:]...)
	}
	return data
}

// replaceNumber puts value in the place of the whole number that follows prefix.
func replaceNumber(data []byte, prefix, value string) []byte {
	at := bytes.Index(data, []byte(prefix))
	if at < 0 {
		return data
	}
	at += len(prefix)
	end := at
	for end < len(data) && data[end] >= '0' && data[end] <= '9' {
		end++
	}
	return append(append(append([]byte(nil), data[:at]...), value...), data[end:]...)
}

// withBid puts a bid before those of a depth frame, or of a partial book.
func withBid(data []byte, bid level) []byte {
	for _, list := range []string{`"b":[`, `"bids":[`} {
		at := bytes.Index(data, []byte(list))
		if at < 0 {
			continue
		}
		at += len(list)
		more := appendPrice([]byte(`["`), bid.Price)
		more = appendPrice(append(more, `","`...), bid.Qty)
		more = append(more, `"]`...)
		if data[at] != ']' {
			more = append(more, ',')
		}
		return append(append(append([]byte(nil), data[:at]...), more...), data[at:]...)
	}
	return data
}
