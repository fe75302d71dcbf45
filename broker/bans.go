package broker

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tickcast/tickcast/broker/admin"
)

// maxBans bounds the list: each prefix is compared with each new client's address.
const maxBans = 10_000

// bans are who is shut out. They outlive the process in a file, if there is one.
type bans struct {
	file string // empty: in memory only

	mu       sync.Mutex
	byWho    map[banKey]admin.Ban
	prefixes map[netip.Prefix]banKey // of those whose Who is a prefix
}

type banKey struct{ as, who string }

// openBans reads the file, which may be absent.
func openBans(file string) (*bans, error) {
	b := &bans{file: file, byWho: map[banKey]admin.Ban{}, prefixes: map[netip.Prefix]banKey{}}
	if file == "" {
		return b, nil
	}
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	var list []admin.Ban
	if err == nil {
		err = json.Unmarshal(raw, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read bans from %s: %w", file, err)
	}
	for _, ban := range list {
		if who, ok := admin.NormalAddress(ban.Who); ok && ban.As == admin.BanAddress {
			ban.Who = who
		}
		b.set(ban)
	}
	return b, nil
}

func (b *bans) set(ban admin.Ban) {
	k := banKey{ban.As, ban.Who}
	b.byWho[k] = ban
	if p, err := netip.ParsePrefix(ban.Who); err == nil && ban.As == admin.BanAddress {
		b.prefixes[p] = k
	}
}

func (b *bans) remove(k banKey) {
	delete(b.byWho, k)
	if p, err := netip.ParsePrefix(k.who); err == nil && k.as == admin.BanAddress {
		delete(b.prefixes, p)
	}
}

func over(ban admin.Ban, now time.Time) bool { return ban.Until != nil && !ban.Until.After(now) }

// add keeps a ban; it is on disk when add returns.
func (b *bans) add(ban admin.Ban, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := banKey{ban.As, ban.Who}
	former, had := b.byWho[k]
	if !had && len(b.byWho) >= maxBans {
		b.prune(now)
		if len(b.byWho) >= maxBans {
			return admin.ErrTooMany
		}
	}
	b.set(ban)
	if err := b.save(); err != nil {
		b.remove(k)
		if had {
			b.set(former)
		}
		return err
	}
	return nil
}

// lift takes a ban away; false if there is none.
func (b *bans) lift(as, who string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := banKey{as, who}
	former, had := b.byWho[k]
	if !had {
		return false, nil
	}
	b.remove(k)
	if err := b.save(); err != nil {
		b.set(former)
		return true, err
	}
	return true, nil
}

func (b *bans) prune(now time.Time) {
	for k, ban := range b.byWho {
		if over(ban, now) {
			b.remove(k)
		}
	}
}

// save replaces the file. By mu.
func (b *bans) save() error {
	if b.file == "" {
		return nil
	}
	raw, err := json.MarshalIndent(b.sorted(), "", " ")
	if err != nil {
		return fmt.Errorf("save bans: %w", err)
	}
	if err = os.MkdirAll(filepath.Dir(b.file), 0o700); err == nil {
		err = admin.ReplaceFile(b.file, raw)
	}
	if err != nil {
		return fmt.Errorf("save bans: %w", err)
	}
	return nil
}

func (b *bans) sorted() []admin.Ban {
	list := make([]admin.Ban, 0, len(b.byWho))
	for _, ban := range b.byWho {
		list = append(list, ban)
	}
	slices.SortFunc(list, func(x, y admin.Ban) int { return cmp.Or(cmp.Compare(x.As, y.As), cmp.Compare(x.Who, y.Who)) })
	return list
}

// list returns the bans in force.
func (b *bans) list(now time.Time) []admin.Ban {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune(now)
	return b.sorted()
}

func (b *bans) len(now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune(now)
	return len(b.byWho)
}

// hit says whether a client is shut out.
func (b *bans) hit(id, user string, from netip.Addr, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.byWho) == 0 {
		return false
	}
	banned := func(k banKey) bool {
		ban, ok := b.byWho[k]
		return ok && !over(ban, now)
	}
	if banned(banKey{admin.BanClientID, id}) || user != "" && banned(banKey{admin.BanUser, user}) || banned(banKey{admin.BanAddress, from.String()}) {
		return true
	}
	for p, k := range b.prefixes {
		if p.Contains(from) && banned(k) {
			return true
		}
	}
	return false
}

// Banned implements admin.Edge.
func (m manage) Banned(p admin.Page) ([]admin.Ban, int) {
	list := m.bans.list(time.Now())
	from, to := p.Bounds(len(list))
	return list[from:to], len(list)
}

// Ban implements admin.Edge.
func (m manage) Ban(ban admin.Ban) (kicked int, err error) {
	if err := m.bans.add(ban, time.Now()); err != nil {
		return 0, err
	}
	for _, e := range m.sessions.all() {
		c := e.s.connection()
		var from netip.Addr
		if c != nil {
			from = remoteAddr(c).Addr()
		}
		if m.bans.hit(e.s.id, e.user, from, time.Now()) {
			m.expel(e.s, "banned")
			if c != nil {
				kicked++
			}
		}
	}
	return kicked, nil
}

// Unban implements admin.Edge.
func (m manage) Unban(as, who string) (bool, error) { return m.bans.lift(as, who) }
