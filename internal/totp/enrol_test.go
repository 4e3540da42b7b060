package totp

import (
	"bytes"
	"errors"
	"image/png"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

func TestSettingsDecide(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		now, next := two(f.signUp(t, "ann"))
		u, _, err := f.show(t, "ann", now)
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
		_, _, err3 := f.show(t, "ann", next)
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
