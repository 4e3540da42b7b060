package totp

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
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

// The vectors of RFC 6238 appendix B have eight digits, of which ours are the last six.
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := code(key, step(time.Unix(at, 0))); got != want[2:] {
			t.Errorf("at %d the code is %s, want %s", at, got, want[2:])
		}
	}
}

func TestOneStepOfDrift(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	now := time.Unix(1234567890, 0)
	for _, tt := range []struct {
		name  string
		steps int64
		after int64 // relative to the step of now
		ok    bool
	}{
		{"this step", 0, -100, true},
		{"the step before", -1, -100, true},
		{"the next step", 1, -100, true},
		{"two steps before", -2, -100, false},
		{"in two steps", 2, -100, false},
		{"this step, which was taken", 0, 0, false},
		{"the step before the one that was taken", -1, 0, false},
		{"the next step after this one was taken", 1, 0, true},
	} {
		at, ok := match(key, code(key, step(now)+tt.steps), now, step(now)+tt.after)
		if ok != tt.ok || ok && at != step(now)+tt.steps {
			t.Errorf("%s: %d, %v, want %v", tt.name, at-step(now), ok, tt.ok)
		}
	}
	if _, ok := clean("12345"); ok {
		t.Error("five digits are a code")
	}
	if got, ok := clean(" 123 456 "); !ok || got != "123456" {
		t.Errorf("a code in two groups is %q, %v", got, ok)
	}
	if _, ok := clean("12345６"); ok {
		t.Error("a wide digit is taken")
	}
}

