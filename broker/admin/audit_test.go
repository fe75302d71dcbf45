package admin

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func newChange(who string) Entry { return Entry{Who: who, Method: "DELETE", Path: "/x"} }

// record makes an entry of a change that is made.
func record(a *auditLog, who string) error {
	e := newChange(who)
	if err := a.begin(&e); err != nil {
		return err
	}
	e.Status, e.Result = 204, "done"
	return a.end(e)
}

func TestAuditKeepsItsBoundAndSurvivesACrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	const bound = 4 << 10
	a, err := openAudit(path, bound)
	if err != nil {
		t.Fatal(err)
	}
	const n = 200
	for i := range n {
		if err := record(a, fmt.Sprint("w", i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{path, path + ".1"} {
		if info, err := os.Stat(f); err != nil || info.Size() > bound || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %+v", f, err, info)
		}
	}
	if err := os.Rename(path, path+".away"); err != nil { // as logrotate does
		t.Fatal(err)
	}
	if err := record(a, fmt.Sprint("w", n)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("after the file was moved away: %v", err)
	}
	under := newChange("under way")
	if err := a.begin(&under); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"who":"cut o`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if a, err = openAudit(path, bound); err != nil { // the process before is gone without having closed it
		t.Fatal(err)
	}
	defer a.close()
	if err := record(a, fmt.Sprint("w", n+1)); err != nil {
		t.Fatal(err)
	}
	got, total := a.page(Page{Number: 1, Limit: 3})
	if total < 4 || got[0].Who != fmt.Sprint("w", n+1) || got[0].Status != 204 || got[1].Who != "under way" || got[1].Status != 0 || got[1].Result != resultAsked ||
		got[2].Who != fmt.Sprint("w", n) || got[2].Result != "done" || got[0].Change <= got[1].Change {
		t.Errorf("%d: %+v", total, got)
	}
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(string(b), "}\n") || strings.Contains(string(b), `cut o{`) {
		t.Errorf("%v\n%s", err, b)
	}
}

// What a change came to may fail to be written, what is asked may not.
func TestAuditOwesWhatCameOfAChangeAndTakesNoOtherMeanwhile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "d")
	path := filepath.Join(dir, "audit.jsonl")
	a, err := openAudit(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	first := newChange("first")
	if err := a.begin(&first); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || !strings.Contains(string(b), `"who":"first"`) {
		t.Errorf("before it is made: %v %s", err, b)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	first.Status, first.Result = 204, "done"
	if err := a.end(first); err == nil {
		t.Error("there is no folder, but no error")
	}
	if record(a, "second") == nil {
		t.Error("a second change, with nowhere to record it")
	}
	if got, total := a.page(Page{Number: 1, Limit: 10}); total != 1 || got[0].Status != 204 {
		t.Errorf("%+v", got)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := record(a, "third"); err != nil {
		t.Errorf("not again: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Count(string(b), "\n") != 3 || !strings.Contains(string(b), `"who":"first"`) || strings.Contains(string(b), `"who":"second"`) {
		t.Errorf("%v %s", err, b)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}

func TestAuditNumbersChangesThatAreMadeAtTheSameTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	a, err := openAudit(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := record(a, fmt.Sprint("w", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	if a, err = openAudit(path, 1<<20); err != nil {
		t.Fatal(err)
	}
	defer a.close()
	got, total := a.page(Page{Number: 1, Limit: 2 * n})
	numbers, names := map[int64]bool{}, map[string]bool{}
	for _, e := range got {
		numbers[e.Change], names[e.Who] = true, e.Status == 204
	}
	if total != n || len(numbers) != n || len(names) != n {
		t.Errorf("%d entries, %d numbers: %+v", total, len(numbers), got)
	}
}
