package ingest_test

import (
	"testing"
	"time"

	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/market"
)

func TestConfigurationErrorsNameTheKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want   string
		change func(*ingest.Config)
	}{
		{"", func(*ingest.Config) {}},
		{"", func(c *ingest.Config) {
			c.Simulated = true
			c.Binance.RestURL, c.Binance.WsURL = "http://127.0.0.1:9000", "ws://127.0.0.1:9000"
		}},
		{`venue: "kraken" is not known, must be binance`, func(c *ingest.Config) { c.Venue = "kraken" }},
		{`simulated: must be true, because http://127.0.0.1:1 and wss://data-stream.binance.vision are not Binance's own hosts`, func(c *ingest.Config) { c.Binance.RestURL = "http://127.0.0.1:1" }},
		{`simulated: must be true, because https://data-api.binance.vision and wss://binance.vision.example.org are not Binance's own hosts`, func(c *ingest.Config) { c.Binance.WsURL = "wss://binance.vision.example.org" }},
		{`simulated: must be false, because https://data-api.binance.vision is Binance's own host`, func(c *ingest.Config) { c.Simulated = true }},
		{`binance.ws_url: "https://data-stream.binance.vision" is not a URL such as wss://host`, func(c *ingest.Config) { c.Binance.WsURL = "https://data-stream.binance.vision" }},
		{`binance.rest_url: "https://data-api.binance.vision/api" must end after the host`, func(c *ingest.Config) { c.Binance.RestURL += "/api" }},
		{`binance.silence: 5ns, must be at least 1ms`, func(c *ingest.Config) { c.Binance.Silence = 5 }},
		{`clock_poll: 0s, must be at least 1ms`, func(c *ingest.Config) { c.ClockPoll = 0 }},
		{`binance.backoff_max: must not be below backoff_min`, func(c *ingest.Config) { c.Binance.BackoffMax = time.Millisecond }},
		{`feed.give_up: 0s, must be at least 1ms`, func(c *ingest.Config) { c.Feed.GiveUp = 0 }},
		{`books.levels: 4, must be 5 to 5000`, func(c *ingest.Config) { c.Books.Levels = 4 }},
		{`books.levels: 5001, must be 5 to 5000`, func(c *ingest.Config) { c.Books.Levels = 5001 }},
		{`books.retry_min: must be at least 10ms`, func(c *ingest.Config) { c.Books.RetryMin = time.Millisecond }},
		{`books.retry_max: must not be below retry_min`, func(c *ingest.Config) { c.Books.RetryMax = 20 * time.Millisecond }},
		{`books.max_held: must be above 0`, func(c *ingest.Config) { c.Books.MaxHeld = 0 }},
		{`queue: 3, must be at least 16`, func(c *ingest.Config) { c.Queue = 3 }},
	} {
		cfg := ingest.DefaultConfig()
		c.change(&cfg)
		got := ""
		if err := cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("Validate:\n got %s\nwant %s", got, c.want)
		}
	}
}

func TestOnlyContractsOfTheVenueAreRead(t *testing.T) {
	t.Parallel()
	cfg := ingest.DefaultConfig()
	cfg.Contracts = []string{"BTCUSDT", "EURUSD"}
	log := newMemLog()
	_, err := ingest.New(cfg, []market.Contract{contract(t, "BTCUSDT", "0.00001")}, log, log, testLogger(t))
	if want := "contracts: EURUSD is not in the catalogue with source binance"; err == nil || err.Error() != want {
		t.Errorf("New: %v, want %s", err, want)
	}
	cfg.Contracts = nil
	_, err = ingest.New(cfg, []market.Contract{{ID: "X", Source: "engine"}}, log, log, testLogger(t))
	if want := "venue: the catalogue has no contract of source binance"; err == nil || err.Error() != want {
		t.Errorf("New: %v, want %s", err, want)
	}
}
