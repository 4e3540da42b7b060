package mgmtkey_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/mgmtkey"
	"postern/internal/store"
	"postern/internal/testkit"
)

var (
	by     = audit.Origin{Actor: "cli", Request: "R1"}
	remote = netip.MustParseAddr("192.0.2.7")
	whole  = []mgmtkey.Grant{{Role: mgmtkey.Admin}}

	netipValues = cmpopts.EquateComparable(netip.Prefix{})
)

func create(t *testing.T, s *mgmtkey.Service, in mgmtkey.Create) (key mgmtkey.Key, token string) {
	t.Helper()
	if in.Name == "" {
		in.Name = "ci"
	}
	if in.Grants == nil {
		in.Grants = whole
	}
	k, text, err := s.Create(t.Context(), by, in)
	if err != nil {
		t.Fatal(err)
	}
	return k, text.Reveal()
}

func actions(t *testing.T, db *store.DB) []string {
	t.Helper()
	events, _, err := audit.Find(t.Context(), db, audit.Search{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s %s %s", e.Actor, e.Action, e.Details["id"]))
	}
	return out
}

func TestLifeOfAKey(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		s := &mgmtkey.Service{DB: db}
		in := mgmtkey.Create{
			Name: " ci ", Description: "for “promote”\n\tand more",
			Grants:       []mgmtkey.Grant{{Role: mgmtkey.Read}, {Projects: []string{"P1", "P2"}, Role: mgmtkey.Import}},
			PermittedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
			ExpiresAt:    time.Now().Add(time.Hour),
		}
		k, token := create(t, s, in)
		want := mgmtkey.Key{
			ID: k.ID, Name: "ci", Description: in.Description, Status: mgmtkey.Active, Grants: in.Grants, PermittedIPs: in.PermittedIPs,
			CreatedAt: k.CreatedAt, ExpiresAt: in.ExpiresAt.UTC().Truncate(time.Second), Version: 1,
		}
		got, err := s.Get(t.Context(), k.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, netipValues); diff != "" {
			t.Errorf("Get (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, k, netipValues); diff != "" {
			t.Errorf("Create (-want +got):\n%s", diff)
		}
		if since := time.Since(k.CreatedAt); since < 0 || since > time.Minute {
			t.Errorf("CreatedAt = %v", k.CreatedAt)
		}

		used, err := s.Authenticate(t.Context(), token, remote)
		if err != nil {
			t.Fatal(err)
		}
		want.LastUsedAt = used.LastUsedAt
		if diff := cmp.Diff(&want, used, netipValues); diff != "" || used.LastUsedAt.IsZero() {
			t.Errorf("Authenticate (-want +got):\n%s", diff)
		}

		name, status := "ci 2", mgmtkey.Inactive
		changed, err := s.Update(t.Context(), by, k.ID, mgmtkey.Update{Name: &name, Status: &status, PermittedIPs: new([]netip.Prefix)})
		if err != nil {
			t.Fatal(err)
		}
		want.Name, want.Status, want.PermittedIPs, want.Version = name, status, nil, 2
		list, err := s.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]mgmtkey.Key{want}, list, netipValues); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, changed, netipValues); diff != "" {
			t.Errorf("Update (-want +got):\n%s", diff)
		}

		n, err := s.Delete(t.Context(), by, k.ID, "K0")
		if err != nil || n != 1 {
			t.Errorf("Delete = %d, %v, want 1", n, err)
		}
		if _, err := s.Get(t.Context(), k.ID); !errors.Is(err, mgmtkey.ErrNotFound) {
			t.Errorf("Get after Delete = %v", err)
		}
		wantActions := []string{"cli managementkey.create " + k.ID, "cli managementkey.delete " + k.ID, "cli managementkey.update " + k.ID}
		if diff := cmp.Diff(wantActions, actions(t, db), cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
	})
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		s := &mgmtkey.Service{DB: db}
		k, token := create(t, s, mgmtkey.Create{PermittedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}})
		if len(token) != 71 || !strings.HasPrefix(token, k.ID) || strings.ContainsAny(token, "-_:") {
			t.Errorf("%q is not K, 27 and 43 letters and digits", token)
		}
		if _, err := s.Authenticate(t.Context(), token, remote); err != nil {
			t.Fatal(err)
		}
		last := token[:70] + string("ab"[strings.Count(token[70:], "a")])
		_, off := create(t, s, mgmtkey.Create{})
		inactive := mgmtkey.Inactive
		if _, err := s.Update(t.Context(), by, off[:28], mgmtkey.Update{Status: &inactive}); err != nil {
			t.Fatal(err)
		}
		_, gone := create(t, s, mgmtkey.Create{})
		if _, err := s.Delete(t.Context(), by, gone[:28]); err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			name, token string
			remote      netip.Addr
			want        error
		}{
			{"none", "", remote, mgmtkey.ErrNoToken},
			{"the id alone", token[:28], remote, mgmtkey.ErrUnknown},
			{"one character more", token + "x", remote, mgmtkey.ErrUnknown},
			{"another prefix", "P" + token[1:], remote, mgmtkey.ErrUnknown},
			{"a strange character in the id", token[:5] + "_" + token[6:], remote, mgmtkey.ErrUnknown},
			{"a strange character in the secret", token[:70] + "\n", remote, mgmtkey.ErrUnknown},
			{"an unknown id", "K" + strings.Repeat("0", 70), remote, mgmtkey.ErrUnknown},
			{"a wrong secret", last, remote, mgmtkey.ErrUnknown},
			{"an inactive key", off, remote, mgmtkey.ErrUnknown},
			{"a deleted key", gone, remote, mgmtkey.ErrUnknown},
			{"another address", token, netip.MustParseAddr("192.0.2.16"), mgmtkey.ErrUnknown},
			{"an IPv6 address", token, netip.MustParseAddr("2001:db8::7"), mgmtkey.ErrUnknown},
			{"no address", token, netip.Addr{}, mgmtkey.ErrUnknown},
			{"the address as IPv6", token, netip.MustParseAddr("::ffff:192.0.2.7"), nil},
		}
		for _, tt := range tests {
			got, err := s.Authenticate(t.Context(), tt.token, tt.remote)
			if !errors.Is(err, tt.want) || (got == nil) != (tt.want != nil) {
				t.Errorf("%s: got %v, %v, want %v", tt.name, got, err, tt.want)
			}
		}
	})
}

