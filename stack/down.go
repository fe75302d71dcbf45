package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/tickcast/tickcast/datadir"
)

// Down stops the stack of a data folder and waits for its end; what a crashed supervisor has left is ended here.
func Down(ctx context.Context, dataDir string, out io.Writer) error {
	st, running, err := ReadStatus(dataDir)
	if err != nil {
		return err
	}
	if !running {
		lock, err := datadir.Lock(dataDir)
		if err != nil {
			return err
		}
		defer lock.Close()
		if err := cleanLeftovers(dataDir, out); err != nil {
			return err
		}
		fmt.Fprintln(out, "no stack runs")
		return nil
	}
	if err := syscall.Kill(st.Supervisor.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the supervisor (process %d): %w", st.Supervisor.PID, err)
	}
	for st.Supervisor.alive() {
		select {
		case <-time.After(checkEach):
		case <-ctx.Done():
			return fmt.Errorf("the supervisor (process %d) has not ended yet", st.Supervisor.PID)
		}
	}
	fmt.Fprintln(out, "the stack is stopped")
	return nil
}
