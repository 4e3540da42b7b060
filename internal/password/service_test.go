package password_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

// client is who signs in.
func client() session.Client { return session.Client{Address: "192.0.2.9", UserAgent: "test"} }

// fixture is a project with an empty policy.
type fixture struct {
	*password.Service
	shop *signin.Project
}

func setup(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	shop := signin.New(t, db, project.New{Name: "Test"})
	f := &fixture{&password.Service{
		DB: db, Projects: shop.Projects, Hasher: hasher(t), Sessions: shop.Sessions, Limits: shop.Limits, Challenges: shop.Challenges, Log: shop.Log,
	}, shop}
	shop.Projects.Effects = []project.Effects{f.Effects()}
	f.load(t, ``)
	return f
}

// lax is a policy that asks for nothing.
const lax = `"enabled":true,"minLength":4,"lowercase":false,"uppercase":false,"anyLetter":false,"number":false,"nonAlphanumeric":false,` +
	`"disallowedCharacters":"","disallowEmailMatch":false,"enablePasswordStrength":false,"reuse":false,"expiration":false,"lock":false,` +
	`"tempLock":false,"maskError":false`

// files are those of a project with a lax policy, but for what policy says.
func files(policy string) map[string]string {
	members := map[string]jsontext.Value{}
	for _, text := range []string{lax, policy} {
		if err := json.Unmarshal([]byte("{"+text+"}"), &members); err != nil {
			panic(err)
		}
	}
	file, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return map[string]string{"project.json": `{"trustedDomains":"shop.example"}`, "auth/password.json": string(file)}
}

// load imports a policy.
func (f *fixture) load(t testing.TB, policy string) {
	t.Helper()
	f.shop.Import(t, files(policy))
}

// person makes a user with a password.
func (f *fixture) person(t testing.TB, loginID, clear string) *user.User {
	t.Helper()
	c := f.shop.Config(t)
	u, err := user.Prepare(c, "", loginID, user.Profile{Name: "Ann Smith"})
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := f.Prepare(t.Context(), c, u, secret.New(clear), nil)
	if err != nil {
		t.Fatal(err)
	}
	f.store(t, u, prepared)
	return u
}

func (f *fixture) store(t testing.TB, u *user.User, prepared password.Prepared) {
	t.Helper()
	err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if err := user.Create(tx, u); err != nil {
			return err
		}
		return prepared.Store(tx, u.Project, u.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) login(t testing.TB, loginID, clear string) password.Login {
	t.Helper()
	return password.Login{Session: session.Login{Config: f.shop.Config(t), Client: client()}, LoginID: loginID, Password: secret.New(clear)}
}

func (f *fixture) signIn(t testing.TB, loginID, clear string) error {
	t.Helper()
	_, err := f.SignIn(t.Context(), f.login(t, loginID, clear))
	return err
}

// answers are the codes of what sign-ins with passwords are told, one after the
// other; "" is a session.
func (f *fixture) answers(t testing.TB, loginID string, clear ...string) []string {
	t.Helper()
	var out []string
	for _, c := range clear {
		code := ""
		if err := f.signIn(t, loginID, c); err != nil {
			code = fault.From(err).Code
		}
		out = append(out, code)
	}
	return out
}

func (f *fixture) set(t testing.TB, u *user.User, clear string) error {
	t.Helper()
	return f.Set(t.Context(), signin.Tester(), f.shop.Config(t), u, secret.New(clear), false)
}

// rules are those that an error names.
func rules(err error) string {
	list, _ := fault.From(err).Details.([]password.Violation)
	var out []string
	for _, v := range list {
		out = append(out, v.Rule)
	}
	return strings.Join(out, " ")
}

// Every part of the policy is obeyed from the import on that brings it, and before
// it not.
func TestAnImportChangesWhatAPasswordMustBeLike(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		u := f.person(t, "ann@example.com", "first")
		for i, tt := range []struct{ policy, password, rule string }{
			{`"minLength":9`, "12345678", "minLength"},
			{`"lowercase":true`, "PASSWORD", "lowercase"},
			{`"uppercase":true`, "password", "uppercase"},
			{`"anyLetter":true`, "12345678", "anyLetter"},
			{`"number":true`, "password", "number"},
			{`"nonAlphanumeric":true`, "password1", "nonAlphanumeric"},
			{`"disallowedCharacters":"\"'"`, `pass"word`, "disallowedCharacters"},
			{`"disallowEmailMatch":true`, "ann@example.com", "disallowEmailMatch"},
			{`"disallowEmailMatch":true`, "ANN", "minLength disallowEmailMatch"},
			{`"enablePasswordStrength":true,"passwordStrengthScore":3`, "Password1!", "passwordStrengthScore"},
			{`"reuse":true,"reuseAmount":1`, fmt.Sprint("used ", 10), "reuse"},
		} {
			f.load(t, ``)
			if tt.rule == "reuse" {
				if err := f.set(t, u, tt.password); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.set(t, u, tt.password); err != nil && len(tt.password) > 3 {
				t.Errorf("%d %s: %q was refused before the import: %v", i, tt.policy, tt.password, err)
			}
			f.load(t, tt.policy)
			err := f.set(t, u, tt.password)
			if !errors.Is(err, password.ErrPolicy) || rules(err) != tt.rule {
				t.Errorf("%d %s: %q: %v, rules %q, want %q", i, tt.policy, tt.password, err, rules(err), tt.rule)
			}
		}
		f.load(t, `"enabled":false`)
		if err := f.Update(t.Context(), signin.Tester(), f.shop.Config(t), &session.Current{User: u, Session: &session.Session{}}, secret.New("another one")); !errors.Is(err, project.ErrMethodOff) {
			t.Errorf("switched off, Update says %v", err)
		}
		if err := f.signIn(t, "ann@example.com", "used 10"); !errors.Is(err, project.ErrMethodOff) {
			t.Errorf("switched off, SignIn says %v", err)
		}
	})
}

// As many former passwords are refused as the policy says, the one in use among
// them.
func TestFormerPasswords(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.load(t, `"reuse":true,"reuseAmount":3`)
		u := f.person(t, "ann", "pass 0")
		for i := 1; i < 5; i++ {
			if err := f.set(t, u, fmt.Sprint("pass ", i)); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []string{"", "", "reuse", "reuse", "reuse"} {
			f := f
			if want == "" {
				continue // setting it would change what is remembered
			}
			if err := f.set(t, u, fmt.Sprint("pass ", i)); rules(err) != want {
				t.Errorf("pass %d: %v, want %q", i, err, want)
			}
		}
		if err := f.set(t, u, "pass 1"); err != nil {
			t.Errorf("the fourth last: %v", err)
		}
		f.load(t, `"reuse":false`)
		if err := f.set(t, u, "pass 1"); err != nil {
			t.Errorf("where any may come back: %v", err)
		}
	})
}
