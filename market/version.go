package market

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Version orders the states of one key: by Epoch, then T (a candle's open time, 0 elsewhere), then Seq (of the last log record that changed the key).
// Whoever keeps a value per key keeps the one with the greatest version.
type Version struct{ Epoch, T, Seq int64 }

// VersionLen is the length of a version in bytes: three big-endian integers, so that comparing bytes compares versions.
const VersionLen = 24

// Compare returns -1, 0 or 1.
func (v Version) Compare(o Version) int {
	return cmp.Or(cmp.Compare(v.Epoch, o.Epoch), cmp.Compare(v.T, o.T), cmp.Compare(v.Seq, o.Seq))
}

// Less says whether v is older than o.
func (v Version) Less(o Version) bool { return v.Compare(o) < 0 }

// Append appends the 24 bytes.
func (v Version) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(v.Epoch))
	dst = binary.BigEndian.AppendUint64(dst, uint64(v.T))
	return binary.BigEndian.AppendUint64(dst, uint64(v.Seq))
}

// Bytes returns the 24 bytes.
func (v Version) Bytes() []byte { return v.Append(make([]byte, 0, VersionLen)) }

// String returns the version as 48 hexadecimal digits, the form of the MQTT 5 user property `ver`.
func (v Version) String() string { return hex.EncodeToString(v.Bytes()) }

// ParseVersion reads the 24 bytes of a `ver` header. Negative parts are refused: they would sort as the greatest.
func ParseVersion(b []byte) (Version, error) {
	if len(b) != VersionLen {
		return Version{}, fmt.Errorf("version of %d bytes, want %d", len(b), VersionLen)
	}
	v := Version{
		Epoch: int64(binary.BigEndian.Uint64(b)),
		T:     int64(binary.BigEndian.Uint64(b[8:])),
		Seq:   int64(binary.BigEndian.Uint64(b[16:])),
	}
	if v.Epoch < 0 || v.T < 0 || v.Seq < 0 {
		return Version{}, fmt.Errorf("version %x has a negative part", b)
	}
	return v, nil
}

// ParseVersionHex reads the form of String.
func ParseVersionHex(s string) (Version, error) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return Version{}, fmt.Errorf("version %.60q: %w", s, err)
	}
	return ParseVersion(b)
}