// The database never holds what authenticates.
func TestTheSecretIsNotStored(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	s := &mgmtkey.Service{DB: db}
	_, token := create(t, s, mgmtkey.Create{})
	err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		rows, err := store.Collect(tx, func(row store.Scanner) (string, error) {
			var r string
			return r, row.Scan(&r)
		}, `SELECT quote(id)||quote(name)||quote(access)||quote(hash) FROM management_keys
			UNION ALL SELECT quote(actor)||quote(action)||quote(details) FROM audit`)
		all := strings.Join(rows, "\n")
		if len(rows) != 2 || strings.Contains(all, token[28:]) || strings.Contains(all, fmt.Sprintf("%X", token[28:])) {
			t.Errorf("rows:\n%s", all)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestExpiryAndUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &mgmtkey.Service{DB: testkit.Store(t)}
		start := time.Now().UTC()
		_, token := create(t, s, mgmtkey.Create{ExpiresAt: start.Add(2 * time.Minute)})
		steps := []struct {
			after    time.Duration
			lastUsed time.Duration // after start
			want     error
		}{
			{0, 0, nil},
			{59 * time.Second, 0, nil}, // too soon to write it down again
			{time.Minute, time.Minute, nil},
			{2*time.Minute - time.Second, time.Minute, nil},
			{2 * time.Minute, 0, mgmtkey.ErrUnknown},
		}
		for _, step := range steps {
			time.Sleep(time.Until(start.Add(step.after))) // of the bubble's clock
			k, err := s.Authenticate(t.Context(), token, remote)
			if !errors.Is(err, step.want) {
				t.Fatalf("after %v: %v, want %v", step.after, err, step.want)
			}
			if err != nil {
				continue
			}
			stored, err := s.Get(t.Context(), k.ID)
			if err != nil {
				t.Fatal(err)
			}
			if want := start.Add(step.lastUsed); !k.LastUsedAt.Equal(want) || !stored.LastUsedAt.Equal(want) {
				t.Errorf("after %v: LastUsedAt = %v, stored %v, want %v", step.after, k.LastUsedAt, stored.LastUsedAt, want)
			}
		}
	})
}

