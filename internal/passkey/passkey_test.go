package passkey

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

var tester = audit.Origin{Actor: "Ktester"}

const (
	page     = "https://shop.example"
	shopping = `{"projectSelfProvisioning":true,"trustedDomains":"shop.example,*.shop.example,other.example"}`
)

// fixture is a project whose pages hold passkeys.
type fixture struct {
	*Service
	id string
}

func setup(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	projects := &project.Service{DB: db, Master: master}
	f := &fixture{Service: &Service{DB: db, Projects: projects, Sessions: &session.Service{DB: db, Projects: projects, Keys: &key.Service{DB: db, Projects: projects}}}}
	f.id = f.project(t)
	projects.Effects = []project.Effects{f.Effects()}
	return f
}

func (f *fixture) project(t testing.TB) string {
	t.Helper()
	p, err := f.Projects.Create(t.Context(), tester, project.New{Name: "Shop", Environment: "production"})
	if err != nil {
		t.Fatal(err)
	}
	f.load(t, p.ID, shopping, `{"enabled":true}`)
	return p.ID
}

func upload(settings, passkeys string) *snapshot.Upload {
	return &snapshot.Upload{Files: snapshot.Files{
		"snapshot.json": []byte(`{"version":5}`), "project.json": []byte(settings), "auth/webauthn.json": []byte(passkeys),
	}}
}

