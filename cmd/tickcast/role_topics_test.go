package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/kafkatest"
)

// Each role ends at its start where a topic is missing or has other partitions, and says which, what was found and wanted, and what to do.
func TestEachRoleNamesTheTopicThatIsNotAsItShouldBe(t *testing.T) {
	t.Setenv("TICKCAST_TEST_PASSWORD", "x")
	cat, err := catalog.Load("", "", catalog.Stack)
	if err != nil {
		t.Fatal(err)
	}
	const k = "{brokers: KAFKA}"
	dir := t.TempDir()
	for role, config := range map[string]string{
		"ingest":  "kafka: " + k + "\ningest: {simulated: true, binance: {rest_url: 'http://127.0.0.1:1', ws_url: 'ws://127.0.0.1:1'}}\n",
		"engine":  "kafka: " + k + "\nengine: {data_dir: " + filepath.Join(dir, "engine") + "}\n",
		"compute": "compute: {kafka: " + k + ", checkpoint: " + filepath.Join(dir, "checkpoint") + "}\n",
		"bridge":  "bridge: {kafka: " + k + ", remote: {url: 'mqtt://127.0.0.1:1', username: bridge, password_env: TICKCAST_TEST_PASSWORD}}\n",
		"history": "http: {listen: '127.0.0.1:0'}\nstore: {kafka: " + k + "}\nhistory: {kafka: " + k + "}\n",
		"redis":   "redis: {kafka: " + k + ", address: '127.0.0.1:1'}\n",
	} {
		path := filepath.Join(dir, role+".yaml")
		all := topicsOf(role, cat)
		wrong, absent := all[0], all[len(all)-1]
		var specs []kafka.TopicSpec
		for _, s := range kafka.Specs(cat) {
			if s.Name == wrong {
				s.Partitions++
			}
			if s.Name != absent {
				specs = append(specs, s)
			}
		}
		t.Run(role, func(t *testing.T) {
			cfg, _ := kafkatest.Start(t, "")
			kafkatest.Apply(t, cfg, specs...)
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(config, "KAFKA", cfg.Brokers)), 0o600); err != nil {
				t.Fatal(err)
			}
			root := newRoot()
			root.SetArgs([]string{role, "-c", path})
			root.SetOut(&bytes.Buffer{})
			err := root.ExecuteContext(t.Context())
			n := cat.Topic(wrong).Partitions
			for _, want := range []string{
				fmt.Sprintf("%s: partitions is %d, want %d at %s: the number of partitions of an existing topic is never changed", wrong, n+1, n, cfg.Brokers),
				fmt.Sprintf("topic %s: Kafka at %s does not have it, want %d partitions; `tickcast topics apply` creates it", absent, cfg.Brokers, cat.Topic(absent).Partitions),
			} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v\ndoes not say %s", err, want)
				}
			}
		})
	}
}
