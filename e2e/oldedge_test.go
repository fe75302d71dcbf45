package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tickcast/tickcast/broker"
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// oldEdge is an edge that holds the market of some time ago.
type oldEdge struct {
	*broker.Broker
	cat *catalog.Catalog
}

func startOldEdge(t *testing.T, held []message) *oldEdge {
	t.Helper()
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	cfg := broker.DefaultConfig()
	cfg.TCP, cfg.WebSocket, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", ""
	b, err := broker.New(cfg, cat, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	e := &oldEdge{b, cat}
	for _, m := range held {
		if !strings.HasPrefix(m.Topic, "trade/") {
			e.publish(m)
		}
	}
	return e
}

func (e *oldEdge) publish(m message) {
	class, _ := e.cat.ClassOf(m.Topic)
	e.Publish(catalog.Message{Topic: m.Topic, Class: class, Version: versionOf(m), Payload: m.Raw})
}

var versionParts = regexp.MustCompile(`"(epoch|t|seq)":(\d+)`)

func versionOf(m message) (v market.Version) {
	for _, part := range versionParts.FindAllStringSubmatch(string(m.Raw), -1) {
		n, _ := strconv.ParseInt(part[2], 10, 64)
		switch part[1] {
		case "epoch":
			v.Epoch = n
		case "t":
			v.T = n
		default:
			v.Seq = n
		}
	}
	return v
}

// tell waits until every program is connected here, and repeats trades that they have had. It says something new as well: a closed candle is revised.
func (e *oldEdge) tell(t *testing.T, held []message, all []*snippet) (revised candle) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		here := 0
		for _, s := range all {
			if s.board.through() {
				here++
			}
		}
		if here == len(all) {
			break
		}
		if time.Since(begun) > patience {
			t.Fatalf("%d of %d programs connected again", here, len(all))
		}
	}
	e.Publish(catalog.Message{Topic: "orderbook/" + snippetResolution + "/" + snippetContract, Version: market.Version{Epoch: 1 << 50}}) // an empty payload, as for a delisted contract
	for _, m := range held {
		if m.Topic == closedSecond {
			m.Seq, m.Close = m.Seq+1_000_000, "1.00"
			m.Raw = regexp.MustCompile(`"seq":\d+`).ReplaceAll(m.Raw, fmt.Appendf(nil, `"seq":%d`, m.Seq))
			m.Raw = regexp.MustCompile(`"c":"[^"]+"`).ReplaceAll(m.Raw, []byte(`"c":"1.00"`))
			revised = m.Candle
			e.publish(m)
			break
		}
	}
	const repeated = 8
	for i, told := 0, 0; i < len(held) && told < repeated; i++ {
		if m := held[i]; strings.HasPrefix(m.Topic, "trade/") {
			time.Sleep(250 * time.Millisecond) // in all longer than two candles
			e.publish(m)
			told++
		}
	}
	return revised
}