func (f *fixture) load(t testing.TB, id, settings, passkeys string) {
	t.Helper()
	if _, err := f.Projects.Import(t.Context(), tester, project.Import{Project: id, Upload: upload(settings, passkeys)}); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) config(t testing.TB) *project.Config {
	t.Helper()
	c, err := f.Projects.Config(t.Context(), f.id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (f *fixture) start(t testing.TB, loginID string) Start {
	t.Helper()
	return Start{Config: f.config(t), LoginID: loginID, Origin: page}
}

func (f *fixture) finish(t testing.TB, s *Started, response string) Finish {
	t.Helper()
	return Finish{Login: session.Login{Config: f.config(t)}, TransactionID: s.TransactionID, Response: response}
}

// signUp makes a user with a passkey on a device.
func (f *fixture) signUp(t testing.TB, d *testkit.Authenticator, loginID string) *session.Tokens {
	t.Helper()
	s, err := f.StartSignUp(t.Context(), f.start(t, loginID), user.Profile{Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := f.FinishSignUp(t.Context(), f.finish(t, s, d.Create(t, s.Options)))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// signIn signs in with a device.
func (f *fixture) signIn(t testing.TB, d *testkit.Authenticator, loginID string) (*session.Tokens, error) {
	t.Helper()
	s, err := f.StartSignIn(t.Context(), f.start(t, loginID))
	if err != nil {
		return nil, err
	}
	return f.FinishSignIn(t.Context(), f.finish(t, s, d.Get(t, s.Options)))
}

func TestSignUpAndIn(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page, Counter: 1, Flags: 0x04}
		s, err := f.StartSignUp(t.Context(), f.start(t, "Ann@shop.example"), user.Profile{Name: "Ann"})
		if err != nil {
			t.Fatal(err)
		}
		o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
		if !s.Create || o.RP.ID != "shop.example" || o.RP.Name != "Shop" || o.User.Name != "ann@shop.example" || o.User.DisplayName != "Ann" || o.Timeout != 300_000 || o.Attestation != "none" {
			t.Errorf("the options are %s", s.Options)
		}
		made, err := f.FinishSignUp(t.Context(), f.finish(t, s, d.Create(t, s.Options)))
		if err != nil {
			t.Fatal(err)
		}
		if u := made.User; !made.FirstSeen || u.ID != string(testkit.Unbase64(t, o.User.ID)) || u.Email != "ann@shop.example" || !u.Has(user.Passkey) || u.VerifiedEmail {
			t.Errorf("the sign-up gives %+v", made.User)
		}
		if _, err := f.StartSignUp(t.Context(), f.start(t, "ann@shop.example"), user.Profile{}); !errors.Is(err, user.ErrExists) {
			t.Errorf("signing up again: %v", err)
		}
		for _, loginID := range []string{"ANN@shop.example", ""} {
			in, err := f.signIn(t, d, loginID)
			if err != nil {
				t.Fatalf("signing in as %q: %v", loginID, err)
			}
			if diff := cmp.Diff([]string{session.AMRPasskey}, in.Claims["amr"]); diff != "" || in.User.ID != made.User.ID || in.FirstSeen {
				t.Errorf("signing in as %q gives %+v, amr %s", loginID, in.User, diff)
			}
		}
		list, err := f.List(t.Context(), f.id, made.User.ID)
		if err != nil || len(list) != 1 || list[0].SignCount != 3 || list[0].LastUsedAt.IsZero() || list[0].RPID != "shop.example" {
			t.Errorf("stored are %+v, %v", list, err)
		}
	})
}

// What an authenticator or a browser says wrong is refused, each thing alone.
func TestWrongRegistrationsAreRefused(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		before := testkit.Rows(t, db)["users"]
		same := func(text string) string { return text }
		for name, tt := range map[string]struct {
			device testkit.Authenticator
			change func(string) string
			passed Options
		}{
			"another origin":         {testkit.Authenticator{Origin: "https://evil.example"}, same, Options{}},
			"an origin below":        {testkit.Authenticator{Origin: "https://x.shop.example"}, same, Options{}},
			"http":                   {testkit.Authenticator{Origin: "http://shop.example"}, same, Options{}},
			"another port":           {testkit.Authenticator{Origin: page + ":8443"}, same, Options{}},
			"an app that is not its": {testkit.Authenticator{Origin: androidOrigin + "AAAA"}, same, Options{}},
			"another relying party":  {testkit.Authenticator{Origin: page, RPID: "evil.example"}, same, Options{}},
			"another challenge":      {testkit.Authenticator{Origin: page, Challenge: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, same, Options{}},
			"another kind":           {testkit.Authenticator{Origin: page, Kind: "webauthn.get"}, same, Options{}},
			"in a frame of others":   {testkit.Authenticator{Origin: page, CrossOrigin: true}, same, Options{}},
			"nobody was there":       {testkit.Authenticator{Origin: page, Absent: true}, same, Options{}},
			"nobody was verified":    {testkit.Authenticator{Origin: page}, same, Options{Verification: "required"}},
			"synced, and never is":   {testkit.Authenticator{Origin: page, Flags: 0x10}, same, Options{}},
			"no JSON":                {testkit.Authenticator{Origin: page}, func(string) string { return "{" }, Options{}},
			"nothing":                {testkit.Authenticator{Origin: page}, func(string) string { return "" }, Options{}},
			"a megabyte":             {testkit.Authenticator{Origin: page}, func(s string) string { return s + strings.Repeat(" ", 1<<20) }, Options{}},
			"another id":             {testkit.Authenticator{Origin: page}, func(s string) string { return testkit.Spoil(t, s, "rawId") }, Options{}},
		} {
			in := f.start(t, "ann")
			in.Passkey = tt.passed
			s, err := f.StartSignUp(t.Context(), in, user.Profile{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.FinishSignUp(t.Context(), f.finish(t, s, tt.change(tt.device.Create(t, s.Options)))); !errors.Is(err, ErrRefused) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(before, testkit.Rows(t, db)["users"]); diff != "" {
			t.Errorf("there are users now:\n%s", diff)
		}
	})
}

func TestWrongSignInsAreRefused(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		ann, bob := &testkit.Authenticator{Origin: page, Flags: 0x04}, &testkit.Authenticator{Origin: page}
		annID := f.signUp(t, ann, "ann").User.ID
		f.signUp(t, bob, "bob")
		same := func(text string) string { return text }
		truth := func() testkit.Authenticator { return testkit.Authenticator{Origin: page, Flags: 0x04, Held: ann.Held} }
		with := func(change func(d *testkit.Authenticator)) testkit.Authenticator {
			d := truth()
			change(&d)
			return d
		}
		for name, tt := range map[string]struct {
			device  testkit.Authenticator
			change  func(string) string
			loginID string
			want    error
		}{
			"the truth":                      {truth(), same, "ann", nil},
			"the truth, of whoever it is":    {truth(), same, "", nil},
			"another origin":                 {with(func(d *testkit.Authenticator) { d.Origin = "https://evil.example" }), same, "ann", ErrRefused},
			"another relying party":          {with(func(d *testkit.Authenticator) { d.RPID = "evil.example" }), same, "ann", ErrRefused},
			"another challenge":              {with(func(d *testkit.Authenticator) { d.Challenge = strings.Repeat("A", 43) }), same, "ann", ErrRefused},
			"another kind":                   {with(func(d *testkit.Authenticator) { d.Kind = "webauthn.create" }), same, "ann", ErrRefused},
			"nobody was there":               {with(func(d *testkit.Authenticator) { d.Absent = true }), same, "ann", ErrRefused},
			"a passkey that is synced now":   {with(func(d *testkit.Authenticator) { d.Flags |= 0x08 }), same, "ann", ErrRefused},
			"the handle of another":          {with(func(d *testkit.Authenticator) { d.Handle = bob.Held[0].Handle }), same, "ann", ErrRefused},
			"no handle, with a login id":     {with(func(d *testkit.Authenticator) { d.Handle = []byte{} }), same, "ann", nil},
			"no handle, and no login id":     {with(func(d *testkit.Authenticator) { d.Handle = []byte{} }), same, "", ErrRefused},
			"another signature":              {truth(), func(s string) string { return testkit.Spoil(t, s, "signature") }, "ann", ErrRefused},
			"other data than what is signed": {truth(), func(s string) string { return testkit.Spoil(t, s, "authenticatorData") }, "ann", ErrRefused},
			"no JSON":                        {truth(), func(string) string { return "[]" }, "ann", ErrRefused},
		} {
			s, err := f.StartSignIn(t.Context(), f.start(t, tt.loginID))
			if err != nil {
				t.Fatal(err)
			}
			tokens, err := f.FinishSignIn(t.Context(), f.finish(t, s, tt.change(tt.device.Get(t, s.Options))))
			if !errors.Is(err, tt.want) || err == nil && tokens.User.ID != annID {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
		// The passkey of another user, in a ceremony of ann.
		s, err := f.StartSignIn(t.Context(), f.start(t, "ann"))
		if err != nil {
			t.Fatal(err)
		}
		o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, bob.Sign(t, bob.Held[0], o.RPID, o.Challenge))); !errors.Is(err, ErrRefused) {
			t.Errorf("the passkey of another user: %v", err)
		}
	})
}

// A ceremony works once, at its own end, in its project and for five minutes.
func TestCeremonies(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page}
		f.signUp(t, d, "ann")
		s, err := f.StartSignIn(t.Context(), f.start(t, "ann"))
		if err != nil {
			t.Fatal(err)
		}
		response := d.Get(t, s.Options)
		if _, err := f.FinishSignUp(t.Context(), f.finish(t, s, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("at the end of another kind: %v", err)
		}
		if _, err := f.FinishUpdate(t.Context(), f.finish(t, s, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("at the end of another kind: %v", err)
		}
		mine := f.id
		f.id = f.project(t)
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("in another project: %v", err)
		}
		foreign, err := f.StartSignIn(t.Context(), f.start(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, foreign, d.Get(t, foreign.Options))); !errors.Is(err, ErrRefused) {
			t.Errorf("a passkey of another project: %v", err)
		}
		f.id = mine
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, response)); err != nil {
			t.Errorf("at its end: %v", err)
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("once more: %v", err)
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, &Started{TransactionID: "none"}, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("one that there is not: %v", err)
		}
	})
}

func TestCeremonyEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		d := &testkit.Authenticator{Origin: page}
		f.signUp(t, d, "ann")
		s, err := f.StartSignIn(t.Context(), f.start(t, "ann"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(lifetime)
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, d.Get(t, s.Options))); !errors.Is(err, ErrCeremony) {
			t.Errorf("after five minutes: %v", err)
		}
		if n, err := f.Expire(t.Context()); n != 1 || err != nil {
			t.Errorf("Expire = %d, %v", n, err)
		}
		if n, err := f.Expire(t.Context()); n != 0 || err != nil {
			t.Errorf("Expire again = %d, %v", n, err)
		}
	})
}

// Of fifty who end one ceremony at once, one gets in.
func TestRaceForOneCeremony(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page}
		f.signUp(t, d, "ann")
		s, err := f.StartSignIn(t.Context(), f.start(t, "ann"))
		if err != nil {
			t.Fatal(err)
		}
		end := f.finish(t, s, d.Get(t, s.Options))
		var in atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				_, err := f.FinishSignIn(t.Context(), end)
				if err == nil {
					in.Add(1)
				} else if !errors.Is(err, ErrCeremony) {
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

// An authenticator that counts, and says what it said before, was copied.
func TestClonedAuthenticator(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page, Counter: 5}
		f.signUp(t, d, "ann")
		clone := *d
		if _, err := f.signIn(t, d, "ann"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.signIn(t, &clone, "ann"); !errors.Is(err, ErrCloned) {
			t.Errorf("a copy: %v", err)
		}
		zero := *d
		zero.Counter = 0
		if _, err := f.signIn(t, &zero, "ann"); !errors.Is(err, ErrCloned) {
			t.Errorf("a copy that does not count: %v", err)
		}
		if _, err := f.signIn(t, d, "ann"); err != nil {
			t.Errorf("the authenticator itself: %v", err)
		}
		none := &testkit.Authenticator{Origin: page}
		f.signUp(t, none, "bob")
		for range 2 {
			if _, err := f.signIn(t, none, "bob"); err != nil {
				t.Errorf("one that never counts: %v", err)
			}
		}
	})
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d, second := &testkit.Authenticator{Origin: page}, &testkit.Authenticator{Origin: page}
		tokens := f.signUp(t, d, "ann")
		in := f.start(t, "ann")
		if _, err := f.StartUpdate(t.Context(), in); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("of nobody: %v", err)
		}
		current := func(tokens *session.Tokens) *session.Current {
			c, err := f.Sessions.Current(t.Context(), f.config(t), tokens.Refresh)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		in.Current = current(tokens)
		s, err := f.StartUpdate(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey; len(o.Exclude) != 1 || o.Exclude[0].ID != encode(d.Held[0].ID) || string(testkit.Unbase64(t, o.User.ID)) != tokens.User.ID {
			t.Errorf("the options are %s", s.Options)
		}
		response := second.Create(t, s.Options)
		if got, err := f.FinishUpdate(t.Context(), f.finish(t, s, response)); got != nil || err != nil {
			t.Errorf("the end is %+v, %v", got, err)
		}
		if _, err := f.FinishUpdate(t.Context(), f.finish(t, s, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("once more: %v", err)
		}
		for _, each := range []*testkit.Authenticator{d, second} {
			if _, err := f.signIn(t, each, "ann"); err != nil {
				t.Errorf("signing in: %v", err)
			}
		}
		// As a further factor: tokens of the same session.
		in.Options = session.Options{MFA: true}
		if s, err = f.StartUpdate(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		more, err := f.FinishUpdate(t.Context(), f.finish(t, s, (&testkit.Authenticator{Origin: page}).Create(t, s.Options)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{session.AMRPasskey, session.AMRMFA}, more.Claims["amr"]); diff != "" || more.ID != tokens.ID {
			t.Errorf("session %v, amr (-want +got):\n%s", more.ID == tokens.ID, diff)
		}
		// A passkey that somebody has is nobody else's.
		bob := f.signUp(t, &testkit.Authenticator{Origin: page}, "bob")
		in = f.start(t, "bob")
		in.Current = current(bob)
		if s, err = f.StartUpdate(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		thief := &testkit.Authenticator{Origin: page}
		stolen := thief.Create(t, s.Options)
		if _, err := f.FinishUpdate(t.Context(), f.finish(t, s, stolen)); err != nil {
			t.Fatal(err)
		}
		if s, err = f.StartUpdate(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		again := thief.Again(t, s.Options)
		if _, err := f.FinishUpdate(t.Context(), f.finish(t, s, again)); !errors.Is(err, ErrTaken) {
			t.Errorf("a passkey once more: %v", err)
		}
	})
}

// A step-up belongs to the session and the user of its start.
func TestStepUp(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		ann, bob := &testkit.Authenticator{Origin: page}, &testkit.Authenticator{Origin: page}
		first := f.signUp(t, ann, "ann")
		f.signUp(t, bob, "bob")
		in := f.start(t, "bob") // what the body says does not count
		in.Options = session.Options{StepUp: true}
		if _, err := f.StartSignIn(t.Context(), in); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("without a session: %v", err)
		}
		c, err := f.Sessions.Current(t.Context(), f.config(t), first.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		in.Current = c
		s, err := f.StartSignIn(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, bob.Sign(t, bob.Held[0], o.RPID, o.Challenge))); !errors.Is(err, ErrRefused) {
			t.Errorf("the passkey of another user: %v", err)
		}
		got, err := f.FinishSignIn(t.Context(), f.finish(t, s, ann.Get(t, s.Options)))
		if err != nil || got.ID != first.ID || got.User.ID != first.User.ID {
			t.Errorf("a step-up: %+v, %v", got, err)
		}
	})
}

// Whether a login id is a user's, and one with a passkey, is not told.
func TestStrangersAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.signUp(t, &testkit.Authenticator{Origin: page}, "ann")
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			return user.Create(tx, &user.User{Project: f.id, LoginIDs: []string{"bare"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]string{}
		for _, who := range []string{"ann", "bare", "nobody", "somebody", "nobody"} {
			s, err := f.StartSignIn(t.Context(), f.start(t, who))
			if err != nil {
				t.Fatal(err)
			}
			o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
			if s.Create || len(o.Allow) != 1 || o.Allow[0].Type != "public-key" {
				t.Fatalf("%s: %s", who, s.Options)
			}
			if before := ids[who]; before != "" && before != o.Allow[0].ID {
				t.Errorf("%s has another passkey now", who)
			}
			ids[who] = o.Allow[0].ID
		}
		if ids["nobody"] == ids["somebody"] || ids["nobody"] == ids["bare"] {
			t.Error("strangers have one passkey")
		}
	})
}

