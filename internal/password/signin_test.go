package password_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/fault"
	"postern/internal/password"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

func (f *fixture) signUp(t testing.TB, loginID, clear string) (*session.Tokens, error) {
	t.Helper()
	return f.SignUp(t.Context(), password.SignUp{Login: f.login(t, loginID, clear), Profile: user.Profile{Name: "Ann"}})
}

// replace is Ann who replaces her password.
func (f *fixture) replace(t testing.TB, old, new string) error {
	t.Helper()
	_, err := f.Replace(t.Context(), password.Replacement{Login: f.login(t, "ann", old), New: secret.New(new)})
	return err
}

// stored is the hash of a user.
func (f *fixture) stored(t testing.TB, u *user.User) (hash string) {
	t.Helper()
	err := f.DB.One(t.Context(), func(row store.Scanner) error { return row.Scan(&hash) },
		`SELECT hash FROM passwords WHERE project = $1 AND user_id = $2`, u.Project, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestSignUpAndIn(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		got, err := f.signUp(t, " Ann@Example.com", "secret 1")
		if err != nil {
			t.Fatal(err)
		}
		if !got.FirstSeen || got.User == nil || got.User.Email != "ann@example.com" || !got.User.Has(user.Password) || got.Session.IsZero() || got.Refresh.IsZero() {
			t.Errorf("signed up as %+v", got)
		}
		if _, err := f.signUp(t, "ann@example.com", "secret 2"); !errors.Is(err, user.ErrExists) {
			t.Errorf("once more: %v", err)
		}
		again, err := f.SignIn(t.Context(), f.login(t, "ANN@example.com ", "secret 1"))
		if err != nil {
			t.Fatal(err)
		}
		if again.FirstSeen || again.User.ID != got.User.ID || again.Claims["amr"] == nil {
			t.Errorf("signed in as %+v", again)
		}
		if err := f.signIn(t, "ann@example.com", "secret 2"); !errors.Is(err, password.ErrWrong) {
			t.Errorf("a wrong password: %v", err)
		}
		if _, err := f.signUp(t, "bob", "abc"); rules(err) != "minLength" {
			t.Errorf("a short password: %v", err)
		}
		if err := f.signIn(t, "bob", "abc"); !errors.Is(err, user.ErrNotFound) {
			t.Errorf("who was refused is there: %v", err)
		}
		if all := strings.Join(allRows(t, db), "\n"); strings.Contains(all, "secret 1") || strings.Contains(f.shop.Logs.String(), "secret 1") {
			t.Error("a password is stored in clear")
		}

		u := *got.User
		u.Status = user.Disabled
		err = f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return user.Save(tx, &u) })
		if err != nil {
			t.Fatal(err)
		}
		if err := f.signIn(t, "ann@example.com", "secret 1"); !errors.Is(err, user.ErrDisabled) {
			t.Errorf("a disabled user: %v", err)
		}
	})
}

// allRows are the rows of the database as text.
func allRows(t testing.TB, db *store.DB) (out []string) {
	t.Helper()
	for _, rows := range testkit.Rows(t, db) {
		out = append(out, rows...)
	}
	return out
}

// A project that takes in only whom it invites lets nobody sign up with a password.
func TestSignUpOfStrangers(t *testing.T) {
	t.Parallel()
	f := setup(t, testkit.Store(t))
	c := *f.shop.Config(t)
	c.Settings.SelfProvisioning = false
	in := f.login(t, "ann", "secret 1")
	in.Session.Config = &c
	if _, err := f.SignUp(t.Context(), password.SignUp{Login: in}); !errors.Is(err, user.ErrNoSignUp) {
		t.Errorf("a stranger: %v", err)
	}
}

// Who signs up with one login id at once is one user, and the others are told.
func TestSignUpsAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		signin.OneWins(t, 8, func(int) error {
			_, err := f.signUp(t, "ann", "secret 1")
			return err
		}, user.ErrExists)
	})
}

