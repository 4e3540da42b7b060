package passkey

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// A ceremony goes on under the settings that it began under; new ones obey new ones.
func TestSettingsDecide(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page}
		f.signUp(t, d, "ann")
		under := f.begin(t, "ann")
		for name, tt := range map[string]struct {
			passkeys string
			want     []string
		}{
			"another relying party":  {`{"enabled":true,"relyingPartyId":"other.example"}`, []string{"relyingPartyId: 1 passkey is bound to another domain and would be useless; users who have them: 1. (passkeys_useless, 1)"}},
			"the one that they have": {`{"enabled":true,"relyingPartyId":"shop.example"}`, nil},
			"off":                    {`{"enabled":false}`, []string{"enabled: 1 user has passkeys that would not be taken any more; for 1 they are the only way in. (users_lose_passkey, 1)"}},
			"another name":           {`{"enabled":true,"name":"x"}`, nil},
		} {
			if diff := cmp.Diff(tt.want, f.shop.Effects(t, files(shopping, tt.passkeys))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		f.configure(t, `{"projectSelfProvisioning":false,"trustedDomains":"shop.example"}`, `{"enabled":true}`)
		if _, err := f.StartSignUp(t.Context(), f.start(t, "bob"), user.Profile{}); !errors.Is(err, user.ErrNoSignUp) {
			t.Errorf("a stranger where none may sign up: %v", err)
		}
		if _, err := f.StartSignUpOrIn(t.Context(), f.start(t, "bob")); !errors.Is(err, user.ErrNoSignUp) {
			t.Errorf("a stranger where none may sign up: %v", err)
		}
		f.configure(t, shopping, `{"enabled":false}`)
		_, err1 := f.StartSignUp(t.Context(), f.start(t, "bob"), user.Profile{})
		_, err2 := f.StartSignIn(t.Context(), f.start(t, "ann"))
		_, err3 := f.StartSignUpOrIn(t.Context(), f.start(t, "ann"))
		_, err4 := f.StartUpdate(t.Context(), f.start(t, "ann"))
		for _, err := range []error{err1, err2, err3, err4} {
			if !errors.Is(err, project.ErrMethodOff) {
				t.Errorf("where the method is off: %v", err)
			}
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, under, d.Get(t, under.Options))); err != nil {
			t.Errorf("what began before: %v", err)
		}
		f.configure(t, shopping, `{"enabled":true,"relyingPartyId":"other.example"}`)
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
