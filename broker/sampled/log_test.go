package sampled_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tickcast/tickcast/broker/sampled"
)

func TestOneLineASecondSaysHowManyWereLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var l sampled.Log
		for range 3 { // each a second later
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { l.Info(log, "refused", "client", "c") })
			}
			wg.Wait()
			time.Sleep(time.Second)
		}
		got := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(got) != 3 || !strings.HasSuffix(got[0], "client=c left_out_before=0") || !strings.HasSuffix(got[1], "left_out_before=99") || !strings.HasSuffix(got[2], "left_out_before=99") {
			t.Errorf("%d lines:\n%s", len(got), out.String())
		}
	})
}
