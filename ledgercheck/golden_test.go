package ledgercheck

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/kafka"
)

// The ledgers of the golden files against what the job made of their logs in a real Flink (flink-sql/testdata/check_candles.txt, which a test in flink-sql/java holds).
func TestGoldenFiles(t *testing.T) {
	const data = "../flink-sql/testdata/"
	cs := newCandles()
	files, err := filepath.Glob(data + "candles/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var log []*kafka.Record
	for _, path := range files {
		contract := "CANDLES." + strings.ToUpper(strings.TrimSuffix(filepath.Base(path), ".txt"))
		lines(t, path, func(line string) {
			line = strings.ReplaceAll(line, `"s":"BTCUSDT"`, `"s":"`+contract+`"`)
			if strings.HasPrefix(line, "{") {
				log = append(log, &kafka.Record{Key: []byte(contract), Value: []byte(line)})
				return
			}
			topic, rest, _ := strings.Cut(line, " ")
			at := strings.IndexByte(rest, '{')
			if at < 0 {
				return
			}
			rec := &kafka.Record{Value: []byte(rest[at:])}
			switch topic {
			case "ledger.candles":
				if err := take(cs.ledger, rec); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			case "market.late":
				if err := cs.takeLate(rec); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		})
	}
	for _, rec := range log {
		if err := cs.takeAmended(rec); err != nil {
			t.Errorf("%s: %v", rec.Value, err)
		}
	}
	lines(t, data+"check_candles.txt", func(line string) {
		if err := take(cs.check, &kafka.Record{Value: []byte(line)}); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	})
	got := describe(cs.compare())
	if want := "compared 24, 16 empty; before 34, filled 13, late 2, pending 9, unserved 1"; got.full != want {
		t.Errorf("%s\nwant %s", strings.ReplaceAll(got.full, "; ", "\n"), want)
	}
}

func lines(t *testing.T, path string, do func(string)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Buffer(nil, 1<<20); s.Scan(); {
		do(s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}
