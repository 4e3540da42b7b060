package passkey

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

const (
	page     = "https://shop.example"
	shopping = `{"projectSelfProvisioning":true,"trustedDomains":"shop.example,*.shop.example,other.example"}`
)

// fixture is a project whose pages hold passkeys.
type fixture struct {
	*Service
	shop *signin.Project
}

func setup(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	shop := signin.New(t, db, inProduction())
	f := &fixture{&Service{DB: db, Projects: shop.Projects, Sessions: shop.Sessions}, shop}
	shop.Projects.Effects = []project.Effects{f.Effects()}
	f.configure(t, shopping, `{"enabled":true}`)
	return f
}

// inProduction is a project that trusts no page of this machine.
func inProduction() project.New { return project.New{Name: "Shop", Environment: "production"} }

func files(settings, passkeys string) map[string]string {
	return map[string]string{"project.json": settings, "auth/webauthn.json": passkeys}
}

func (f *fixture) configure(t testing.TB, settings, passkeys string) {
	t.Helper()
	f.shop.Import(t, files(settings, passkeys))
}

func (f *fixture) start(t testing.TB, loginID string) Start {
	t.Helper()
	return Start{Config: f.shop.Config(t), LoginID: loginID, Origin: page}
}

func (f *fixture) finish(t testing.TB, s *Started, response string) Finish {
	t.Helper()
	return Finish{Login: session.Login{Config: f.shop.Config(t)}, TransactionID: s.TransactionID, Response: response}
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

// begin begins a sign-in from the page.
func (f *fixture) begin(t testing.TB, loginID string) *Started {
	t.Helper()
	s, err := f.StartSignIn(t.Context(), f.start(t, loginID))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signIn signs in with a device.
func (f *fixture) signIn(t testing.TB, d *testkit.Authenticator, loginID string) (*session.Tokens, error) {
	t.Helper()
	s := f.begin(t, loginID)
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
		list, err := f.List(t.Context(), f.shop.ID, made.User.ID)
		if err != nil || len(list) != 1 || list[0].SignCount != 3 || list[0].LastUsedAt.IsZero() || list[0].RPID != "shop.example" {
			t.Errorf("stored are %+v, %v", list, err)
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
			c, err := f.Sessions.Current(t.Context(), f.shop.Config(t), tokens.Refresh, session.Client{})
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
		// Asked for as a further factor: tokens of the same session, which has proven no more.
		in.Options = session.Options{MFA: true}
		if s, err = f.StartUpdate(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		more, err := f.FinishUpdate(t.Context(), f.finish(t, s, (&testkit.Authenticator{Origin: page}).Create(t, s.Options)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{session.AMRPasskey}, more.Claims["amr"]); diff != "" || more.ID != tokens.ID {
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

// In the session of another method the making of a passkey is no further factor, and
// what it signs is.
func TestFurtherFactor(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page}
		mailed := f.shop.SignedIn(t, user.User{LoginIDs: []string{"ann"}})
		in := f.start(t, "ann")
		in.Options = session.Options{MFA: true}
		var err error
		if in.Current, err = f.Sessions.Current(t.Context(), in.Config, mailed.Refresh, session.Client{}); err != nil {
			t.Fatal(err)
		}
		s, err := f.StartUpdate(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.FinishUpdate(t.Context(), f.finish(t, s, d.Create(t, s.Options)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{session.AMREmail}, got.Claims["amr"]); diff != "" || got.ID != mailed.ID {
			t.Errorf("made: session %v, amr (-want +got):\n%s", got.ID == mailed.ID, diff)
		}
		if s, err = f.StartSignIn(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if got, err = f.FinishSignIn(t.Context(), f.finish(t, s, d.Get(t, s.Options))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{session.AMREmail, session.AMRPasskey, session.AMRMFA}, got.Claims["amr"]); diff != "" || got.ID != mailed.ID {
			t.Errorf("signed: session %v, amr (-want +got):\n%s", got.ID == mailed.ID, diff)
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
		c, err := f.Sessions.Current(t.Context(), f.shop.Config(t), first.Refresh, session.Client{})
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
		f.shop.User(t, user.User{LoginIDs: []string{"bare"}})
		ids := map[string]string{}
		for _, who := range []string{"ann", "bare", "nobody", "somebody", "nobody"} {
			s := f.begin(t, who)
			o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
			if s.Create || len(o.Allow) == 0 || o.Allow[0].Type != "public-key" {
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
		f.shop.User(t, user.User{LoginIDs: []string{"bare"}})
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