func TestSignUpOrIn(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page}
		s, err := f.StartSignUpOrIn(t.Context(), f.start(t, "ann"))
		if err != nil || !s.Create {
			t.Fatalf("a stranger: %+v, %v", s, err)
		}
		if _, err := f.FinishSignUp(t.Context(), f.finish(t, s, d.Create(t, s.Options))); err != nil {
			t.Fatal(err)
		}
		s, err = f.StartSignUpOrIn(t.Context(), f.start(t, "ann"))
		if err != nil || s.Create {
			t.Fatalf("a user: %+v, %v", s, err)
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, d.Get(t, s.Options))); err != nil {
			t.Error(err)
		}
		// Whoever knows the login id of a user without a passkey does not get in.
		err = db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			return user.Create(tx, &user.User{Project: f.id, LoginIDs: []string{"bare"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		if s, err = f.StartSignUpOrIn(t.Context(), f.start(t, "bare")); err != nil || s.Create {
			t.Errorf("a user without a passkey: %+v, %v", s, err)
		}
		// Nor who began while there was no such user.
		late, err := f.StartSignUp(t.Context(), f.start(t, "late"), user.Profile{})
		if err != nil {
			t.Fatal(err)
		}
		f.signUp(t, &testkit.Authenticator{Origin: page}, "late")
		if _, err := f.FinishSignUp(t.Context(), f.finish(t, late, d.Create(t, late.Options))); !errors.Is(err, user.ErrExists) {
			t.Errorf("the second of two who signed up: %v", err)
		}
	})
}

