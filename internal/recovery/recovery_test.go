package recovery

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/key"
	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

var tester = audit.Origin{Actor: "Ktester"}

type fixture struct {
	*Service
	id     string
	user   *user.User
	tokens *session.Tokens
}

// setup makes a project, and a user with a session and the credentials given.
func setup(t testing.TB, db *store.DB, has user.Methods) *fixture {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	projects := &project.Service{DB: db, Master: master}
	f := &fixture{Service: &Service{
		DB: db, Projects: projects, Attempts: &limit.Service{DB: db},
		Sessions: &session.Service{DB: db, Projects: projects, Keys: &key.Service{DB: db, Projects: projects}},
	}}
	p, err := projects.Create(t.Context(), tester, project.New{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	f.id = p.ID
	f.tokens, err = f.Sessions.SignIn(t.Context(), session.Login{Config: f.config(t), Method: session.AMREmail, Prove: func(tx *store.Tx) (*user.User, bool, error) {
		u := &user.User{Project: f.id, LoginIDs: []string{"ann"}, Methods: has}
		return u, true, user.Create(tx, u)
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.user = f.tokens.User
	return f
}

func (f *fixture) config(t testing.TB) *project.Config {
	t.Helper()
	c, err := f.Projects.Config(t.Context(), f.id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (f *fixture) make(t testing.TB) []secret.Text {
	t.Helper()
	list, err := f.Make(t.Context(), tester, f.config(t), f.user)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (f *fixture) show(t testing.TB, loginID, code string) (*session.Tokens, error) {
	t.Helper()
	return f.SignIn(t.Context(), session.Login{Config: f.config(t)}, loginID, secret.New(code))
}

func (f *fixture) has(t testing.TB) bool {
	t.Helper()
	u, err := (&user.Service{DB: f.DB}).Load(t.Context(), f.id, f.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	return u.Has(user.RecoveryCodes)
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
		var in atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				_, err := f.show(t, "ann", code)
				if err == nil {
					in.Add(1)
				} else if !errors.Is(err, ErrCode) && !errors.Is(err, limit.ErrExceeded) {
					t.Errorf("an error: %v", err)
				}
			})
		}
		all.Wait()
		if in.Load() != 1 {
			t.Errorf("%d got in", in.Load())
		}
	})
}

func TestFurtherFactorAndLimits(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, user.TOTP)
		list := f.make(t)
		more, err := f.SignIn(t.Context(), session.Login{Config: f.config(t), Current: f.tokens.Refresh, Options: session.Options{MFA: true}}, "ann", list[0])
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
		if err := f.Delete(t.Context(), tester, f.id, f.user.ID); err != nil || f.has(t) {
			t.Errorf("deleting them: %v", err)
		}
		if _, err := f.show(t, "ann", list[0].Reveal()); !errors.Is(err, ErrCode) {
			t.Errorf("a deleted code: %v", err)
		}
		if err := f.Delete(t.Context(), tester, f.id, "Unobody"); !errors.Is(err, user.ErrNotFound) {
			t.Errorf("deleting those of nobody: %v", err)
		}
		bare := *f.user
		bare.Methods = user.Password
		if _, err := f.Make(t.Context(), tester, f.config(t), &bare); !errors.Is(err, ErrNoFactor) {
			t.Errorf("codes without an authenticator: %v", err)
		}
		_, err := f.Projects.Import(t.Context(), tester, project.Import{Project: f.id, Upload: &snapshot.Upload{Files: snapshot.Files{
			"snapshot.json": []byte(`{"version":5}`), "auth/totp.json": []byte(`{"enabled":false}`), "auth/webauthn.json": []byte(`{"enabled":false}`),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err1 := f.Make(t.Context(), tester, f.config(t), f.user)
		_, err2 := f.show(t, "ann", list[1].Reveal())
		if !errors.Is(err1, project.ErrMethodOff) || !errors.Is(err2, project.ErrMethodOff) {
			t.Errorf("where there are no authenticators: %v, %v", err1, err2)
		}
	})
}
