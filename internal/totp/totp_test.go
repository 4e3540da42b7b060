package totp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

// as is a user who is signed in.
func as(u *user.User) *session.Current {
	return &session.Current{User: u, Session: &session.Session{}}
}

// fixture is a project that takes authenticator apps.
type fixture struct {
	*Service
	shop *signin.Project
}

func setup(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	shop := signin.New(t, db, project.New{Name: "Shop: Test"})
	f := &fixture{&Service{DB: db, Projects: shop.Projects, Sessions: shop.Sessions, Attempts: shop.Limits}, shop}
	shop.Projects.Effects = []project.Effects{f.Effects()}
	f.configure(t, `{"projectSelfProvisioning":true}`, `{"enabled":true}`)
	return f
}

func files(settings, totp string) map[string]string {
	return map[string]string{"project.json": settings, "auth/totp.json": totp}
}

func (f *fixture) configure(t testing.TB, settings, totp string) {
	t.Helper()
	f.shop.Import(t, files(settings, totp))
}

// signUp signs somebody up and returns what the app makes codes of.
func (f *fixture) signUp(t testing.TB, loginID string) []byte {
	t.Helper()
	e, err := f.SignUp(t.Context(), f.shop.Config(t), "", loginID, user.Profile{Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	return bytesOf(t, e)
}

func bytesOf(t testing.TB, e *Enrolment) []byte {
	t.Helper()
	key, err := keyOf(e.Key)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// show signs in with a code.
func (f *fixture) show(t testing.TB, loginID, code string) (u *user.User, firstSeen bool, err error) {
	t.Helper()
	tokens, err := f.Verify(t.Context(), Verification{Login: session.Login{Config: f.shop.Config(t)}, LoginID: loginID, Code: secret.New(code)})
	if err != nil {
		return nil, false, err
	}
	return tokens.User, tokens.FirstSeen, nil
}

// shown is a code of now, or some steps later.
func shown(key []byte, later int64) string { return code(key, step(time.Now())+later) }

// two are a code of now and the next one. Both are taken for half a minute, so a step that
// ends while a test runs refuses neither.
func two(key []byte) (now, next string) {
	at := step(time.Now())
	return code(key, at), code(key, at+1)
}

func TestSignUp(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		stale := f.signUp(t, "Ann@shop.example")
		now, next := two(f.signUp(t, "ann@shop.example"))
		if _, err := (&user.Service{DB: db}).Find(t.Context(), f.shop.ID, "", "ann@shop.example"); !errors.Is(err, user.ErrNotFound) {
			t.Errorf("before the first code there is a user: %v", err)
		}
		if _, _, err := f.show(t, "ann@shop.example", shown(stale, 0)); !errors.Is(err, ErrCode) {
			t.Errorf("a code of the sign-up that another replaced: %v", err)
		}
		u, first, err := f.show(t, "ANN@shop.example", now)
		if err != nil || !first || u.Name != "Ann" || u.Email != "ann@shop.example" || u.VerifiedEmail || !u.Has(user.TOTP) {
			t.Fatalf("the first code gives %+v, %v, %v", u, first, err)
		}
		if got := f.shop.Find(t, "ann@shop.example"); got.ID != u.ID || !got.Has(user.TOTP) {
			t.Errorf("stored is %+v", got)
		}
		if _, _, err := f.show(t, "ann@shop.example", now); !errors.Is(err, ErrCode) {
			t.Errorf("the first code again: %v", err)
		}
		if again, first, err := f.show(t, "ann@shop.example", next); err != nil || first || again.ID != u.ID {
			t.Errorf("the next code gives %+v, %v, %v", again, first, err)
		}
		if _, err := f.SignUp(t.Context(), f.shop.Config(t), "", "ann@shop.example", user.Profile{}); !errors.Is(err, user.ErrExists) {
			t.Errorf("signing up again: %v", err)
		}
		if _, _, err := f.show(t, "nobody", "123456"); !errors.Is(err, ErrCode) {
			t.Errorf("a code of nobody: %v", err)
		}
	})
}

// What is never confirmed is forgotten, with its seed.
func TestSignUpExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		if _, err := f.Sessions.Keys.Ring(t.Context(), f.shop.ID); err != nil { // it is there before the picture
			t.Fatal(err)
		}
		before := testkit.Rows(t, f.DB)
		key := f.signUp(t, "ann")
		time.Sleep(confirmWithin)
		if _, _, err := f.show(t, "ann", shown(key, 0)); !errors.Is(err, ErrCode) {
			t.Errorf("after an hour: %v", err)
		}
		if n, err := f.Expire(t.Context()); n != 1 || err != nil {
			t.Errorf("Expire = %d, %v", n, err)
		}
		if n, err := f.Expire(t.Context()); n != 0 || err != nil {
			t.Errorf("Expire again = %d, %v", n, err)
		}
		after := testkit.Rows(t, f.DB)
		for _, table := range []string{"totp_signups", "kept_secrets", "users"} {
			if diff := cmp.Diff(before[table], after[table]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", table, diff)
			}
		}
	})
}

