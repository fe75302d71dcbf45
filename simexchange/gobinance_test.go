package simexchange

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/adshao/go-binance/v2"
)

// TestThirdPartyGoBinance reads through go-binance. Its addresses are variables of the package: no other test may use it.
func TestThirdPartyGoBinance(t *testing.T) {
	s := start(t, nil)
	ws := "ws" + strings.TrimPrefix(s.URL(), "http")
	binance.BaseWsMainURL, binance.BaseCombinedMainURL = ws+"/ws", ws+"/stream?streams="
	client := binance.NewClient("", "")
	client.SetApiEndpoint(s.URL())
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	raw, combined := make(chan *binance.WsAggTradeEvent, 1000), make(chan *binance.WsAggTradeEvent, 1000)
	klines := make(chan *binance.WsKlineEvent, 100)
	fail := func(err error) { t.Errorf("go-binance: %v", err) }
	var stops []chan struct{}
	var dones []chan struct{}
	keep := func(done, stop chan struct{}, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		dones, stops = append(dones, done), append(stops, stop)
	}
	keep(binance.WsAggTradeServe("BTCUSDT", func(e *binance.WsAggTradeEvent) { raw <- e }, fail))
	keep(binance.WsCombinedAggTradeServe([]string{"BTCUSDT", "ETHUSDT"}, func(e *binance.WsAggTradeEvent) { combined <- e }, fail))
	keep(binance.WsKlineServe("BTCUSDT", "1s", func(e *binance.WsKlineEvent) { klines <- e }, fail))
	defer func() {
		for i := range stops {
			close(stops[i])
			<-dones[i]
		}
	}()

	kinds := map[string]bool{}
	for len(kinds) < 2 {
		select {
		case e := <-combined:
			kinds[e.Symbol] = true
		case <-ctx.Done():
			t.Fatal("no trades over the combined stream")
		}
	}
	var got []*binance.WsAggTradeEvent
	for len(got) < 30 {
		select {
		case e := <-raw:
			got = append(got, e)
		case <-ctx.Done():
			t.Fatal("no trades")
		}
	}
	rows, err := client.NewAggTradesService().Symbol("BTCUSDT").FromID(got[0].AggTradeID).Limit(1000).Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range got {
		r := rows[i]
		if r.AggTradeID != e.AggTradeID || r.Price != e.Price || r.Quantity != e.Quantity || r.FirstTradeID != e.FirstBreakdownTradeID ||
			r.LastTradeID != e.LastBreakdownTradeID || r.Timestamp != e.TradeTime || r.IsBuyerMaker != e.IsBuyerMaker {
			t.Fatalf("REST %+v, stream %+v", r, e)
		}
	}
	var k *binance.WsKlineEvent
	select {
	case k = <-klines:
	case <-ctx.Done():
		t.Fatal("no klines")
	}
	bars, err := client.NewKlinesService().Symbol("BTCUSDT").Interval("1s").StartTime(k.Kline.StartTime).Limit(1).Do(ctx)
	if err != nil || len(bars) != 1 {
		t.Fatal(bars, err)
	}
	if b := bars[0]; b.Open != k.Kline.Open || b.Close != k.Kline.Close || b.Volume != k.Kline.Volume || b.TradeNum != k.Kline.TradeNum {
		t.Errorf("REST %+v, stream %+v", b, k.Kline)
	}
	now, err := client.NewServerTimeService().Do(ctx)
	if err != nil || time.Since(time.UnixMilli(now)) > time.Minute {
		t.Errorf("server time %d, %v", now, err)
	}
	goBinanceBook(ctx, t, client, keep, fail)
	info, err := client.NewExchangeInfoService().Do(ctx)
	if err != nil || len(info.Symbols) != 3 {
		t.Errorf("exchange info %+v, %v", info, err)
	}
}

// goBinanceBook joins a snapshot with the diffs that come, and reads the tickers.
func goBinanceBook(ctx context.Context, t *testing.T, client *binance.Client, keep func(done, stop chan struct{}, err error), fail func(error)) {
	t.Helper()
	diffs, tops := make(chan *binance.WsDepthEvent, 1000), make(chan *binance.WsBookTickerEvent, 10_000)
	days := make(chan *binance.WsMarketStatEvent, 100)
	keep(binance.WsDepthServe100Ms("BTCUSDT", func(e *binance.WsDepthEvent) { diffs <- e }, fail))
	keep(binance.WsBookTickerServe("BTCUSDT", func(e *binance.WsBookTickerEvent) { tops <- e }, fail))
	keep(binance.WsMarketStatServe("BTCUSDT", func(e *binance.WsMarketStatEvent) { days <- e }, fail))
	next := func() (e *binance.WsDepthEvent) {
		select {
		case e = <-diffs:
		case <-ctx.Done():
			t.Fatal("no diffs")
		}
		return e
	}
	joined := next()
	snapshot, err := client.NewDepthService().Symbol("BTCUSDT").Limit(5000).Do(ctx)
	if err != nil || len(snapshot.Bids) < 50 || len(snapshot.Asks) < 50 || snapshot.LastUpdateID < joined.LastUpdateID {
		t.Fatalf("snapshot %+v, %v; the first diff ended at %d", snapshot, err, joined.LastUpdateID)
	}
	id := snapshot.LastUpdateID
	for followed := 0; followed < 5; {
		if e := next(); e.LastUpdateID > id {
			if e.FirstUpdateID > id+1 || len(e.Bids)+len(e.Asks) == 0 {
				t.Fatalf("diff %+v after %d", e, id)
			}
			id = e.LastUpdateID
			followed++
		}
	}
	select {
	case e := <-tops:
		if e.UpdateID < firstUpdate || e.BestBidPrice == "" || e.BestAskQty == "" {
			t.Errorf("bookTicker %+v", e)
		}
	case <-ctx.Done():
		t.Fatal("no bookTicker")
	}
	select {
	case e := <-days:
		stats, err := client.NewListPriceChangeStatsService().Symbol("BTCUSDT").Do(ctx)
		if err != nil || len(stats) != 1 || stats[0].FirstID > e.LastID || stats[0].LastID < e.LastID || stats[0].CloseTime < e.CloseTime {
			t.Errorf("REST %+v, %v; stream %+v", stats, err, e)
		}
	case <-ctx.Done():
		t.Fatal("no ticker")
	}
}
