package totp

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/limit"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

// A code is a further factor of the session that its user has, and of no other one.
func TestFurtherFactor(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		cfg := f.shop.Config(t)
		now, next := two(f.signUp(t, "ann"))
		others, othersNext := two(f.signUp(t, "bob"))
		if _, _, err := f.show(t, "bob", others); err != nil {
			t.Fatal(err)
		}
		first, err := f.Verify(t.Context(), Verification{Login: session.Login{Config: cfg}, LoginID: "ann", Code: secret.New(now)})
		if err != nil {
			t.Fatal(err)
		}
		further := session.Login{Config: cfg, Options: session.Options{MFA: true}}
		if _, err := f.Verify(t.Context(), Verification{Login: further, LoginID: "ann", Code: secret.New(next)}); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("without a session: %v", err)
		}
		further.Current = first.Refresh
		if _, err := f.Verify(t.Context(), Verification{Login: further, LoginID: "bob", Code: secret.New(othersNext)}); !errors.Is(err, session.ErrOtherUser) {
			t.Errorf("the code of another user: %v", err)
		}
		mailed := f.mailed(t, first.User)
		further.Current = mailed.Refresh
		got, err := f.Verify(t.Context(), Verification{Login: further, LoginID: "ann", Code: secret.New(next)})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{session.AMREmail, session.AMRTOTP, session.AMRMFA}, got.Claims["amr"]); diff != "" {
			t.Errorf("amr (-want +got):\n%s", diff)
		}
		if got.ID != mailed.ID {
			t.Error("it is another session")
		}
	})
}

// A second code of the app that began the session proves nothing further.
func TestFactorTwice(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		now, next := two(f.signUp(t, "ann"))
		in := Verification{Login: session.Login{Config: f.shop.Config(t)}, LoginID: "ann", Code: secret.New(now)}
		first, err := f.Verify(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		in.Login.Options, in.Login.Current, in.Code = session.Options{MFA: true}, first.Refresh, secret.New(next)
		got, err := f.Verify(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{session.AMRTOTP}, got.Claims["amr"]); diff != "" || got.ID != first.ID {
			t.Errorf("session %v, amr (-want +got):\n%s", got.ID == first.ID, diff)
		}
	})
}

// mailed is a session of a user that a code in a mail began.
func (f *fixture) mailed(t *testing.T, u *user.User) *session.Tokens {
	t.Helper()
	tokens, err := f.Sessions.SignIn(t.Context(), session.Login{
		Config: f.shop.Config(t), Method: session.AMREmail,
		Prove: func(tx *store.Tx) (*user.User, bool, error) {
			u, err := user.Load(tx, u.Project, u.ID)
			return u, false, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// Of fifty who show one code at once, one gets in.
func TestRaceForOneCode(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		now, next := two(f.signUp(t, "ann"))
		if _, _, err := f.show(t, "ann", now); err != nil {
			t.Fatal(err)
		}
		signin.OneWins(t, 50, func(int) error {
			_, _, err := f.show(t, "ann", next)
			return err
		}, ErrCode, limit.ErrExceeded)
	})
}

func TestTriesAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		key := f.signUp(t, "ann")
		if _, _, err := f.show(t, "ann", shown(key, 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wrong := code(append([]byte("x"), key...), 1)
		for _, who := range []string{"ann", "nobody"} {
			for range fewTries.Here {
				if _, _, err := f.show(t, who, wrong); !errors.Is(err, ErrCode) {
					t.Fatalf("a wrong code of %s: %v", who, err)
				}
			}
			if _, _, err := f.show(t, who, shown(key, 0)); !errors.Is(err, limit.ErrExceeded) {
				t.Errorf("one more try of %s: %v", who, err)
			}
		}
		time.Sleep(fewTries.Within)
		if _, _, err := f.show(t, "ann", shown(key, 0)); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		for range fewTries.Here - 1 {
			_, _, _ = f.show(t, "ann", wrong)
		}
		if _, _, err := f.show(t, "ann", shown(key, 1)); err != nil {
			t.Errorf("a right code forgets the wrong ones: %v", err)
		}
	})
}

// Where the new seed cannot be kept nobody is signed in by its code, and what is told is what
// went wrong, by which the database knows whether to run it again.
func TestSeedThatCannotBeKept(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		_, old, now, _ := f.begun(t, "ann")
		testkit.FailOn(t, db, "kept_secrets", "INSERT")
		if _, _, err := f.show(t, "ann", now); err == nil || !strings.Contains(err.Error(), "planted") {
			t.Errorf("the first code of a seed that cannot be kept: %v", err)
		}
		if _, _, err := f.show(t, "ann", old); err != nil {
			t.Errorf("the seed before: %v", err)
		}
	})
}