// begun is somebody with a seed who is about to replace it: the next code of the one before,
// and the first two of the new one.
func (f *fixture) begun(t *testing.T, loginID string) (u *user.User, old, now, next string) {
	t.Helper()
	first, old := two(f.signUp(t, loginID))
	u, _, err := f.show(t, loginID, first)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the last one counts
		e, err := f.Update(t.Context(), f.shop.Config(t), as(u))
		if err != nil {
			t.Fatal(err)
		}
		now, next = two(bytesOf(t, e))
	}
	return u, old, now, next
}

func TestUpdateReplacesTheSeedWithItsFirstCode(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		_, old, now, next := f.begun(t, "ann")
		if _, _, err := f.show(t, "ann", old); err != nil {
			t.Errorf("the old seed before the first code of the new one: %v", err)
		}
		if _, _, err := f.show(t, "ann", now); err != nil {
			t.Errorf("the first code of the new seed: %v", err)
		}
		if _, _, err := f.show(t, "ann", now); !errors.Is(err, ErrCode) {
			t.Errorf("the same code again: %v", err)
		}
		if _, _, err := f.show(t, "ann", next); err != nil {
			t.Errorf("the next code of the new seed: %v", err)
		}
	})
}

func TestWhatReplacedAndDeletedSeedsAreWorth(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		u, old, now, next := f.begun(t, "ann")
		if _, _, err := f.show(t, "ann", now); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.show(t, "ann", old); !errors.Is(err, ErrCode) {
			t.Errorf("the old seed afterwards: %v", err)
		}
		if err := f.Delete(t.Context(), signin.Tester(), f.shop.ID, u.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.show(t, "ann", next); !errors.Is(err, ErrCode) || f.shop.Find(t, "ann").Has(user.TOTP) {
			t.Errorf("after the seed was deleted: %v", err)
		}
		if err := f.Delete(t.Context(), signin.Tester(), f.shop.ID, "Unobody"); !errors.Is(err, user.ErrNotFound) {
			t.Errorf("deleting the seed of nobody: %v", err)
		}
	})
}

func TestImportedSeedCounts(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		u := &user.User{Project: f.shop.ID, LoginIDs: []string{"ann"}}
		bring := func(seed string) error {
			return db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				if u.ID == "" {
					if err := user.Create(tx, u); err != nil {
						return err
					}
				}
				return f.Import(tx, f.shop.ID, u.ID, secret.New(seed))
			})
		}
		if err := bring("not base32!"); !errors.Is(err, ErrSeed) {
			t.Errorf("a seed that is none: %v", err)
		}
		u.ID = ""
		if err := bring("jbsw y3dp ehpk 3pxp"); err != nil {
			t.Fatal(err)
		}
		key, err := keyOf(secret.New("JBSWY3DPEHPK3PXP"))
		if err != nil {
			t.Fatal(err)
		}
		if got, first, err := f.show(t, "ann", shown(key, 0)); err != nil || first || got.ID != u.ID || !got.Has(user.TOTP) {
			t.Errorf("a code of an imported seed: %+v, %v, %v", got, first, err)
		}
	})
}

// A seed opens in its project and for its user only.
func TestAnotherProjectTakesNoCodeOfThisOne(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		now, next := two(f.signUp(t, "ann"))
		if _, _, err := f.show(t, "ann", now); err != nil {
			t.Fatal(err)
		}
		mine := f.shop
		f.shop = mine.Beside(t, project.New{Name: "Other"})
		f.configure(t, `{"projectSelfProvisioning":true}`, `{"enabled":true}`)
		if _, _, err := f.show(t, "ann", next); !errors.Is(err, ErrCode) {
			t.Errorf("a code of another project: %v", err)
		}
		f.shop = mine
		if _, _, err := f.show(t, "ann", next); err != nil {
			t.Errorf("a code of this project: %v", err)
		}
	})
}
