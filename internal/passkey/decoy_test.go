package passkey

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// looks returns how the passkeys look that the start of a sign-in shows, each as the
// size of its id and its transports, and their ids.
func (f *fixture) looks(t testing.TB, loginID string) (looks, ids []string) {
	t.Helper()
	s := f.begin(t, loginID)
	var o struct {
		PublicKey struct {
			Allow []descriptor `json:"allowCredentials"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal([]byte(s.Options), &o); err != nil || s.Create || len(o.PublicKey.Allow) == 0 {
		t.Fatalf("%s: %s, %v", loginID, s.Options, err)
	}
	for _, d := range o.PublicKey.Allow {
		if d.Type != publicKey {
			t.Errorf("%s has a %s", loginID, d.Type)
		}
		looks, ids = append(looks, fmt.Sprint(len(testkit.Unbase64(t, d.ID)), " ", strings.Join(d.Transports, ","))), append(ids, d.ID)
	}
	return looks, ids
}

// Whatever users have that sign in with common authenticators, one or several, strangers
// and users without a passkey are shown, too, and nothing else.
func TestStrangersHaveTheLookOfUsers(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		users, many := map[string]bool{}, map[int]bool{}
		for i, m := range models {
			loginID := fmt.Sprint("real ", i)
			u := f.shop.User(t, user.User{LoginIDs: []string{loginID}})
			for j := range 1 + i%3 {
				id := strings.Repeat(string(rune('a'+i)), m.size-1) + fmt.Sprint(j)
				p := &Passkey{ID: []byte(id), RPID: "shop.example", PublicKey: []byte{1}, Transports: m.transports}
				if err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return add(tx, u, p) }); err != nil {
					t.Fatal(err)
				}
			}
			looks, ids := f.looks(t, loginID)
			if users[looks[0]], many[len(ids)] = true, true; len(ids) != 1+i%3 {
				t.Fatalf("%s has the passkeys %q", loginID, ids)
			}
		}
		// Two hundred see the rarest look but for once in some hundred thousand times.
		for kind, n := range map[string]int{"nobody": 200, "bare": 20} {
			shown, counts, taken := map[string]bool{}, map[int]bool{}, map[string]bool{}
			for i := range n {
				loginID := fmt.Sprint(kind, " ", i)
				if kind == "bare" {
					f.shop.User(t, user.User{LoginIDs: []string{loginID}})
				}
				looks, ids := f.looks(t, loginID)
				if _, again := f.looks(t, loginID+" "); strings.Join(ids, " ") != strings.Join(again, " ") {
					t.Errorf("%s has other passkeys now", loginID)
				}
				for j, look := range looks {
					if !users[look] {
						t.Errorf("%s has a passkey as no user has: %s", loginID, look)
					}
					if taken[ids[j]] {
						t.Errorf("%s has a passkey of another one", loginID)
					}
					shown[look], taken[ids[j]] = true, true
				}
				counts[len(ids)] = true
			}
			if kind == "nobody" && (len(shown) != len(users) || len(counts) != len(many)) {
				t.Errorf("%s: shown are %v and %v many, and users have %v and %v", kind, shown, counts, users, many)
			}
		}
	})
}

// Who becomes a user, and gets no passkey by it, is shown what was shown before.
func TestSigningUpChangesNoDecoy(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		_, before := f.looks(t, "late")
		f.shop.User(t, user.User{LoginIDs: []string{"late"}})
		if _, after := f.looks(t, "late"); strings.Join(before, " ") != strings.Join(after, " ") {
			t.Errorf("shown are %q, and were %q", after, before)
		}
	})
}
