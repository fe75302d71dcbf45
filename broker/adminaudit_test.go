package broker

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/broker/admin"
)

// Whoever has no key, or only a viewer's, must not push what operators did out of the audit, nor make the disk work.
func TestAdminRefusedCallsLeaveTheAuditAlone(t *testing.T) {
	t.Parallel()
	_, a := startManaged(t, func(c *Config) { c.Admin.AuditBytes = 64 << 10 })
	a.call("POST", "/api/v1/banned", a.operator, `{"as":"username","who":"mallory"}`)
	before, err := os.ReadFile(a.audit)
	if err != nil || !bytes.Contains(before, []byte("mallory")) {
		t.Fatalf("%v %s", err, before)
	}
	big := strings.Repeat("x", 1000)
	for i := range 150 { // 300 KB if they were recorded
		for _, key := range []string{"", "tck_wrong", a.viewer} {
			if got := a.call("POST", "/api/v1/banned", key, big); got.status != 401 && got.status != 403 && got.status != 429 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		if got := a.call("POST", fmt.Sprint("/api/v1/x", i, big), a.viewer, big); got.status != 404 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if after, err := os.ReadFile(a.audit); err != nil || !bytes.Equal(after, before) {
		t.Errorf("%v, the file has %d bytes, had %d", err, len(after), len(before))
	}
	var list page[admin.Entry]
	if a.get("/api/v1/audit", &list); list.Meta.Count != 1 || list.Data[0].Result != "done" {
		t.Errorf("audit %+v", list)
	}
	if got := a.call("GET", "/metrics", "", ""); !strings.Contains(string(got.body), `tickcast_edge_admin_refused_total{code="FORBIDDEN"} 150`) {
		t.Error("the refusals are not counted")
	}
}

func TestAdminMakesNoChangeThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	if err := os.Remove(a.audit); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(a.audit, 0o700); err != nil { // stands for a disk that takes nothing
		t.Fatal(err)
	}
	for _, call := range []struct{ method, path, body string }{
		{"DELETE", "/api/v1/clients/c", ""}, {"POST", "/api/v1/banned", `{"as":"clientid","who":"c"}`}, {"POST", "/api/v1/drain", ""}, {"DELETE", "/api/v1/clients/c", ""},
	} {
		if got := a.call(call.method, call.path, a.operator, call.body); got.status != 503 || got.code() != "AUDIT_UNAVAILABLE" {
			t.Errorf("%s %s: %d %s", call.method, call.path, got.status, got.body)
		}
	}
	c.ping()
	if n := b.bans.len(time.Now()); n != 0 || b.drainer.on() {
		t.Errorf("%d bans, drained: %v", n, b.drainer.on())
	}
	if err := os.Remove(a.audit); err != nil {
		t.Fatal(err)
	}
	if got := a.call("DELETE", "/api/v1/clients/c", a.operator, ""); got.status != 204 {
		t.Errorf("with room again: %d %s", got.status, got.body)
	}
	if raw, err := os.ReadFile(a.audit); err != nil || bytes.Count(raw, []byte("\n")) != 2 {
		t.Errorf("%v %s", err, raw)
	}
}

func TestAdminAuditNamesWhoDidWhat(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	dial(t, b.Addrs().TCP, dialing{id: "c"})
	a.call("DELETE", "/api/v1/clients/c", a.operator, "")
	a.call("DELETE", "/api/v1/clients/c", a.viewer, "")
	a.call("DELETE", "/api/v1/clients/c", a.operator, "")
	a.call("POST", "/api/v1/banned", a.operator, `{"as": "username", "who": "mallory"}`)
	a.call("POST", "/api/v1/banned", "", `{"as":"username","who":"olga"}`)
	var list page[admin.Entry]
	a.get("/api/v1/audit", &list)
	want := []string{
		"olga operator POST /api/v1/banned 201 done " + `{"as":"username","who":"mallory"}`,
		"olga operator DELETE /api/v1/clients/c 404 CLIENTID_NOT_FOUND ",
		"olga operator DELETE /api/v1/clients/c 204 done ",
	}
	var got []string
	for _, e := range list.Data {
		got = append(got, fmt.Sprint(e.Who, " ", e.Role, " ", e.Method, " ", e.Path, " ", e.Status, " ", e.Result, " ", e.Asked))
		if time.Since(e.At) > patience || !strings.HasPrefix(e.From, "127.0.0.1:") {
			t.Errorf("%+v", e)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("audit\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	raw, err := os.ReadFile(a.audit)
	if err != nil || bytes.Count(raw, []byte("\n")) != 2*len(want) {
		t.Errorf("audit file: %v\n%s", err, raw)
	}
	if strings.Contains(string(raw), a.operator) {
		t.Error("a key is in the audit")
	}
}
