// Package stack tests Tickcast's second form: real Kafka, Flink, Redis and PostgreSQL, one set of them for all tests, and each test's own contracts and roles.
//
// It runs when TICKCAST_REQUIRE=1 (`make stack-test`), since it starts half a dozen servers, or on a stack that runs already, whose data folder is in TICKCAST_STACK_DATA.
// Tests run one after the other: an ingest delists what it finds in push.status and not in its catalogue.
package stack

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/tickcast/tickcast/e2e/rig"
)

var (
	binary string
	theSet *servers
)

func TestMain(m *testing.M) {
	runtime.LockOSThread() // the servers end with the thread that has started them
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	data := os.Getenv("TICKCAST_STACK_DATA")
	if data == "" && os.Getenv("TICKCAST_REQUIRE") == "" {
		return m.Run() // each test skips itself
	}
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "tickcast-stack-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL runs as another account
		return fail(err)
	}
	if binary, err = rig.Build(dir); err != nil {
		return fail(err)
	}
	if data != "" {
		theSet, err = running(data)
	} else {
		theSet, err = start(dir)
	}
	if err != nil {
		return fail(err)
	}
	defer func() {
		if err := theSet.stop(); err != nil {
			code = fail(err)
		}
	}()
	return m.Run()
}

// need returns the servers, or skips the test; what they said is shown if it fails.
func need(t *testing.T) *servers {
	t.Helper()
	if theSet == nil {
		t.Skip("needs Kafka, Flink, Redis and PostgreSQL: `make stack-test` starts them, or TICKCAST_STACK_DATA names the data folder of a stack that runs")
	}
	t.Cleanup(func() {
		if t.Failed() && theSet.said != "" {
			t.Logf("the servers:\n%s", theSet.output())
		}
	})
	return theSet
}
