package simexchange

import (
	"bytes"
	"fmt"
)

// hugeFrame is more than go-binance reads (655,350 bytes).
const hugeFrame = 700_000

// spoil returns a changed copy of a frame or answer; data itself may be shared among clients.
func spoil(kind FaultKind, data []byte) []byte {
	switch kind {
	case FaultTruncate:
		return append([]byte(nil), data[:len(data)/2]...)
	case FaultBadNumber:
		return replaceValue(data, "12.3.4e", `"p":"`, `"c":"`, `"price":"`, `,"`)
	case FaultZeroPrice:
		return replaceValue(data, "0.00000000", `"p":"`, `"c":"`, `"price":"`, `,"`)
	case FaultWrongSymbol:
		data = replaceValue(data, "WRONGUSDT", `"s":"`)
		if bytes.HasPrefix(data, []byte(`{"stream":"`)) {
			if at := bytes.IndexByte(data, '@'); at > 0 {
				data = append([]byte(`{"stream":"wrongusdt`), data[at:]...)
			}
		}
		return data
	case FaultBadTime:
		at := bytes.Index(data, []byte(`"T":`))
		if at < 0 {
			return data
		}
		at += len(`"T":`)
		end := at
		for end < len(data) && data[end] >= '0' && data[end] <= '9' {
			end++
		}
		return append(append(append([]byte(nil), data[:at]...), "9999999999999"...), data[end:]...)
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