const fingerprint = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"

func TestOrigins(t *testing.T) {
	t.Parallel()
	app := androidOrigin + "ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8"
	for name, tt := range map[string]struct {
		rpID         string
		fingerprints []string
		origin       string
		want         string // the relying party; empty where it is refused
	}{
		"the host of the page":                  {"", nil, page, "shop.example"},
		"below a trusted domain":                {"", nil, "https://a.shop.example", "a.shop.example"},
		"with a slash at the end":               {"", nil, page + "/", "shop.example"},
		"with a port":                           {"", nil, page + ":8443", "shop.example"},
		"capital letters":                       {"", nil, "https://SHOP.example", "shop.example"},
		"the domain above, as the settings say": {"shop.example", nil, "https://a.shop.example", "shop.example"},
		"another trusted domain":                {"shop.example", nil, "https://other.example", ""},
		"a domain that ends alike":              {"", nil, "https://evilshop.example", ""},
		"a domain that nobody trusts":           {"", nil, "https://evil.example", ""},
		"http in production":                    {"", nil, "http://shop.example", ""},
		"this machine in production":            {"", nil, "http://localhost:3000", ""},
		"an address":                            {"", nil, "https://127.0.0.1", ""},
		"with a path":                           {"", nil, page + "/x", ""},
		"with a name of somebody":               {"", nil, "https://a@shop.example", ""},
		"nothing":                               {"", nil, "", ""},
		"null":                                  {"", nil, "null", ""},
		"an app of the settings":                {"shop.example", []string{fingerprint}, app, "shop.example"},
		"an app, and no relying party":          {"", []string{fingerprint}, app, ""},
		"an app that is not of the settings":    {"shop.example", nil, app, ""},
		"another app":                           {"shop.example", []string{fingerprint}, androidOrigin + strings.Repeat("A", 43), ""},
	} {
		cfg := &project.Config{Environment: "production"}
		cfg.Settings.TrustedDomains = []string{"shop.example", "*.shop.example", "other.example"}
		cfg.Methods.Passkey = project.PasskeyMethod{Enabled: true, RelyingPartyID: tt.rpID, AndroidFingerprints: tt.fingerprints}
		p, err := partyOf(cfg, tt.origin)
		if p.ID != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, ErrOrigin) {
			t.Errorf("%s: %+v, %v, want %q", name, p, err, tt.want)
		}
	}
	local := &project.Config{}
	if p, err := partyOf(local, "http://localhost:3000"); p.ID != "localhost" || err != nil {
		t.Errorf("this machine outside of production: %+v, %v", p, err)
	}
}