func TestSeeds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		seed string
		want string // in hex; empty for none
	}{
		"as we write it":        {"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "48656c6c6f21deadbeef48656c6c6f21deadbeef"},
		"in groups, lower case": {"jbsw y3dp ehpk 3pxp", "48656c6c6f21deadbeef"},
		"with padding":          {"JBSWY3DPEHPK3PXPAA======", "48656c6c6f21deadbeef00"},
		"too short":             {"JBSWY3DP", ""},
		"none":                  {"", ""},
		"another alphabet":      {"JBSWY3DPEHPK3PX1", ""},
		"too long":              {strings.Repeat("A", 200), ""},
	} {
		key, err := keyOf(secret.New(tt.seed))
		if hex.EncodeToString(key) != tt.want || (err == nil) == (tt.want == "") {
			t.Errorf("%s: %x, %v, want %s", name, key, err, tt.want)
		}
		if err != nil && !errors.Is(err, ErrSeed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

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

func TestSignUp(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		stale := f.signUp(t, "Ann@shop.example")
		key := f.signUp(t, "ann@shop.example")
		if _, err := (&user.Service{DB: db}).Find(t.Context(), f.shop.ID, "", "ann@shop.example"); !errors.Is(err, user.ErrNotFound) {
			t.Errorf("before the first code there is a user: %v", err)
		}
		if _, _, err := f.show(t, "ann@shop.example", shown(stale, 0)); !errors.Is(err, ErrCode) {
			t.Errorf("a code of the sign-up that another replaced: %v", err)
		}
		u, first, err := f.show(t, "ANN@shop.example", shown(key, 0))
		if err != nil || !first || u.Name != "Ann" || u.Email != "ann@shop.example" || u.VerifiedEmail || !u.Has(user.TOTP) {
			t.Fatalf("the first code gives %+v, %v, %v", u, first, err)
		}
		if got := f.shop.Find(t, "ann@shop.example"); got.ID != u.ID || !got.Has(user.TOTP) {
			t.Errorf("stored is %+v", got)
		}
		if _, _, err := f.show(t, "ann@shop.example", shown(key, 0)); !errors.Is(err, ErrCode) {
			t.Errorf("the first code again: %v", err)
		}
		if again, first, err := f.show(t, "ann@shop.example", shown(key, 1)); err != nil || first || again.ID != u.ID {
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

func TestUpdateReplacesTheSeedWithItsFirstCode(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		old := f.signUp(t, "ann")
		u, _, err := f.show(t, "ann", shown(old, -1))
		if err != nil {
			t.Fatal(err)
		}
		update := func() []byte {
			e, err := f.Update(t.Context(), f.shop.Config(t), as(u))
			if err != nil {
				t.Fatal(err)
			}
			return bytesOf(t, e)
		}
		update()
		next := update()
		if _, _, err := f.show(t, "ann", shown(old, 0)); err != nil {
			t.Errorf("the old seed before the first code of the new one: %v", err)
		}
		if _, _, err := f.show(t, "ann", shown(next, -1)); err != nil {
			t.Errorf("the first code of the new seed: %v", err)
		}
		if _, _, err := f.show(t, "ann", shown(next, -1)); !errors.Is(err, ErrCode) {
			t.Errorf("the same code again: %v", err)
		}
		if _, _, err := f.show(t, "ann", shown(next, 0)); err != nil {
			t.Errorf("the next code of the new seed: %v", err)
		}
		if _, _, err := f.show(t, "ann", shown(old, 1)); !errors.Is(err, ErrCode) {
			t.Errorf("the old seed afterwards: %v", err)
		}
		if err := f.Delete(t.Context(), signin.Tester(), f.shop.ID, u.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.show(t, "ann", shown(next, 1)); !errors.Is(err, ErrCode) || f.shop.Find(t, "ann").Has(user.TOTP) {
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

// A code is a further factor of the session that its user has, and of no other one.
func TestFurtherFactor(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		cfg := f.shop.Config(t)
		key, other := f.signUp(t, "ann"), f.signUp(t, "bob")
		if _, _, err := f.show(t, "bob", shown(other, 0)); err != nil {
			t.Fatal(err)
		}
		first, err := f.Verify(t.Context(), Verification{Login: session.Login{Config: cfg}, LoginID: "ann", Code: secret.New(shown(key, -1))})
		if err != nil {
			t.Fatal(err)
		}
		further := session.Login{Config: cfg, Options: session.Options{MFA: true}}
		if _, err := f.Verify(t.Context(), Verification{Login: further, LoginID: "ann", Code: secret.New(shown(key, 0))}); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("without a session: %v", err)
		}
		further.Current = first.Refresh
		if _, err := f.Verify(t.Context(), Verification{Login: further, LoginID: "bob", Code: secret.New(shown(other, 1))}); !errors.Is(err, session.ErrOtherUser) {
			t.Errorf("the code of another user: %v", err)
		}
		got, err := f.Verify(t.Context(), Verification{Login: further, LoginID: "ann", Code: secret.New(shown(key, 0))})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{session.AMRTOTP, session.AMRMFA}, got.Claims["amr"]); diff != "" {
			t.Errorf("amr (-want +got):\n%s", diff)
		}
		if got.ID != first.ID {
			t.Error("it is another session")
		}
	})
}

// Of fifty who show one code at once, one gets in.
func TestRaceForOneCode(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		key := f.signUp(t, "ann")
		if _, _, err := f.show(t, "ann", shown(key, -1)); err != nil {
			t.Fatal(err)
		}
		now := shown(key, 0)
		signin.OneWins(t, 50, func(int) error {
			_, _, err := f.show(t, "ann", now)
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

// A seed opens in its project and for its user only.
func TestAnotherProjectTakesNoCodeOfThisOne(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		key := f.signUp(t, "ann")
		if _, _, err := f.show(t, "ann", shown(key, -1)); err != nil {
			t.Fatal(err)
		}
		mine := f.shop
		f.shop = mine.Beside(t, project.New{Name: "Other"})
		f.configure(t, `{"projectSelfProvisioning":true}`, `{"enabled":true}`)
		if _, _, err := f.show(t, "ann", shown(key, 0)); !errors.Is(err, ErrCode) {
			t.Errorf("a code of another project: %v", err)
		}
		f.shop = mine
		if _, _, err := f.show(t, "ann", shown(key, 0)); err != nil {
			t.Errorf("a code of this project: %v", err)
		}
	})
}

func TestSettingsDecide(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		key := f.signUp(t, "ann")
		u, _, err := f.show(t, "ann", shown(key, -1))
		if err != nil {
			t.Fatal(err)
		}
		f.configure(t, `{"projectSelfProvisioning":false}`, `{"enabled":true}`)
		if _, err := f.SignUp(t.Context(), f.shop.Config(t), "", "bob", user.Profile{}); !errors.Is(err, user.ErrNoSignUp) {
			t.Errorf("a stranger where none may sign up: %v", err)
		}
		if _, err := f.Update(t.Context(), f.shop.Config(t), as(u)); err != nil {
			t.Errorf("a user where no stranger may sign up: %v", err)
		}
		if diff := cmp.Diff([]string{"enabled: 1 user has an authenticator app that would not be taken any more; for 1 it is the only way in. (" + EffectOff + ", 1)"}, f.shop.Effects(t, files(`{"projectSelfProvisioning":true}`, `{"enabled":false}`))); diff != "" {
			t.Errorf("the plan says (-want +got):\n%s", diff)
		}
		f.configure(t, `{"projectSelfProvisioning":true}`, `{"enabled":false}`)
		_, err1 := f.SignUp(t.Context(), f.shop.Config(t), "", "bob", user.Profile{})
		_, err2 := f.Update(t.Context(), f.shop.Config(t), as(u))
		_, _, err3 := f.show(t, "ann", shown(key, 0))
		for what, err := range map[string]error{"signing up": err1, "updating": err2, "a code": err3} {
			if !errors.Is(err, project.ErrMethodOff) {
				t.Errorf("%s where the method is off: %v", what, err)
			}
		}
	})
}

func TestEnrolment(t *testing.T) {
	t.Parallel()
	f := setup(t, testkit.Store(t))
	for name, tt := range map[string]struct{ template, issuer, label string }{
		"no template":            {"", "Shop Test", "/Shop Test:ann@shop.example"},
		"a template":             {"Shop for {{user.email}} of {{projectName}}", "Shop for ann@shop.example of Shop Test", "/Shop for ann@shop.example of Shop Test:ann@shop.example"},
		"a colon and a line":     {"Shop:\nLondon", "Shop London", "/Shop London:ann@shop.example"},
		"a template of nothing":  {"{{user.middleName}}", "Shop Test", "/Shop Test:ann@shop.example"},
		"what would be a query":  {"a&secret=b", "a&secret=b", "/a&secret=b:ann@shop.example"},
		"longer than apps show":  {strings.Repeat("ä", 100), strings.Repeat("ä", 60), "/" + strings.Repeat("ä", 60) + ":ann@shop.example"},
		"a template in a value?": {"{{user.name}}", "{{user.phone}}", "/{{user.phone}}:ann@shop.example"},
	} {
		settings, err := json.Marshal(tt.template)
		if err != nil {
			t.Fatal(err)
		}
		f.configure(t, `{"projectSelfProvisioning":true}`, `{"enabled":true,"issuerLabelTemplate":`+string(settings)+`}`)
		e, err := f.SignUp(t.Context(), f.shop.Config(t), "", "ann@shop.example", user.Profile{Name: "{{user.phone}}"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(e.URL.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != tt.label {
			t.Errorf("%s: the URL is %s://%s%s", name, u.Scheme, u.Host, u.Path)
		}
		want := url.Values{"secret": {e.Key.Reveal()}, "issuer": {tt.issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
		if diff := cmp.Diff(want, u.Query()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if _, err := png.Decode(bytes.NewReader(e.Image)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(bytesOf(t, e)) != newSeed {
			t.Errorf("%s: the seed has %d bytes", name, len(bytesOf(t, e)))
		}
	}
}
