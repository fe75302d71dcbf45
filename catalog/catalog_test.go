package catalog

import (
	"testing"

	"github.com/tickcast/tickcast/configs/configtest"
	"github.com/tickcast/tickcast/market"
)

func shipped(t *testing.T, form Form) *Catalog {
	t.Helper()
	c, err := Load("", "", form)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBadFilesAreRefusedWithThePlace(t *testing.T) {
	configtest.BadFiles(t, "testdata/topics-*.bad.yaml", func(file string, _ []byte) error {
		_, err := Load(file, "", Embedded)
		return err
	})
	configtest.BadFiles(t, "testdata/contracts-*.bad.yaml", func(file string, _ []byte) error {
		_, err := Load("", file, Embedded)
		return err
	})
}

func TestShippedCatalogueMapsKeysToTopics(t *testing.T) {
	for _, form := range []Form{Embedded, Stack} {
		c := shipped(t, form)
		for _, tc := range []struct{ kafka, key, mqtt string }{
			{PushCandles, CandleKey("BTCUSDT", market.Period1m), "candle/1m/BTCUSDT"},
			{PushClosed, CandleKey("BTC-PERP", market.Period1M), "candle/1M/BTC-PERP/closed"},
			{PushTickers, TickerKey("BTCUSDT"), "ticker/BTCUSDT"},
			{PushBBO, BBOKey("BTCUSDT"), "bbo/BTCUSDT"},
			{PushBooks, BookKey("BTCUSDT", market.Unit{Scale: 2, Size: 1}), "orderbook/0.01/BTCUSDT"},
			{MarketTrades, "BTCUSDT", "trade/BTCUSDT"},
			{PushStatus, StatusKey("binance", "source"), "status/binance/source"},
		} {
			got, err := c.MQTTTopic(tc.kafka, []byte(tc.key))
			if err != nil || got != tc.mqtt {
				t.Errorf("%s %s: %q, %v; want %q", tc.kafka, tc.key, got, err, tc.mqtt)
			}
			if back := c.Lookup(tc.mqtt); back == nil || back.Name != tc.kafka {
				t.Errorf("%s belongs to %v, want %s", tc.mqtt, back, tc.kafka)
			}
		}
		for _, key := range []string{"", "BTCUSDT", "BTCUSDT/1m/x", "/1m", "BTC+/1m", "a/#"} {
			if got, err := c.MQTTTopic(PushCandles, []byte(key)); err == nil {
				t.Errorf("key %q gave topic %q", key, got)
			}
		}
		if got := c.StatusTopic("BTCUSDT", "clock"); got != "status/BTCUSDT/clock" {
			t.Errorf("status topic %q", got)
		}
		for _, tc := range []struct {
			topic, contract string
			role            ClockRole
		}{
			{"candle/1m/X", "X", NoClock}, {"candle/1s/X", "X", CandleBeat}, {"candle/1s/X/closed", "X", NoClock}, {"ticker/X", "X", TickerBeat}, {"bbo/X", "X", NoClock},
			{"orderbook/0.1/X", "X", NoClock}, {"status/X/clock", "X", ClockReport}, {"status/X/feed", "", NoClock}, {"candle/1m", "", NoClock}, {"other/X", "", NoClock},
		} {
			if contract, role := c.ContractOf(tc.topic); contract != tc.contract || role != tc.role {
				t.Errorf("%s is about %s, role %d; want %s, %d", tc.topic, contract, role, tc.contract, tc.role)
			}
		}
		for topic, want := range map[string]bool{"candle/1m/X": true, "candle/1m/X/closed": true, "candle/1m": false, "trade/X": true, "trade/X/Y": false, "$SYS/x/y": false, "candle/+/X": false} {
			if class, ok := c.ClassOf(topic); ok != want || ok && (class == Event) != (topic == "trade/X") {
				t.Errorf("%s in the catalogue: %v, want %v", topic, ok, want)
			}
		}
	}
}

func TestStatesHaveAKeyInRedis(t *testing.T) {
	c := shipped(t, Stack)
	for _, tc := range []struct{ kafka, key, redis string }{
		{PushCandles, CandleKey("BTCUSDT", market.Period1m), "candle:1m:BTCUSDT"},
		{PushTickers, TickerKey("BTCUSDT"), "ticker:BTCUSDT"},
		{PushBBO, BBOKey("BTCUSDT"), "bbo:BTCUSDT"},
		{PushBooks, BookKey("BTC-PERP", market.Unit{Scale: 1, Size: 1}), "orderbook:0.1:BTC-PERP"},
	} {
		if got, err := c.RedisKey(tc.kafka, []byte(tc.key)); err != nil || got != tc.redis {
			t.Errorf("%s %s: %q, %v; want %q", tc.kafka, tc.key, got, err, tc.redis)
		}
	}
	if n := len(c.InRedis()); n != 4 {
		t.Errorf("%d topics are kept in Redis, want 4", n)
	}
	for topic, key := range map[string]string{PushStatus: "X/feed", PushClosed: "X/1m", PushBooks: "X"} {
		if got, err := c.RedisKey(topic, []byte(key)); err == nil {
			t.Errorf("%s %s gave %q", topic, key, got)
		}
	}
}

func TestEmbeddedFormIsBoundedAndNeverCompacts(t *testing.T) {
	var total int64
	for _, topic := range shipped(t, Embedded).Topics {
		if topic.Cleanup != "delete" || topic.RetentionBytes == 0 {
			t.Errorf("%s: cleanup %s, retention.bytes %d", topic.Name, topic.Cleanup, topic.RetentionBytes)
		}
		total += int64(topic.Partitions) * topic.RetentionBytes
	}
	if total > 256<<20 {
		t.Errorf("the embedded logs may take %d MiB, want at most 256", total>>20)
	}
	for _, topic := range shipped(t, Stack).Topics {
		if topic.Name == PushRounds {
			t.Error("push.rounds exists in the stack form")
		}
		if cfg := topic.Config(); topic.Name == PushCandles && (cfg["cleanup.policy"] != "compact" || cfg["max.compaction.lag.ms"] != "240000") {
			t.Errorf("push.candles: %v", cfg)
		}
	}
}
