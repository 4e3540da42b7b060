package passkey

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

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
			s := f.begin(t, tt.loginID)
			tokens, err := f.FinishSignIn(t.Context(), f.finish(t, s, tt.change(tt.device.Get(t, s.Options))))
			if !errors.Is(err, tt.want) || err == nil && tokens.User.ID != annID {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
		// The passkey of another user, in a ceremony of ann.
		s := f.begin(t, "ann")
		o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, bob.Sign(t, bob.Held[0], o.RPID, o.Challenge))); !errors.Is(err, ErrRefused) {
			t.Errorf("the passkey of another user: %v", err)
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