// At a sign-in an imported hash becomes one of ours, and one with other costs, too.
// What is imported never signs in with another password.
func TestImportedHashesAreMadeAnew(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		c := f.shop.Config(t)
		u, err := user.Prepare(c, "", "ann", user.Profile{})
		if err != nil {
			t.Fatal(err)
		}
		prepared, err := f.Prepare(t.Context(), c, u, secret.Text{}, &password.Import{Bcrypt: text("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")})
		if err != nil {
			t.Fatal(err)
		}
		f.store(t, u, prepared)
		if err := f.signIn(t, "ann", "u*u"); !errors.Is(err, password.ErrWrong) || !strings.HasPrefix(f.stored(t, u), "$2a$") {
			t.Errorf("a wrong password: %v, stored as %q", err, f.stored(t, u))
		}
		for range 2 {
			if err := f.signIn(t, "ann", "U*U"); err != nil || !strings.HasPrefix(f.stored(t, u), "$argon2id$v=19$m=7168,") {
				t.Errorf("the right one: %v, stored as %q", err, f.stored(t, u))
			}
		}
		was := f.stored(t, u)
		if f.Hasher, err = password.NewHasher(password.Params{Memory: 8 << 10, Passes: 1, Lanes: 1}, 64<<20, 2, 256); err != nil {
			t.Fatal(err)
		}
		if err := f.signIn(t, "ann", "U*U"); err != nil || f.stored(t, u) == was || !strings.Contains(f.stored(t, u), "$m=8192,") {
			t.Errorf("with other costs: %v, stored as %q", err, f.stored(t, u))
		}
		if _, err := f.Prepare(t.Context(), c, u, secret.New("both"), &password.Import{MD5: text("5f4dcc3b5aa765d61d8327deb882cf99")}); !errors.Is(err, password.ErrBoth) {
			t.Errorf("a password and a hash: %v", err)
		}
	})
}

// The key of a Firebase project, which all of its hashes share, is nowhere in clear.
func TestTheKeyOfImportedHashesIsSealed(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		const signer = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
		raw, err := base64.StdEncoding.DecodeString(signer)
		if err != nil {
			t.Fatal(err)
		}
		var all []*user.User
		for _, name := range []string{"ann", "bob"} {
			c := f.shop.Config(t)
			u, err := user.Prepare(c, "", name, user.Profile{})
			if err != nil {
				t.Fatal(err)
			}
			prepared, err := f.Prepare(t.Context(), c, u, secret.Text{}, &password.Import{Firebase: &password.ImportFirebase{
				Hash: "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==", Salt: "42xEC+ixf3L2lw==",
				SaltSeparator: "Bw==", Memory: 14, Rounds: 8, SignerKey: signer,
			}})
			if err != nil {
				t.Fatal(err)
			}
			f.store(t, u, prepared)
			all = append(all, u)
		}
		rows := strings.Join(allRows(t, db), "\n")
		for _, form := range []string{signer[:40], string(raw), hex.EncodeToString(raw)[:40], fmt.Sprintf("%v", raw)[1:40]} {
			if strings.Contains(rows, form) {
				t.Errorf("%q is in the database", form)
			}
		}
		if err := f.set(t, all[0], "user1password"); err != nil { // what is remembered is not asked for here
			t.Fatal(err)
		}
		f.load(t, `"reuse":true,"reuseAmount":2`)
		if err := f.set(t, all[1], "user1password"); rules(err) != "reuse" {
			t.Errorf("the imported one again: %v", err)
		}
		if got := f.answers(t, "bob", "user2password", "user1password"); got[0] != wrong || got[1] != "" {
			t.Errorf("signed in: %q", got)
		}
		if hash := f.stored(t, all[1]); !strings.HasPrefix(hash, "$argon2id$") {
			t.Errorf("stored as %q", hash)
		}
	})
}

// A password signs in until its age is over, and can be replaced after that.
func TestExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		f.person(t, "ann", "first")
		time.Sleep(3 * week) // of the bubble's clock
		if err := f.signIn(t, "ann", "first"); err != nil {
			t.Errorf("before the import: %v", err)
		}
		f.load(t, `"expiration":true,"expirationWeeks":3`)
		if err := f.signIn(t, "ann", "first"); !errors.Is(err, password.ErrExpired) {
			t.Errorf("three weeks old: %v", err)
		}
		if err := f.signIn(t, "ann", "wrong"); !errors.Is(err, password.ErrWrong) {
			t.Errorf("a wrong one does not tell: %v", err)
		}
		if err := f.replace(t, "wrong", "second"); !errors.Is(err, password.ErrWrong) {
			t.Errorf("replaced with a wrong one: %v", err)
		}
		if err := f.replace(t, "first", "first"); rules(err) != "reuse" {
			t.Errorf("replaced by itself: %v", err)
		}
		if err := f.replace(t, "first", "abc"); rules(err) != "minLength" {
			t.Errorf("replaced by one that the policy refuses: %v", err)
		}
		if err := f.replace(t, "first", "second"); err != nil {
			t.Errorf("replaced: %v", err)
		}
		time.Sleep(3*week - time.Second) // of the bubble's clock
		if err := f.signIn(t, "ann", "second"); err != nil {
			t.Errorf("younger than three weeks: %v", err)
		}
		time.Sleep(time.Second) // of the bubble's clock
		if err := f.signIn(t, "ann", "second"); !errors.Is(err, password.ErrExpired) {
			t.Errorf("three weeks old again: %v", err)
		}
	})
}

