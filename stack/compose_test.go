package stack

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
	if err := yaml.Unmarshal([]byte(fmt.Sprintf(flinkConfig, d.RPCPort, d.Slots, d.RestPort, d.Parallelism, maxParallelism, d.Checkpoint.D().Milliseconds())), &here); err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(there)) {
		if !slices.Contains(containersOwn, key) && there[key] != here[key] {
			t.Errorf("%s is %q there and %q here", key, there[key], here[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(here)) {
		switch {
		case strings.HasSuffix(key, "host"), strings.HasSuffix(key, "address"), strings.HasSuffix(key, "port"): // of containers
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

// containersKafka is what differs there: names of containers, and folders; and of the session, which depends here on how the last one ended, it has Kafka's default.
var containersKafka = []string{"controller.quorum.voters", "listeners", "advertised.listeners", "log.dirs"}

func TestComposeFilesKafkaHasOurSettings(t *testing.T) {
	b, err := os.ReadFile("../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Services struct {
			Kafka struct {
				Environment map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	there, here := map[string]string{}, map[string]string{}
	for key, value := range f.Services.Kafka.Environment { // as the image reads them: KAFKA_LOG_DIRS is log.dirs
		if name, ok := strings.CutPrefix(key, "KAFKA_"); ok && !strings.HasSuffix(name, "_OPTS") {
			there[strings.ToLower(strings.ReplaceAll(name, "_", "."))] = value
		}
	}
	for l := range strings.Lines(serverProperties) {
		key, value, _ := strings.Cut(strings.TrimSpace(l), "=")
		here[key] = value
	}
	delete(here, "broker.session.timeout.ms")
	for _, key := range containersKafka {
		if here[key] == "" || there[key] == "" {
			t.Errorf("%s is %q there and %q here, and is to differ", key, there[key], here[key])
		}
		delete(here, key)
		delete(there, key)
	}
	if !maps.Equal(here, there) {
		t.Errorf("settings there:\n%v\nand here:\n%v", there, here)
	}
}

// The container that submits the jobs does so on an empty volume, and again from the newest state when the JobManager has lost them.
func TestComposeFilesJobsAreSubmittedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin, state, log, overview := filepath.Join(dir, "bin"), filepath.Join(dir, "state"), filepath.Join(dir, "log"), filepath.Join(dir, "overview")
	for name, script := range map[string]string{
		"curl":     `cat "$OVERVIEW"`,
		"tickcast": `echo "$@" >>"$LOG"; echo "$3"`, // stack sql JOB
		"sql-client.sh": `job=$(cat "${@: -1}")
echo "{\"name\":\"tickcast-$job\",\"state\":\"RUNNING\"}" >>"$OVERVIEW"`,
	} {
		if err := writeFiles(map[string]string{filepath.Join(bin, name): "#!/usr/bin/env bash\nset -euo pipefail\n" + script + "\n"}); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(bin, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(overview, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "../deploy/submit.sh")
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "OVERVIEW="+overview, "LOG="+log, "FLINK_STATE_DIR="+state, "SUBMIT_EVERY=0.05", "TMPDIR="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	submitted := func(want ...string) {
		t.Helper()
		var got []string
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			select {
			case err := <-ended:
				t.Fatalf("it ended: %v\n%s", err, &out)
			default:
			}
			b, _ := os.ReadFile(log)
			if got = strings.Split(strings.TrimSpace(string(b)), "\n"); len(got) >= len(want) {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("submitted:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	first := func(job string) string {
		return "stack sql " + job + " --brokers kafka:9092 --state file://" + state + "/" + job
	}
	submitted(first("candles"), first("books"))
	time.Sleep(300 * time.Millisecond) // what runs is not submitted again
	submitted(first("candles"), first("books"))
	if err := writeFiles(map[string]string{filepath.Join(state, "candles/job/chk-7/_metadata"): "", filepath.Join(state, "candles/job/chk-8/_metadata"): ""}); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(state, "candles/job/chk-7/_metadata"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overview, []byte(`{"name":"tickcast-candles","state":"FAILED"}{"name":"tickcast-books","state":"RUNNING"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	submitted(first("candles"), first("books"), first("candles")+" --recover file://"+state+"/candles/job/chk-8")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
}