// An app of the project may end what a page began, and the other way round.
func TestAndroidApp(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.load(t, f.id, shopping, `{"enabled":true,"relyingPartyId":"shop.example","androidFingerprints":["`+fingerprint+`"]}`)
		d := &testkit.Authenticator{Origin: apps([]string{fingerprint})[0]}
		f.signUp(t, d, "ann")
		in := f.start(t, "ann")
		in.Origin = d.Origin
		s, err := f.StartSignIn(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, d.Get(t, s.Options))); err != nil {
			t.Error(err)
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	f := setup(t, testkit.Store(t))
	for name, tt := range map[string]struct {
		in    Options
		want  map[string]any // of the selection; nil where it is refused
		more  string         // attestation
		given string         // extensions
	}{
		"none": {Options{}, map[string]any{"residentKey": "preferred", "requireResidentKey": false, "userVerification": "preferred"}, "none", ""},
		"all": {
			Options{Attachment: "crossplatform", ResidentKey: "required", Verification: "required", Attestation: "direct", Extensions: jsontext.Value(`{"credProps":true}`)},
			map[string]any{"authenticatorAttachment": "cross-platform", "residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
			"direct", "credProps",
		},
		"any attachment":        {Options{Attachment: "any"}, map[string]any{"residentKey": "preferred", "requireResidentKey": false, "userVerification": "preferred"}, "none", ""},
		"a word that is none":   {Options{Verification: "sometimes"}, nil, "", ""},
		"extensions, no object": {Options{Extensions: jsontext.Value(`[]`)}, nil, "", ""},
		"extensions, no JSON":   {Options{Extensions: jsontext.Value(`{`)}, nil, "", ""},
	} {
		in := f.start(t, "ann")
		in.Passkey = tt.in
		s, err := f.StartSignUp(t.Context(), in, user.Profile{})
		if tt.want == nil {
			if !errors.Is(err, ErrOptions) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
		if diff := cmp.Diff(tt.want, o.Selection); diff != "" || o.Attestation != tt.more || (tt.given != "") != (len(o.Extensions) > 0) {
			t.Errorf("%s: %s (-want +got):\n%s", name, s.Options, diff)
		}
	}
}

func TestManage(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d, away := &testkit.Authenticator{Origin: page}, &testkit.Authenticator{Origin: page}
		u := f.signUp(t, d, "ann").User
		away.Create(t, `{"publicKey":{"rp":{"id":"shop.example"},"user":{"id":"`+encode([]byte("auth0|ann"))+`"},"challenge":"AAAA"}}`)
		h := away.Held[0]
		bring := Imported{ID: encode(h.ID), RPID: "Shop.example", PublicKey: encode(testkit.COSE(t, h.Key)), AAGUID: "00000000-0000-0000-0000-000000000000", UserHandle: encode(h.Handle), Transports: []string{"usb", "moon"}}
		for name, change := range map[string]func(*Imported){
			"no id": func(i *Imported) { i.ID = "" }, "no relying party": func(i *Imported) { i.RPID = "" },
			"no key": func(i *Imported) { i.PublicKey = "AAAA" }, "no base64": func(i *Imported) { i.ID = "?" },
		} {
			bad := bring
			change(&bad)
			if err := f.Import(t.Context(), tester, f.id, u.ID, []Imported{bring, bad}); !errors.Is(err, ErrImport) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := f.Import(t.Context(), tester, f.id, u.ID, []Imported{bring}); err != nil {
			t.Fatal(err)
		}
		if err := f.Import(t.Context(), tester, f.id, u.ID, []Imported{bring}); !errors.Is(err, ErrTaken) {
			t.Errorf("once more: %v", err)
		}
		for _, loginID := range []string{"ann", ""} {
			if got, err := f.signIn(t, away, loginID); err != nil || got.User.ID != u.ID {
				t.Errorf("with an imported passkey as %q: %v", loginID, err)
			}
		}
		list, err := f.List(t.Context(), f.id, u.ID)
		if err != nil || len(list) != 2 {
			t.Fatalf("there are %d, %v", len(list), err)
		}
		other := f.signUp(t, &testkit.Authenticator{Origin: page}, "bob").User
		if err := f.Delete(t.Context(), tester, f.id, other.ID, encode(h.ID)); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleting a passkey of another user: %v", err)
		}
		if err := f.Delete(t.Context(), tester, f.id, u.ID, encode(h.ID)); err != nil {
			t.Error(err)
		}
		has := func() bool {
			got, err := (&user.Service{DB: db}).Load(t.Context(), f.id, u.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got.Has(user.Passkey)
		}
		if !has() {
			t.Error("with one passkey left the user has none")
		}
		if err := f.DeleteAll(t.Context(), tester, f.id, u.ID); err != nil || has() {
			t.Errorf("after all are deleted: %v", err)
		}
		s, err := f.StartSignIn(t.Context(), f.start(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, d.Get(t, s.Options))); !errors.Is(err, ErrRefused) {
			t.Errorf("a deleted passkey: %v", err)
		}
	})
}

// A ceremony goes on under the settings that it began under; new ones obey new ones.
func TestSettingsDecide(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page}
		f.signUp(t, d, "ann")
		under, err := f.StartSignIn(t.Context(), f.start(t, "ann"))
		if err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			passkeys string
			want     []string
		}{
			"another relying party":  {`{"enabled":true,"relyingPartyId":"other.example"}`, []string{"passkeys_useless 1"}},
			"the one that they have": {`{"enabled":true,"relyingPartyId":"shop.example"}`, nil},
			"off":                    {`{"enabled":false}`, []string{"users_lose_passkey 1"}},
			"another name":           {`{"enabled":true,"name":"x"}`, nil},
		} {
			plan, err := f.Projects.Plan(t.Context(), project.Import{Project: f.id, Upload: upload(shopping, tt.passkeys)})
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, diff := range plan.Differences {
				for _, e := range diff.Effects {
					told = append(told, e.Code+" "+string(rune('0'+e.Count)))
				}
			}
			if diff := cmp.Diff(tt.want, told); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		f.load(t, f.id, `{"projectSelfProvisioning":false,"trustedDomains":"shop.example"}`, `{"enabled":true}`)
		if _, err := f.StartSignUp(t.Context(), f.start(t, "bob"), user.Profile{}); !errors.Is(err, user.ErrNoSignUp) {
			t.Errorf("a stranger where none may sign up: %v", err)
		}
		if _, err := f.StartSignUpOrIn(t.Context(), f.start(t, "bob")); !errors.Is(err, user.ErrNoSignUp) {
			t.Errorf("a stranger where none may sign up: %v", err)
		}
		f.load(t, f.id, shopping, `{"enabled":false}`)
		_, err1 := f.StartSignUp(t.Context(), f.start(t, "bob"), user.Profile{})
		_, err2 := f.StartSignIn(t.Context(), f.start(t, "ann"))
		_, err3 := f.StartSignUpOrIn(t.Context(), f.start(t, "ann"))
		_, err4 := f.StartUpdate(t.Context(), f.start(t, "ann"))
		if err := errors.Join(err1, err2, err3, err4); err1 == nil || err2 == nil || err3 == nil || err4 == nil || !errors.Is(err, project.ErrMethodOff) {
			t.Errorf("where the method is off: %v", err)
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, under, d.Get(t, under.Options))); err != nil {
			t.Errorf("what began before: %v", err)
		}
		f.load(t, f.id, shopping, `{"enabled":true,"relyingPartyId":"other.example"}`)
		in := f.start(t, "")
		in.Origin = "https://other.example"
		s, err := f.StartSignIn(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
		moved := &testkit.Authenticator{Origin: "https://other.example"}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, moved.Sign(t, d.Held[0], o.RPID, o.Challenge))); !errors.Is(err, ErrRefused) {
			t.Errorf("a passkey of the relying party before: %v", err)
		}
	})
}
