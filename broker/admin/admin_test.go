package admin

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/configs/configtest"
)

func TestBadFilesAreRefusedWithThePlace(t *testing.T) {
	configtest.BadFiles(t, "testdata/config-*.bad.yaml", func(file string, data []byte) error {
		c := DefaultConfig()
		if err := configs.Decode(file, data, &c); err != nil {
			return err
		}
		return c.Validate()
	})
	configtest.BadFiles(t, "testdata/keys-*.bad.yaml", func(file string, data []byte) error {
		_, err := decodeKeys(file, data)
		return err
	})
	if c := DefaultConfig(); c.Validate() != nil || c.Listen != "127.0.0.1:18083" {
		t.Errorf("the default: %+v %v", c, c.Validate())
	}
}

func TestKeysAreTakenAndRefusedWhileTheEdgeRuns(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new", "keys.yaml")
	ring, err := newKeyring(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("a file that is not there yet: %v", err)
	}
	look := func() { ring.looked = time.Time{} } // a second later
	one, err := AddKey(file, "one", Viewer)
	if err != nil {
		t.Fatal(err)
	}
	two, err := AddKey(file, "two", Operator)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(file, "two", Viewer); err == nil {
		t.Error("a name was taken twice")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 || strings.Contains(string(b), one) {
		t.Errorf("mode %v, or the key itself is in the file", info.Mode())
	}
	look()
	if k, ok := ring.find("", two); !ok || k.name != "two" || !k.role.allows(Operator) {
		t.Errorf("%+v %v", k, ok)
	}
	if k, ok := ring.find("", one); !ok || k.role.allows(Operator) || !k.role.allows(Viewer) {
		t.Errorf("%+v %v", k, ok)
	}
	if _, ok := ring.find("", one+"x"); ok {
		t.Error("a longer key was taken")
	}
	if err := os.WriteFile(file, []byte("keys: [{name: one"), 0o600); err != nil {
		t.Fatal(err)
	}
	look()
	if _, ok := ring.find("", one); !ok {
		t.Error("a file that cannot be read took the keys away")
	}
	if err := os.WriteFile(file, []byte(strings.Join(strings.Split(string(b), "\n")[:3], "\n")+"\n"), 0o600); err != nil { // without the last line
		t.Fatal(err)
	}
	look()
	if _, ok := ring.find("", two); ok {
		t.Error("a key that was taken out is taken")
	}
	if _, ok := ring.find("", one); !ok {
		t.Error("the other key is refused")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	look()
	if _, ok := ring.find("", one); ok {
		t.Error("without the file there are keys")
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o622); err != nil {
		t.Fatal(err)
	}
	if _, err := newKeyring(file, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "can be written by others") {
		t.Errorf("a file that anyone can write: %v", err)
	}
}

func TestFirstKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys, file := filepath.Join(dir, "admin", "keys.yaml"), filepath.Join(dir, "admin", "operator.key")
	if made, err := FirstKey(keys, file); !made || err != nil {
		t.Fatal(made, err)
	}
	first, _ := os.ReadFile(file)
	if made, err := FirstKey(keys, file); made || err != nil {
		t.Fatal(made, err)
	}
	second, _ := os.ReadFile(file)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || string(first) != string(second) {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
	if ring, err := newKeyring(keys, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	} else if k, ok := ring.find("", strings.TrimSpace(string(first))); !ok || k.role != Operator {
		t.Errorf("the key is not taken: %+v", k)
	}
}

func TestAddressesOfBansHaveOneForm(t *testing.T) {
	for who, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "::ffff:10.1.2.3": "10.1.2.3", "10.1.2.3/8": "10.0.0.0/8", "::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:0.0.0.0/96": "0.0.0.0/0", "::ffff:10.1.2.3/128": "10.1.2.3/32",
		"::ffff:10.0.0.0/90": "::ffc0:0:0/90", "2001:DB8::1/32": "2001:db8::/32", "::/0": "::/0", "10.0.0.0/33": "", "fe80::1%eth0": "", "host": "",
	} {
		if got, ok := NormalAddress(who); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", who, got, ok, want)
		}
	}
}

func TestPageBounds(t *testing.T) {
	for _, tt := range []struct{ number, limit, n, from, to int }{
		{1, 10, 0, 0, 0}, {1, 10, 5, 0, 5}, {1, 10, 10, 0, 10}, {2, 10, 10, 10, 10}, {2, 10, 11, 10, 11}, {1 << 30, 1000, 11, 11, 11},
	} {
		if from, to := (Page{Number: tt.number, Limit: tt.limit}).Bounds(tt.n); from != tt.from || to != tt.to {
			t.Errorf("page %d of %d in %d: %d, %d", tt.number, tt.limit, tt.n, from, to)
		}
	}
}
