package flinksql

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/catalog"
)

var update = flag.Bool("update", false, "write the golden files")

func shipped(t *testing.T) *catalog.Catalog {
	t.Helper()
	cat, err := catalog.Load("", "", catalog.Stack)
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

var params = Params{Brokers: "127.0.0.1:19092", Checkpoints: "file:///data/checkpoints", Savepoints: "file:///data/savepoints", Recover: "file:///data/checkpoints/0/chk-7", StartMs: 1795470000000}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it); now it is:\n%s", path, got)
	}
}

func TestRenderedSQL(t *testing.T) {
	for _, job := range append(Jobs(), CheckCandles) {
		got, err := Render(job, shipped(t), params)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "sql", string(job)+".sql"), got)
	}
}

// Every topic that is in the catalogue for the jobs to write, and no name that is not from there.
func TestTopicsComeFromTheCatalogueAlone(t *testing.T) {
	entries, err := files.ReadDir("sql")
	if err != nil {
		t.Fatal(err)
	}
	var all string
	for _, e := range entries {
		b, err := files.ReadFile("sql/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		all += string(b)
	}
	for _, topic := range shipped(t).Topics {
		used := strings.Contains(all, "${topic."+topic.Name+"}")
		ours := topic.Name != catalog.PushStatus
		if used != ours {
			t.Errorf("%s: used %t, want %t", topic.Name, used, ours)
		}
		if strings.Contains(strings.ReplaceAll(all, "${topic."+topic.Name+"}", ""), topic.Name) {
			t.Errorf("%s is written out", topic.Name)
		}
	}
}

func TestWhatIsNotSetIsAnErrorWithItsPlace(t *testing.T) {
	p := params
	p.Brokers = ""
	if _, err := Render(Candles, shipped(t), p); err == nil || !strings.Contains(err.Error(), "candles.sql:18: variable brokers is not set") {
		t.Errorf("error %v", err)
	}
	if _, err := expand("x.sql", "a\n'${topic.push.nothing}'\n", nil); err == nil || err.Error() != "x.sql:2: variable topic.push.nothing is not set" {
		t.Errorf("error %v", err)
	}
	p = params
	p.Checkpoints = "file:///it's here"
	if _, err := Render(Candles, shipped(t), p); err == nil || !strings.Contains(err.Error(), "cannot stand in SQL") {
		t.Errorf("error %v", err)
	}
}
