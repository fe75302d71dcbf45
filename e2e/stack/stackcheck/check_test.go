package stackcheck

import "testing"

func TestTheComputeTimeIsLeftOut(t *testing.T) {
	for in, want := range map[string]string{
		`{"ts":1,"tsc":23,"q":"ok"}`: `{"ts":1,"q":"ok"}`,
		`{"ts":1,"q":"ok"}`:          `{"ts":1,"q":"ok"}`,
		``:                           ``,
	} {
		if got := withoutTsc([]byte(in)); got != want {
			t.Errorf("%s becomes %s", in, got)
		}
	}
}
