package project

import (
	"net/netip"
	"net/url"
	"strings"

	"postern/internal/fault"
	"postern/internal/snapshot"
)

// ErrUntrusted is a place that links must not lead to, and that pages must not call
// from.
var ErrUntrusted = fault.New(fault.Invalid, "E011003", "Request is invalid: the redirect URL is not of a domain that the project trusts").
	WithHint("add its domain to trustedDomains of project.json")

// Trusts reports whether a host is one that the project names: a trusted domain,
// the host of the application or the custom domain. Outside of production this
// machine is one, too.
func (c *Config) Trusts(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" {
		return false
	}
	for _, domain := range c.Settings.TrustedDomains {
		domain = strings.ToLower(domain)
		if scheme, rest, ok := strings.Cut(domain, "://"); ok {
			if scheme != "https" && scheme != "http" {
				continue // an app, whose host is none of the network
			}
			domain = rest
		}
		below, wild := strings.CutPrefix(domain, "*.")
		if host == domain || wild && plain(host) && strings.HasSuffix(host, "."+below) {
			return true
		}
	}
	if u, err := url.Parse(c.Settings.AppURL); err == nil && c.Settings.AppURL != "" && strings.EqualFold(u.Hostname(), host) {
		return true
	}
	if c.Settings.CustomDomain != "" && strings.EqualFold(c.Settings.CustomDomain, host) {
		return true
	}
	return c.Environment != "production" && loopback(host)
}

// plain reports whether a host is labels of letters, digits, hyphens and low lines. Some
// clients take others for the end of the host: a slash of full width, which they make
// one of the usual width, above all.
func plain(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		odd := strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
		})
		if label == "" || odd {
			return false
		}
	}
	return true
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Redirect returns where a link leads: what the request names, if the project
// trusts it, or else the fallback, which is of the configuration. It may be empty. A
// fallback that runs as a script is refused: it stands in mails, and pages follow it.
func (c *Config) Redirect(requested, fallback string) (string, error) {
	if requested == "" || requested == fallback {
		if snapshot.Script(fallback) {
			return "", ErrUntrusted
		}
		return fallback, nil
	}
	u, err := url.Parse(requested)
	if err != nil || u.User != nil || u.Opaque != "" || strings.ContainsAny(requested, "\\ \t\r\n") {
		return "", ErrUntrusted
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if !c.Trusts(u.Hostname()) || !c.mayBe(u.Scheme) {
			return "", ErrUntrusted
		}
	default: // an app, which is named with its scheme
		if !c.trustsApp(u) {
			return "", ErrUntrusted
		}
	}
	return requested, nil
}

// trustsApp reports whether a trusted domain is the scheme and the host of u, such
// as "shop://signed-in". No browser runs what it stands for as a script.
func (c *Config) trustsApp(u *url.URL) bool {
	if u.Scheme == "" || snapshot.Script(u.Scheme+":") {
		return false
	}
	for _, domain := range c.Settings.TrustedDomains {
		if strings.EqualFold(domain, u.Scheme+"://"+u.Host) {
			return true
		}
	}
	return false
}

// TrustsOrigin reports whether a page of that origin may call for the project
// (RFC 6454).
func (c *Config) TrustsOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" {
		return false
	}
	return c.mayBe(u.Scheme) && c.Trusts(u.Hostname())
}

// mayBe reports whether a page may be of a scheme: what goes to it must not be read on
// the way.
func (c *Config) mayBe(scheme string) bool {
	return strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http") && c.Environment != "production"
}
