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
		{"in the clear", "http://shop.example/in", true},
		{"the host of an app, as one of the network", "https://signed-in/", true},
		{"a name and a password before the host", "https://shop.example:443@evil.test/", true},
		{"an empty name before the host", "https://@evil.test/", true},
		{"a slash too few", "https:/evil.test", true},
		{"a slash too many", "https:///evil.test", true},
		{"no slash", "https:evil.test", true},
		{"a slash and a backslash", `/\evil.test`, true},
		{"a tab in the scheme", "java\tscript:alert(1)", true},
		{"a space before it", " https://shop.example", true},
		{"a dot at the end", "https://shop.example./", false},
		{"a dot that is written otherwise", "https://shop%2eexample/", true},
		{"an ideographic dot", "https://shop。example/", true},
		{"letters that look alike", "https://ѕhop.example/", true},
		{"letters of full width", "https://ｓhop.example/", true},
		{"a slash of full width, below a wildcard", "https://evil.test／.staff.example", true},
		{"the same, as an escape", "https://evil.test%EF%BC%8F.staff.example", true},
		{"a sign that becomes a slash, below a wildcard", "https://evil.test℀.staff.example", true},
		{"a quote, below a wildcard", `https://evil.test".staff.example`, true},
		{"a semicolon, below a wildcard", "https://evil.test;.staff.example", true},
		{"nothing, below a wildcard", "https://.staff.example", true},
		{"an empty label, below a wildcard", "https://a..staff.example", true},
		{"a slash as an escape, below a wildcard", "https://evil.test%2f.staff.example", true},
		{"an end as an escape, below a wildcard", "https://evil.test%00.staff.example", true},
		{"the trusted host in the fragment", "https://evil.test#@shop.example", true},
		{"the trusted host in the query", "https://evil.test?.shop.example", true},
		{"an address in an address", "https://[::ffff:127.0.0.1]/", true},
		{"an address as a number", "https://2130706433/", true},
		{"a name before an app", "shop://shop@signed-in", true},
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
	for _, fallback := range []string{"javascript:alert(1)", " JavaScript:alert(1)", "java\tscript:alert(1)", "data:text/html,x"} {
		for _, requested := range []string{"", fallback} {
			if got, err := none.Redirect(requested, fallback); !errors.Is(err, ErrUntrusted) {
				t.Errorf("a fallback that runs: %q, %v", got, err)
			}
		}
	}
	if got, err := none.Redirect("", "shop://in"); err != nil || got != "shop://in" {
		t.Errorf("an app as the fallback: %q, %v", got, err)
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
		{"a sign that ends the host for some, below a wildcard", "https://evil.test／.staff.example", "production", false},
		{"below a wildcard", "https://a.staff.example", "production", true},
		{"the host of an app", "https://signed-in", "production", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &Config{Environment: tt.environment, Settings: Settings{TrustedDomains: []string{"shop.example", "*.staff.example", "shop://signed-in"}}}
			if got := c.TrustsOrigin(tt.origin); got != tt.want {
				t.Errorf("TrustsOrigin = %v", got)
			}
		})
	}
}
