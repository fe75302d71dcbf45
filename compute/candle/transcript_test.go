package candle

import (
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/compute/core/coretest"
)

type output = coretest.Output

func machineOf(contract string, startMs int64, emit func(*core.Output)) coretest.Machine {
	return New(contract, startMs, emit)
}

func TestGoldenFiles(t *testing.T) {
	for _, g := range []struct {
		set       coretest.Set
		scenarios []scenario
	}{
		{coretest.Set{Folder: "candles", Topics: []string{Live, Closed, Ledger, Beyond}, New: machineOf}, scenarios},
		{coretest.Set{Folder: "tickers", Topics: []string{Tickers}, New: machineOf}, tickerScenarios},
	} {
		for _, s := range g.scenarios {
			t.Run(g.set.Folder+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				var l scribe
				l.begin(s.about)
				s.write(&l)
				g.set.Check(t, s.name, l.text.String())
			})
		}
	}
}
