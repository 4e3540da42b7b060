package password_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/password"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// work is what the hasher compared passwords with.
type work struct {
	mu  sync.Mutex
	all []string
}

func (w *work) add(stored string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, stored)
}

// take returns the one hash that was compared since.
func (w *work) take(t *testing.T) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) != 1 {
		t.Fatalf("a password was compared with %d hashes", len(w.all))
	}
	one := w.all[0]
	w.all = nil
	return one
}

// costs is what says how long a stored hash takes: its scheme and parameters.
func costs(stored string) string {
	if strings.HasPrefix(stored, "$2") {
		return stored[:7]
	}
	parts := strings.Split(stored, "$")
	return strings.Join(parts[:len(parts)-2], "$")
}

// member stores a user whose hash was imported.
func (f *fixture) member(t *testing.T, loginID string, in password.Import) {
	t.Helper()
	u, err := user.Prepare(f.shop.Config(t), "", loginID, user.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := f.Prepare(t.Context(), f.shop.Config(t), u, secret.Text{}, &in)
	if err != nil {
		t.Fatal(err)
	}
	f.store(t, u, prepared)
}

// Where half of the users have an imported hash, half of the login ids of nobody take
// the work of one: the time of an answer does not say who is a user.
func TestNobodyTakesTheWorkOfSomebody(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.load(t, `"maskError":true,"lock":true,"lockAttempts":3`)
		w := &work{}
		try := func(loginID string) string {
			if err := f.signIn(t, loginID, "wrong"); !errors.Is(err, password.ErrWrong) {
				t.Fatalf("%s: %v", loginID, err)
			}
			return w.take(t)
		}
		f.Hasher.Watch(w.add)
		empty := try("nobody")
		f.person(t, "ours 0", "right")
		if ours := try("ours 0"); costs(empty) != costs(ours) {
			t.Errorf("nobody takes %s where nobody has a password, and somebody %s", empty, ours)
		}

		bcrypt := password.Import{Bcrypt: text("$2a$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")}
		for i := range 16 {
			f.person(t, fmt.Sprint("ours ", i+1), "right")
			f.member(t, fmt.Sprint("theirs ", i), bcrypt)
		}
		kinds := map[string]string{costs(try("ours 1")): "ours", costs(try("theirs 0")): "theirs"}
		seen := map[string]bool{}
		for i := range 120 {
			loginID := fmt.Sprintf("nobody %d", i)
			first := try(loginID)
			if again := try(loginID + " "); first != again {
				t.Errorf("%s takes other work the second time", loginID)
			}
			if kinds[costs(first)] == "" {
				t.Errorf("%s takes the work of %s, which nobody has", loginID, first)
			}
			seen[kinds[costs(first)]] = true
		}
		if diff := cmp.Diff(map[string]bool{"ours": true, "theirs": true}, seen); diff != "" {
			t.Errorf("nobody takes the work of (-want +got):\n%s", diff)
		}

		// A lock does not change it.
		before := try("ours 2")
		for range 4 {
			if now := try("ours 2"); now != before {
				t.Errorf("locked, the work is that of %s, and was that of %s", now, before)
			}
		}
		none, err := user.Prepare(f.shop.Config(t), "", "none", user.Profile{})
		if err != nil {
			t.Fatal(err)
		}
		f.store(t, none, password.Prepared{})
		if kinds[costs(try("none"))] == "" {
			t.Error("a user without a password takes work of another kind")
		}
	})
}
