package candle

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

var update = flag.Bool("update", false, "write the golden files again")

const goldenDir = "../../flink-sql/testdata"

// golden are the sets of golden files. A set shows the outputs of some topics only.
var golden = []struct {
	folder    string
	topics    []string
	scenarios []scenario
}{
	{"candles", []string{Live, Closed, Ledger, Beyond}, scenarios},
	{"tickers", []string{Tickers}, tickerScenarios},
}

// output is a copy of what a machine emitted.
type output struct {
	topic   string
	key     string
	version market.Version
	value   string
}

func (o output) String() string {
	v := o.version
	return fmt.Sprintf("%s %s %d.%d.%d %s", o.topic, o.key, v.Epoch, v.T, v.Seq, o.value)
}

func copyOf(o *core.Output) output {
	return output{o.Topic, string(o.Key), o.Version, string(o.Value)}
}

// transcript runs the input lines of a golden file and returns the whole file as it should be.
// Lines: '{' an input record; "start <ms>" the job's start; "at <ms>" Kafka's timestamp of the records that follow; '#' a comment; all others are outputs.
func transcript(t *testing.T, topics []string, input string) string {
	t.Helper()
	var want bytes.Buffer
	var startMs, atMs int64
	machines := map[string]*Machine{}
	var d market.Decoder
	var r market.Record
	for n, line := range strings.Split(strings.TrimSuffix(input, "\n"), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '{':
			if err = d.Decode([]byte(line), &r); err != nil {
				break
			}
			fmt.Fprintln(&want, line)
			m := machines[r.Contract]
			if m == nil {
				m = New(r.Contract, startMs, func(o *core.Output) {
					if slices.Contains(topics, o.Topic) {
						fmt.Fprintln(&want, copyOf(o))
					}
				})
				machines[r.Contract] = m
			}
			_, err = m.Apply(&core.Input{Record: &r, Value: []byte(line), AppendMs: atMs})
			if err != nil {
				fmt.Fprintf(&want, "# refused: %v\n", err)
			}
			continue
		case word == "start":
			startMs, err = strconv.ParseInt(rest, 10, 64)
		case word == "at":
			atMs, err = strconv.ParseInt(rest, 10, 64)
		default:
			continue // an output of before
		}
		if err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		if strings.HasPrefix(line, "# refused: ") {
			continue
		}
		fmt.Fprintln(&want, line)
	}
	return want.String()
}

func TestGoldenFiles(t *testing.T) {
	for _, set := range golden {
		for _, s := range set.scenarios {
			t.Run(set.folder+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				var l scribe
				l.begin(s.about)
				s.write(&l)
				got := transcript(t, set.topics, l.text.String())
				file := filepath.Join(goldenDir, set.folder, s.name+".txt")
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				compareLines(t, file, got, string(want))
				if again := transcript(t, set.topics, string(want)); again != string(want) {
					t.Errorf("%s: its inputs alone do not give its outputs", file)
				}
			})
		}
	}
}

func compareLines(t *testing.T, file, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("%s: line %d\n got %s\nwant %s\n(-update writes the golden files again)", file, i+1, a, b)
		}
	}
}