// A long import holds the one writer; keys must work meanwhile.
func TestAuthenticateBesideAWriter(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	s := &mgmtkey.Service{DB: db}
	_, token := create(t, s, mgmtkey.Create{})
	err := db.Write(t.Context(), func(context.Context, *store.Tx) error {
		_, err := s.Authenticate(t.Context(), token, remote)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestInvalidKeys(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	s := &mgmtkey.Service{DB: db}
	valid, _ := create(t, s, mgmtkey.Create{})
	long := make([]mgmtkey.Grant, 257)
	for i := range long {
		long[i].Role = mgmtkey.Read
	}
	for name, spoil := range map[string]func(*mgmtkey.Create){
		"no name":                   func(c *mgmtkey.Create) { c.Name = " " },
		"a long name":               func(c *mgmtkey.Create) { c.Name = strings.Repeat("x", 257) },
		"a name that is no text":    func(c *mgmtkey.Create) { c.Name = "\xff" },
		"a name with a NUL":         func(c *mgmtkey.Create) { c.Name = "a\x00" },
		"a name with an escape":     func(c *mgmtkey.Create) { c.Name = "a\x1b[2Jb" },
		"a name of two lines":       func(c *mgmtkey.Create) { c.Name = "a\nb" },
		"a name with a tab":         func(c *mgmtkey.Create) { c.Name = "a\tb" },
		"a name with a C1 control":  func(c *mgmtkey.Create) { c.Name = "a\u009bb" },
		"a name with a line mark":   func(c *mgmtkey.Create) { c.Name = "a\u2028b" },
		"a name that turns around":  func(c *mgmtkey.Create) { c.Name = "a\u202eb" },
		"a description with a NUL":  func(c *mgmtkey.Create) { c.Description = "a\x00" },
		"one with an escape":        func(c *mgmtkey.Create) { c.Description = "a\x1b]0;b\a" },
		"one with a return":         func(c *mgmtkey.Create) { c.Description = "a\rb" },
		"one that turns around":     func(c *mgmtkey.Create) { c.Description = "a\u2067b" },
		"a long description":        func(c *mgmtkey.Create) { c.Description = strings.Repeat("x", 4097) },
		"a grant without role":      func(c *mgmtkey.Create) { c.Grants = []mgmtkey.Grant{{}} },
		"a role beyond admin":       func(c *mgmtkey.Create) { c.Grants = []mgmtkey.Grant{{Role: mgmtkey.Admin + 1}} },
		"a project without id":      func(c *mgmtkey.Create) { c.Grants = []mgmtkey.Grant{{Projects: []string{""}, Role: mgmtkey.Read}} },
		"too many grants":           func(c *mgmtkey.Create) { c.Grants = long },
		"an address that is none":   func(c *mgmtkey.Create) { c.PermittedIPs = make([]netip.Prefix, 1) },
		"an expiry in the past":     func(c *mgmtkey.Create) { c.ExpiresAt = time.Now().Add(-time.Second) },
		"an expiry at this instant": func(c *mgmtkey.Create) { c.ExpiresAt = time.Now() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := mgmtkey.Create{Name: "ci", Grants: whole}
			spoil(&in)
			if _, _, err := s.Create(t.Context(), by, in); !errors.Is(err, mgmtkey.ErrInvalid) {
				t.Errorf("Create = %v", err)
			}
		})
	}
	for name, change := range map[string]mgmtkey.Update{
		"a strange status": {Status: new(string)},
		"an empty name":    {Name: new(string)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := s.Update(t.Context(), by, valid.ID, change); !errors.Is(err, mgmtkey.ErrInvalid) {
				t.Errorf("Update = %v", err)
			}
		})
	}
	t.Run("an unknown id", func(t *testing.T) {
		t.Parallel()
		_, err := s.Update(t.Context(), by, "K0", mgmtkey.Update{})
		if fault.From(err).Kind != fault.NotFound {
			t.Errorf("Update = %v", err)
		}
	})
}

// An actor that nobody can name changes nothing: the record and the change are
// one transaction.
func TestNoChangeWithoutAudit(t *testing.T) {
	t.Parallel()
	s := &mgmtkey.Service{DB: testkit.Store(t)}
	k, _ := create(t, s, mgmtkey.Create{})
	nobody := audit.Origin{}
	name := "changed"
	if _, _, err := s.Create(t.Context(), nobody, mgmtkey.Create{Name: "ci", Grants: whole}); err == nil {
		t.Error("nobody creates a key")
	}
	if _, err := s.Update(t.Context(), nobody, k.ID, mgmtkey.Update{Name: &name}); err == nil {
		t.Error("nobody updates a key")
	}
	if _, err := s.Delete(t.Context(), nobody, k.ID); err == nil {
		t.Error("nobody deletes a key")
	}
	got, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]mgmtkey.Key{k}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// What a newer server granted, and this one does not understand, is refused.
func TestUnreadableAccessRefuses(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	s := &mgmtkey.Service{DB: db}
	for _, access := range []string{
		`[{"role":"owner"}]`, `[{"role":"none"}]`, `[{"role":"admin","onlyOn":"Monday"}]`, `{}`, ``,
		`[{"role":"read","role":"admin"}]`, `[{"Role":"admin"}]`, `[{}]`,
	} {
		_, token := create(t, s, mgmtkey.Create{})
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE management_keys SET access = $1 WHERE id = $2`, access, token[:28])
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if k, err := s.Authenticate(t.Context(), token, remote); err == nil {
			t.Errorf("access %s gives %+v", access, k.Grants)
		}
	}
}

// PostgreSQL refuses to look for what is no text; that is no fault of ours.
func TestWhatIsNoIDIsNotFound(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		s := &mgmtkey.Service{DB: db}
		for _, id := range []string{"", "K", "K\x00", "K\xff", "K1", "P1", strings.Repeat("K", 100_000)} {
			_, getErr := s.Get(t.Context(), id)
			_, updateErr := s.Update(t.Context(), by, id, mgmtkey.Update{})
			if !errors.Is(getErr, mgmtkey.ErrNotFound) || !errors.Is(updateErr, mgmtkey.ErrNotFound) {
				t.Errorf("%.10q: Get = %v, Update = %v, want %v", id, getErr, updateErr, mgmtkey.ErrNotFound)
			}
			if n, err := s.Delete(t.Context(), by, id); n != 0 || err != nil {
				t.Errorf("%.10q: Delete = %d, %v", id, n, err)
			}
		}
	})
}
