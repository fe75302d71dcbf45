package coretest

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
)

var numbers = regexp.MustCompile(`"(w|epoch|seq|ts|a|f|l|u0|u|n|t|L|from|to|seeds|depth|sv)":(-?\d+)`)
var words = regexp.MustCompile(`"(k|q|i|p|qty|o|h|c|v|qv|s|src|tick|step|symbol)":"([^"]*)"`)

// Mangle returns a log with what a broken writer or a broken Kafka might do to it: records twice, missing, out of order, from before, with other numbers, with broken bytes.
// often is how many of a thousand records it is done to.
func Mangle(r *rand.Rand, lines [][]byte, often int) [][]byte {
	var out [][]byte
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if r.IntN(1000) >= often {
			out = append(out, line)
			continue
		}
		switch r.IntN(8) {
		case 0: // missing
		case 1:
			out = append(out, line, line)
		case 2: // from before, as after a writer's restart
			from := max(0, i-r.IntN(50))
			out = append(append(out, lines[from:i+1]...), line)
		case 3:
			if i+1 < len(lines) {
				out = append(out, lines[i+1], line)
				i++
			}
		case 4, 5:
			out = append(out, number(r, line))
		case 6:
			out = append(out, word(r, line))
		default:
			out = append(out, broken(r, line))
		}
	}
	return out
}

// number changes one of a record's integers.
func number(r *rand.Rand, line []byte) []byte {
	all := numbers.FindAllSubmatchIndex(line, -1)
	at := all[r.IntN(len(all))]
	if string(line[at[2]:at[3]]) == "epoch" && r.IntN(20) > 0 { // a greater one ends the rest of the log
		return line
	}
	value := string(line[at[4]:at[5]])
	values := []string{"0", "-1", "1", value + "0", value[:max(1, len(value)-1)], "9223372036854775800", "92233720368547758070", value + ".0", "1e3", "00" + value, "", "null", "-0", fmt.Sprint(r.Int64())}
	return splice(line, at[4], at[5], values[r.IntN(len(values))])
}

// word changes one of a record's texts.
func word(r *rand.Rand, line []byte) []byte {
	all := words.FindAllSubmatchIndex(line, -1)
	at := all[r.IntN(len(all))]
	value := string(line[at[4]:at[5]])
	values := []string{"", "0", "1", "-1", "1.", ".5", "0.000", "trade", "bust", "seed", "gap", "1m", "1M", "stale", "suspect", "filled", value + "0", value + "1", "0" + value, value + ".5",
		"999999999999999999", "9999999999999999999", "123456789.123456789", "0.0000000000001", "1e5", `\u0031`, "\xff", "a\x01", "BTC", "a b"}
	return splice(line, at[4], at[5], values[r.IntN(len(values))])
}

// broken changes bytes.
func broken(r *rand.Rand, line []byte) []byte {
	i := r.IntN(len(line))
	const some = `{}[]":,0123456789.-eE\ truefalsn` + "\x00\n\t\x7f\xc3"
	c := string(some[r.IntN(len(some))])
	switch r.IntN(4) {
	case 0:
		return splice(line, i, i+1, c)
	case 1:
		return splice(line, i, i, c)
	case 2:
		return splice(line, i, min(len(line), i+1+r.IntN(5)), "")
	}
	return slices.Clone(line[:i])
}

func splice(line []byte, from, to int, with string) []byte {
	return slices.Concat(line[:from], []byte(with), line[to:])
}
