package simexchange

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/configs/configtest"
)

// readConfig is what the program does with a file.
func readConfig(t *testing.T, path string) (Config, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	if err := configs.Decode(filepath.Base(path), data, &cfg); err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

func TestBadConfigurations(t *testing.T) {
	t.Parallel()
	configtest.BadFiles(t, "testdata/config/*.bad.yaml", func(file string, _ []byte) error {
		_, err := readConfig(t, file)
		return err
	})
}

func TestGoodConfigurations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/config/*.good.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range files {
		cfg, err := readConfig(t, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if cfg.DataDir != "" {
			cfg.DataDir = t.TempDir()
		}
		s, err := New(cfg, nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPlacesOfErrorsAtTheStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	record := func(r Recording) func(*Config) {
		return func(c *Config) {
			r.Symbol = "BTCUSDT"
			c.Symbols = c.Symbols[:1]
			c.Recording = &RecordingConfig{Times: "kept", Speed: 1, Markets: []Recording{r}}
		}
	}
	const row = `{"a":1,"p":"1.5","q":"2","f":1,"l":1,"T":1577977823305,"m":true,"M":true}`
	for name, c := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"port in use":     {func(c *Config) { c.Listen = taken.Addr().String() }, []string{"listen: ", "in use"}},
		"no such file":    {record(Recording{AggTrades: []string{dir + "/none.json"}}), []string{"recording.markets[0]: ", "none.json"}},
		"bad price":       {record(Recording{AggTrades: []string{write("price.json", "["+row+","+strings.Replace(row, "1.5", "0", 1)+"]")}}), []string{"price.json: row 2: p: \"0\""}},
		"hole in the ids": {record(Recording{AggTrades: []string{write("hole.json", "["+row+","+strings.Replace(row, `"a":1`, `"a":3`, 1)+"]")}}), []string{"recording of BTCUSDT: trade 3", "does not follow 1"}},
		"bad frame":       {record(Recording{Frames: []string{write("frames.txt", "1 {}\n2 {\"stream\":\"btcusdt@trade\",\"data\":[]}\n")}}), []string{"frames.txt: line 2: "}},
		"no trades":       {record(Recording{Frames: []string{write("empty.txt", "1 {}\n")}}), []string{"recording of BTCUSDT: no trades"}},
		"bad klines":      {record(Recording{AggTrades: []string{write("one.json", "["+row+"]")}, Klines: write("k.csv", "1577977800000,1,2\n")}), []string{"k.csv: line 1: 3 columns"}},
		"not gzip":        {record(Recording{Frames: []string{write("x.gz", "no")}}), []string{"x.gz: "}},
	} {
		cfg := DefaultConfig()
		c.change(&cfg)
		s, err := New(cfg, nil)
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not tell %q", name, err, part)
			}
		}
	}
}
