package stack

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPartThatIsNeverReadyIsAnErrorThatSaysWhy(t *testing.T) {
	for _, c := range []struct {
		says error
		want string
	}{{errors.New("its door is shut"), "is not ready within 5m0s: its door is shut"}, {nil, "is not ready within 5m0s: it says nothing"}} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			p := &part{name: "a", run: func(ctx context.Context, _ func()) error { <-ctx.Done(); return c.says }}
			s := &Stack{dataDir: dir, out: io.Discard}
			var err error
			if s.journal, err = newJournal(dir, []*part{p}); err != nil {
				t.Fatal(err)
			}
			if err := s.keep(t.Context(), p, make(chan struct{})); err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// A part that has died is started again after its rest, and one without a rest after the back-off; each start is told.
func TestAPartThatDiedRestsBeforeItsNextStart(t *testing.T) {
	for _, c := range []struct{ rest, want time.Duration }{{0, firstBackoff}, {10 * time.Second, 10 * time.Second}} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var starts []time.Time
			p := &part{name: "a", rest: func() time.Duration { return c.rest }, run: func(ctx context.Context, up func()) error {
				starts = append(starts, time.Now())
				up()
				if len(starts) == 2 {
					cancel()
				}
				return errors.New("killed")
			}}
			s := &Stack{dataDir: dir, out: io.Discard}
			var err error
			if s.journal, err = newJournal(dir, []*part{p}); err != nil {
				t.Fatal(err)
			}
			if err := s.keep(ctx, p, make(chan struct{})); err != nil {
				t.Fatal(err)
			}
			if got := starts[1].Sub(starts[0]); got != c.want {
				t.Errorf("rest %s: started again after %s, want %s", c.rest, got, c.want)
			}
			if st := s.journal.st.Parts[0]; st.Restarts != 1 {
				t.Errorf("rest %s: %d restarts are told, want 1", c.rest, st.Restarts)
			}
		})
	}
}
