package stack

import (
	"fmt"
	"io"
	"syscall"
	"time"
)

// leftoverPatience is how long a process that a crashed supervisor left behind may take to stop before it is killed.
const leftoverPatience = dumpPatience

// cleanLeftovers ends what an earlier supervisor of this data folder started and did not stop, last started first. The folder must be locked: then that supervisor is gone.
func cleanLeftovers(dataDir string, out io.Writer) error {
	st, _, err := ReadStatus(dataDir)
	if err != nil {
		return err
	}
	for i := len(st.Parts) - 1; i >= 0; i-- {
		p := &st.Parts[i]
		if !p.Alive() {
			continue
		}
		begun := time.Now()
		how := "stopped"
		if p.StopSignal != 0 {
			_ = syscall.Kill(p.Process.PID, p.StopSignal) // it may just have ended
		}
		for p.StopSignal != 0 && p.Alive() && time.Since(begun) < leftoverPatience {
			time.Sleep(20 * time.Millisecond)
		}
		if p.Alive() {
			how = "killed"
			_ = syscall.Kill(-p.Process.PID, syscall.SIGKILL) // its group; each part is the first of its own
			for p.Alive() {
				if time.Since(begun) > 2*leftoverPatience {
					return fmt.Errorf("%s of an earlier run (process %d) cannot be ended", p.Name, p.Process.PID)
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
		line(out, p.Name, p.Address, fmt.Sprintf("left over from a crash (process %d): %s", p.Process.PID, how))
	}
	return nil
}
