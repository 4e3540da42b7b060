package recovery

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

type fixture struct {
	*Service
	shop   *signin.Project
	user   *user.User
	tokens *session.Tokens
}

// setup makes a project, and a user with a session and the credentials given.
func setup(t testing.TB, db *store.DB, has user.Methods) *fixture {
	t.Helper()
	shop := signin.New(t, db, project.New{Name: "Shop"})
	tokens := shop.SignedIn(t, user.User{LoginIDs: []string{"ann"}, Methods: has})
	return &fixture{&Service{DB: db, Projects: shop.Projects, Sessions: shop.Sessions, Attempts: shop.Limits}, shop, tokens.User, tokens}
}

func (f *fixture) make(t testing.TB) []secret.Text {
	t.Helper()
	list, err := f.Make(t.Context(), signin.Tester(), f.shop.Config(t), f.user)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (f *fixture) show(t testing.TB, loginID, code string) (*session.Tokens, error) {
	t.Helper()
	return f.SignIn(t.Context(), session.Login{Config: f.shop.Config(t)}, loginID, secret.New(code))
}

func (f *fixture) has(t testing.TB) bool {
	t.Helper()
	return f.shop.Find(t, "ann").Has(user.RecoveryCodes)
}

func TestCodesWorkOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, user.TOTP)
		old := f.make(t)
		list := f.make(t)
		if len(list) != 10 || !f.has(t) {
			t.Fatalf("there are %d", len(list))
		}
		for table, rows := range testkit.Rows(t, db) {
			for _, row := range rows {
				if strings.Contains(row, list[0].Reveal()) || strings.Contains(row, strings.ReplaceAll(list[0].Reveal(), "-", "")) {
					t.Errorf("%s has a code: %s", table, row)
				}
			}
		}
		if _, err := f.show(t, "ann", old[0].Reveal()); !errors.Is(err, ErrCode) {
			t.Errorf("a code of those before: %v", err)
		}
		if _, err := f.show(t, "bob", list[0].Reveal()); !errors.Is(err, ErrCode) {
			t.Errorf("a code of nobody: %v", err)
		}
		if _, err := f.show(t, "ann", ""); !errors.Is(err, ErrCode) {
			t.Errorf("no code: %v", err)
		}
		for i, code := range list {
			text := code.Reveal()
			if i%2 == 1 { // as people type it
				text = " " + strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(text, "-", ""), "0", "o"))
			}
			tokens, err := f.show(t, "ann", text)
			if err != nil {
				t.Fatalf("code %d: %v", i, err)
			}
			if diff := cmp.Diff([]string{AMR}, tokens.Claims["amr"]); diff != "" || tokens.User.ID != f.user.ID {
				t.Errorf("amr (-want +got):\n%s", diff)
			}
			if _, err := f.show(t, "ann", text); !errors.Is(err, ErrCode) {
				t.Errorf("code %d again: %v", i, err)
			}
			if f.has(t) != (i < len(list)-1) {
				t.Errorf("after code %d the user has codes: %v", i, f.has(t))
			}
		}
	})
}

func TestRaceForOneCode(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, user.Passkey)
		code := f.make(t)[0].Reveal()
		signin.OneWins(t, 50, func(int) error {
			_, err := f.show(t, "ann", code)
			return err
		}, ErrCode, limit.ErrExceeded)
	})
}

func TestFurtherFactorAndLimits(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, user.TOTP)
		list := f.make(t)
		more, err := f.SignIn(t.Context(), session.Login{Config: f.shop.Config(t), Current: f.tokens.Refresh, Options: session.Options{MFA: true}}, "ann", list[0])
		if err != nil || more.ID != f.tokens.ID {
			t.Fatalf("a further factor: %v", err)
		}
		for range tries.Here {
			if _, err := f.show(t, "ann", "0000-0000-0000-0000"); !errors.Is(err, ErrCode) {
				t.Fatal(err)
			}
		}
		if _, err := f.show(t, "ann", list[1].Reveal()); !errors.Is(err, limit.ErrExceeded) {
			t.Errorf("one more try: %v", err)
		}
	})
}

func TestWhoHasCodes(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, user.TOTP)
		list := f.make(t)
		if err := f.Delete(t.Context(), signin.Tester(), f.shop.ID, f.user.ID); err != nil || f.has(t) {
			t.Errorf("deleting them: %v", err)
		}
		if _, err := f.show(t, "ann", list[0].Reveal()); !errors.Is(err, ErrCode) {
			t.Errorf("a deleted code: %v", err)
		}
		if err := f.Delete(t.Context(), signin.Tester(), f.shop.ID, "Unobody"); !errors.Is(err, user.ErrNotFound) {
			t.Errorf("deleting those of nobody: %v", err)
		}
		bare := *f.user
		bare.Methods = user.Password
		if _, err := f.Make(t.Context(), signin.Tester(), f.shop.Config(t), &bare); !errors.Is(err, ErrNoFactor) {
			t.Errorf("codes without an authenticator: %v", err)
		}
		f.shop.Import(t, map[string]string{"auth/totp.json": `{"enabled":false}`, "auth/webauthn.json": `{"enabled":false}`})
		_, err1 := f.Make(t.Context(), signin.Tester(), f.shop.Config(t), f.user)
		_, err2 := f.show(t, "ann", list[1].Reveal())
		if !errors.Is(err1, project.ErrMethodOff) || !errors.Is(err2, project.ErrMethodOff) {
			t.Errorf("where there are no authenticators: %v, %v", err1, err2)
		}
	})
}
