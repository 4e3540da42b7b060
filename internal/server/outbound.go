package server

import (
	"fmt"
	"maps"
	"net/url"
	"slices"

	"postern/internal/connector"
	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/safehttp"
)

// Outbound says what the server may call.
type Outbound struct {
	AllowPrivate []string          `help:"What connectors may reach although it is not on the open internet: addresses, ranges such as 10.1.0.0/16, and host names, separated by commas. These may be spoken to without encryption, too." env:"POSTERN_ALLOW_PRIVATE" placeholder:"HOST"`
	ProviderURL  map[string]string `name:"provider-url" help:"Where to call the service of a type of connector instead of its usual address, for another region or a stand-in: sendgrid=https://api.eu.sendgrid.com; hibp is the list of stolen passwords, auth0 and okta are former services whose sessions are taken over. Separate several by semicolons." env:"POSTERN_PROVIDER_URL" placeholder:"TYPE=URL"`
}

// client returns what calls out.
func (o *Outbound) client() (*safehttp.Client, error) {
	allow, err := safehttp.ParseAllow(o.AllowPrivate)
	if err != nil {
		return nil, fmt.Errorf("--allow-private: %w", err)
	}
	for _, typ := range slices.Sorted(maps.Keys(o.ProviderURL)) {
		u, err := url.Parse(o.ProviderURL[typ])
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return nil, fmt.Errorf("--provider-url %s: it must be a URL with a host, and without a user or a query", typ)
		}
		if known := append(connector.Providers(), password.BreachType, project.Auth0, project.Okta); !slices.Contains(known, typ) {
			return nil, fmt.Errorf("--provider-url %s: there is no such type of connector that is called at an address of its provider; there are %v", typ, known)
		}
	}
	return safehttp.New(safehttp.Options{Allow: allow}), nil
}
