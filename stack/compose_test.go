package stack

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	flinksql "github.com/tickcast/tickcast/flink-sql"
)

// containersOwn is what differs there: names of containers, memory by the image's scripts, and what its environment sets.
var containersOwn = []string{"jobmanager.rpc.address", "taskmanager.numberOfTaskSlots", "taskmanager.memory.process.size", "parallelism.default", "execution.checkpointing.interval"}

// The compose file's Flink has the settings of this one, each of which has its reason; and its image the jar that the SQL calls.
func TestComposeFilesFlinkHasOurSettings(t *testing.T) {
	b, err := os.ReadFile("../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Flink struct {
			Environment map[string]string
		} `yaml:"x-flink"`
	}
	if err := yaml.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	there, here := map[string]string{}, map[string]string{}
	if err := yaml.Unmarshal([]byte(f.Flink.Environment["FLINK_PROPERTIES"]), &there); err != nil {
		t.Fatal(err)
	}
	d := DefaultConfig().Flink
	if err := yaml.Unmarshal([]byte(fmt.Sprintf(flinkConfig, d.RPCPort, d.Slots, d.RestPort, "/x", d.Parallelism, maxParallelism, d.Checkpoint.D().Milliseconds())), &here); err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(there)) {
		if !slices.Contains(containersOwn, key) && there[key] != here[key] {
			t.Errorf("%s is %q there and %q here", key, there[key], here[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(here)) {
		switch {
		case strings.HasSuffix(key, "host"), strings.HasSuffix(key, "address"), strings.HasSuffix(key, "port"), key == "io.tmp.dirs": // of containers
		case there[key] == "":
			t.Errorf("%s is %q here and not there", key, here[key])
		}
	}
	docker, err := os.ReadFile("../deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cp functions/target/tickcast-flink.jar /jars/", "COPY --from=jars /jars/ /opt/flink/lib/"} {
		if !strings.Contains(string(docker), want) {
			t.Errorf("deploy/Dockerfile does not say %q", want)
		}
	}
	submit, err := os.ReadFile("../deploy/submit.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range flinksql.Jobs() {
		if !strings.Contains(string(submit), string(j)) {
			t.Errorf("deploy/submit.sh does not submit %s", j)
		}
	}
}
