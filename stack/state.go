package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// What a part is doing.
const (
	stateWaiting   = "waiting"  // for those that it needs
	stateStarting  = "starting" // until it answers
	stateReady     = "ready"
	stateUpgrading = "upgrading" // a job that is stopped and submitted again in another form
	stateSilent    = "silent"    // it was ready and does not answer any more
	stateFailing   = "failing"   // a job whose tasks fail and are started again
	stateDied      = "died"      // will be started again
	stateStopped   = "stopped"
)

// Status is what a running stack writes down of itself, for `stack status`, `stack down`, and for the next start after a crash.
type Status struct {
	Supervisor identity     `json:"supervisor"`
	Parts      []PartStatus `json:"parts"` // in the order of starting
}

// PartStatus is one part's.
type PartStatus struct {
	Name      string    `json:"name"`
	Address   string    `json:"address,omitempty"`
	Log       string    `json:"log,omitempty"`
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	StartedMs int64     `json:"started_ms"` // how long the last start took
	Restarts  int       `json:"restarts"`
	Process   identity  `json:"process"` // zero: it has none

	StopSignal syscall.Signal `json:"stop_signal,omitempty"`
}

// Alive says whether the part's process runs.
func (p *PartStatus) Alive() bool { return p.Process.alive() }

// ResidentKiB is the memory that the part's processes hold.
func (p *PartStatus) ResidentKiB() int64 {
	if !p.Alive() {
		return 0
	}
	return residentKiB(p.Process.PID)
}

func stateFile(dataDir string) string { return filepath.Join(dataDir, "stack.json") }

// ReadStatus reads what the stack of a data folder wrote last; running is false if its supervisor has ended, orderly or not.
func ReadStatus(dataDir string) (st Status, running bool, err error) {
	b, err := os.ReadFile(stateFile(dataDir))
	if errors.Is(err, os.ErrNotExist) {
		return st, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	if err != nil {
		return st, false, fmt.Errorf("read the stack's state: %w", err)
	}
	return st, st.Supervisor.alive(), nil
}

// journal keeps the status in its file. It is safe for several goroutines.
type journal struct {
	path string
	mu   sync.Mutex
	st   Status
}

func newJournal(dataDir string, parts []*part) (*journal, error) {
	self, err := identify(os.Getpid())
	if err != nil {
		return nil, err
	}
	j := &journal{path: stateFile(dataDir), st: Status{Supervisor: self}}
	for _, p := range parts {
		j.st.Parts = append(j.st.Parts, PartStatus{Name: p.name, Address: p.addr, State: stateWaiting, Since: time.Now()})
	}
	return j, j.write()
}

// set changes one part's entry and writes the file: a process that is not in it would outlive a crash of the supervisor unseen.
func (j *journal) set(part string, change func(*PartStatus)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.st.Parts {
		if j.st.Parts[i].Name == part {
			change(&j.st.Parts[i])
		}
	}
	return j.write()
}

func (j *journal) state(part, state string) error {
	return j.set(part, func(s *PartStatus) { s.State, s.Since = state, time.Now() })
}

func (j *journal) write() error {
	b, err := json.MarshalIndent(j.st, "", " ")
	if err == nil {
		err = os.WriteFile(j.path+".new", append(b, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		return fmt.Errorf("write the stack's state: %w", err)
	}
	return nil
}
