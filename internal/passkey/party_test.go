package passkey

import (
	"errors"
	"strings"
	"testing"

	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
)

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
		f.configure(t, shopping, `{"enabled":true,"relyingPartyId":"shop.example","androidFingerprints":["`+fingerprint+`"]}`)
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