// What an operator gives for a time, or ends, has to be replaced.
func TestTemporaryAndExpired(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		u := f.person(t, "ann", "first")
		if err := f.Set(t.Context(), signin.Tester(), f.shop.Config(t), u, secret.New("for now"), true); err != nil {
			t.Fatal(err)
		}
		if got := f.answers(t, "ann", "first", "for now"); got[0] != wrong || got[1] != "E062909" {
			t.Errorf("temporary: %q", got)
		}
		if err := f.replace(t, "for now", "second"); err != nil {
			t.Fatal(err)
		}
		if got := f.answers(t, "ann", "for now", "second"); got[0] != wrong || got[1] != "" {
			t.Errorf("replaced: %q", got)
		}
		if err := f.Expire(t.Context(), signin.Tester(), u); err != nil {
			t.Fatal(err)
		}
		if got := f.answers(t, "ann", "second"); got[0] != "E062909" {
			t.Errorf("expired: %q", got)
		}
		if err := f.Expire(t.Context(), signin.Tester(), &user.User{Project: f.shop.ID, ID: "U0"}); !errors.Is(err, password.ErrNone) {
			t.Errorf("of nobody: %v", err)
		}
	})
}

// Two who replace one password at once: one of them does, and the other is told that
// it is not the password any more.
func TestReplacedAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.person(t, "ann", "first")
		signin.OneWins(t, 6, func(i int) error { return f.replace(t, "first", "second "+string(rune('a'+i))) }, password.ErrWrong)
	})
}

// A key of one project never touches the passwords of another one.
func TestProjectsAreApart(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	a, b := setup(t, db), setup(t, db)
	u := a.person(t, "ann", "first")
	b.person(t, "ann", "other")
	if got := b.answers(t, "ann", "first", "other"); got[0] != wrong || got[1] != "" {
		t.Errorf("in the other project: %q", got)
	}
	stranger := *u
	stranger.Project = b.shop.ID
	if err := b.Expire(t.Context(), signin.Tester(), &stranger); fault.From(err) != password.ErrNone {
		t.Errorf("expired over there: %v", err)
	}
	if got := a.answers(t, "ann", "first"); got[0] != "" {
		t.Errorf("in the first project: %q", got)
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	f := setup(t, testkit.Store(t))
	f.load(t, `"minLength":30,"lowercase":true,"uppercase":true,"number":true,"nonAlphanumeric":true,"disallowedCharacters":"-_aA0","enablePasswordStrength":true,"passwordStrengthScore":4`)
	c := f.shop.Config(t)
	for range 20 {
		made, err := f.Generate(t.Context(), c, &user.User{})
		if err != nil || len(made.Reveal()) < 30 || len(password.Check(c.Methods.Password, made, password.Person{})) > 0 {
			t.Fatalf("%q, %v", made.Reveal(), err)
		}
	}
	none := *c
	none.Methods.Password.DisallowedCharacters = "0123456789"
	if _, err := f.Generate(t.Context(), &none, &user.User{}); !errors.Is(err, password.ErrPolicy) {
		t.Errorf("where none can be: %v", err)
	}
}

// BenchmarkSignIn is a whole sign-in with the recommended costs, durable session
// included; at least 95 % of its processor time is to be that of BenchmarkArgon2id.
func BenchmarkSignIn(b *testing.B) {
	f := setup(b, testkit.Store(b))
	var err error
	if f.Hasher, err = password.NewHasher(usual(), 256<<20, runtime.GOMAXPROCS(0), 256); err != nil {
		b.Fatal(err)
	}
	f.person(b, "ann", "correct horse")
	c := f.shop.Config(b)
	b.SetParallelism(8) // eight callers a processor
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			in := password.Login{Session: session.Login{Config: c, Client: client()}, LoginID: "ann", Password: secret.New("correct horse")}
			if _, err := f.SignIn(b.Context(), in); err != nil {
				b.Error(err)
			}
		}
	})
}
