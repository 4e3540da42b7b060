package mgmtkey_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"postern/internal/mgmtkey"
	"postern/internal/store"
	"postern/internal/testkit"
)

// What refuses the cleartext of a key refuses who was recognised before, too.
func TestRecall(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		s := &mgmtkey.Service{DB: db}
		good, _ := create(t, s, mgmtkey.Create{})
		if k, err := s.Recall(t.Context(), good.ID, remote); err != nil || k.ID != good.ID || k.LastUsedAt.IsZero() {
			t.Errorf("a good key: %+v, %v", k, err)
		}
		elsewhere, _ := create(t, s, mgmtkey.Create{PermittedIPs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
		expired, _ := create(t, s, mgmtkey.Create{ExpiresAt: time.Now().Add(time.Hour)})
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE management_keys SET expires_at = 1 WHERE id = $1`, expired.ID)
			return err
		})
		inactive, _ := create(t, s, mgmtkey.Create{})
		status := mgmtkey.Inactive
		_, err2 := s.Update(t.Context(), by, inactive.ID, mgmtkey.Update{Status: &status})
		revoked, _ := create(t, s, mgmtkey.Create{})
		_, err3 := s.Delete(t.Context(), by, revoked.ID)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		for name, id := range map[string]string{
			"from elsewhere": elsewhere.ID, "expired": expired.ID, "inactive": inactive.ID, "revoked": revoked.ID, "nobody": "", "no id": "K1",
		} {
			if k, err := s.Recall(t.Context(), id, remote); !errors.Is(err, mgmtkey.ErrUnknown) || k != nil {
				t.Errorf("%s: %+v, %v", name, k, err)
			}
		}
	})
}

func TestManages(t *testing.T) {
	t.Parallel()
	one := grants(mgmtkey.Grant{Projects: []string{"P1"}, Role: mgmtkey.Admin})
	all := grants(mgmtkey.Grant{Role: mgmtkey.Admin})
	for name, tt := range map[string]struct {
		by   *mgmtkey.Key
		of   []mgmtkey.Grant
		want bool
	}{
		"an admin of all, a key for all":            {all, whole, true},
		"an admin of one, a key for all":            {one, []mgmtkey.Grant{{Role: mgmtkey.Read}}, false},
		"an admin of one, a key for it":             {one, []mgmtkey.Grant{{Projects: []string{"P1"}, Role: mgmtkey.Admin}}, true},
		"an admin of one, a key for it and another": {one, []mgmtkey.Grant{{Projects: []string{"P1", "P2"}, Role: mgmtkey.Read}}, false},
		"no admin": {grants(mgmtkey.Grant{Role: mgmtkey.Import}), []mgmtkey.Grant{{Role: mgmtkey.Read}}, false},
		"nobody":   {nil, whole, false},
		"a key that may do nothing is nobody's to see": {all, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.by.Manages(tt.of); got != tt.want {
				t.Errorf("Manages = %v", got)
			}
		})
	}
}
