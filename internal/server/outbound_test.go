package server

import (
	"strings"
	"testing"

	"postern/internal/safehttp"
)

func TestOutbound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    Outbound
		want string // a part of the error; blank for none
	}{
		"nothing":                       {Outbound{}, ""},
		"addresses, ranges and names":   {Outbound{AllowPrivate: []string{"127.0.0.1", "10.1.0.0/16", "mail.internal"}}, ""},
		"what is none of them":          {Outbound{AllowPrivate: []string{"http://mail.internal"}}, "--allow-private"},
		"a provider elsewhere":          {Outbound{ProviderURL: map[string]string{"sendgrid": "https://api.eu.sendgrid.com"}}, ""},
		"a list of stolen passwords":    {Outbound{ProviderURL: map[string]string{"hibp": "https://passwords.internal"}}, ""},
		"a provider with a password":    {Outbound{ProviderURL: map[string]string{"sendgrid": "https://a:b@api.example"}}, "--provider-url sendgrid"},
		"a provider that is no URL":     {Outbound{ProviderURL: map[string]string{"sendgrid": "api.example"}}, "--provider-url sendgrid"},
		"a type that there is not":      {Outbound{ProviderURL: map[string]string{"pigeon": "https://api.example"}}, "sendgrid"},
		"a type with an address of its": {Outbound{ProviderURL: map[string]string{"smtp": "https://api.example"}}, "--provider-url smtp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.o.client()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("client: %v, want %q", err, c.want)
			}
		})
	}
	client, err := (&Outbound{AllowPrivate: []string{"127.0.0.1"}}).client()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(t.Context(), safehttp.Request{URL: "http://127.0.0.1:1/"}); err == nil || strings.Contains(err.Error(), "allow") {
		t.Errorf("an address that is allowed: %v, want that nobody listens", err)
	}
}
