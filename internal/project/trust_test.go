package project

import (
	"errors"
	"testing"
)

func TestRedirect(t *testing.T) {
	t.Parallel()
	shop := Settings{
		AppURL: "https://app.example/start", CustomDomain: "auth.app.example",
		TrustedDomains: []string{"shop.example", "*.staff.example", "shop://signed-in", "https://written.example"},
	}
	for _, tt := range []struct {
		name, url string
		refused   bool
	}{
		{"a trusted domain", "https://shop.example/in?x=1", false},
		{"in capitals, with a port", "https://SHOP.example:8443/in", false},
		{"below a wildcard", "https://a.b.staff.example", false},
		{"a domain written with its scheme", "https://written.example/a", false},
		{"the application", "https://app.example/other", false},
		{"the custom domain", "https://auth.app.example", false},
		{"an app", "shop://signed-in?t=1", false},
		{"the wildcard's own domain", "https://staff.example", true},
		{"a domain that ends alike", "https://evilshop.example", true},
		{"a domain that begins alike", "https://shop.example.evil.test", true},
		{"a name before the host", "https://shop.example@evil.test/", true},
		{"a backslash", `https://evil.test\@shop.example`, true},
		{"without a scheme", "//evil.test/", true},
		{"a path alone", "/in", true},
		{"a script", "javascript:alert(1)", true},
		{"a script with a host", "javascript://shop.example/%0aalert(1)", true},
		{"another app", "shop://other", true},
		{"a line break", "https://shop.example/\r\nSet-Cookie:", true},
		{"this machine", "http://127.0.0.1:8080/in", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &Config{Environment: "production", Settings: shop}
			got, err := c.Redirect(tt.url, "https://default.example")
			if refused := errors.Is(err, ErrUntrusted); refused != tt.refused || !refused && got != tt.url {
				t.Errorf("Redirect = %q, %v", got, err)
			}
		})
	}
	none := &Config{}
	if got, err := none.Redirect("", "https://default.example"); err != nil || got != "https://default.example" {
		t.Errorf("the fallback: %q, %v", got, err)
	}
	if _, err := none.Redirect("http://localhost:3000/in", ""); err != nil {
		t.Errorf("this machine, outside of production: %v", err)
	}
	if _, err := none.Redirect("https://anywhere.example", ""); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a project that trusts nothing: %v", err)
	}
}

func TestTrustsOrigin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, origin, environment string
		want                      bool
	}{
		{"a trusted page", "https://shop.example", "production", true},
		{"in the clear, in production", "http://shop.example", "production", false},
		{"in the clear, in development", "http://shop.example", "", true},
		{"this machine, in development", "http://localhost:5173", "", true},
		{"this machine, in production", "http://localhost:5173", "production", false},
		{"a stranger", "https://evil.test", "", false},
		{"none", "null", "", false},
		{"with a path", "https://shop.example/x", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &Config{Environment: tt.environment, Settings: Settings{TrustedDomains: []string{"shop.example"}}}
			if got := c.TrustsOrigin(tt.origin); got != tt.want {
				t.Errorf("TrustsOrigin = %v", got)
			}
		})
	}
}
