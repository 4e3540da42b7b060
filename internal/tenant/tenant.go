// Package tenant keeps the tenants of a project: the customers, companies or teams
// that its users belong to, with what each has otherwise than the project.
//
// Who belongs to a tenant is kept by package user, which roles a tenant has of its
// own by package authz, and which keys act in it by package accesskey. What becomes
// of those when a tenant is deleted is theirs to say: see Service.Leave.
package tenant

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// What callers are told.
var (
	ErrNotFound = fault.New(fault.NotFound, "E112202", "Tenant not found")
	ErrInvalid  = fault.New(fault.Invalid, "E011003", "Request is invalid: the tenant is not valid")
	ErrExists   = fault.New(fault.Conflict, "P40961", "there is a tenant with this id or this name")
	ErrDomain   = fault.New(fault.Conflict, "P40962", "the SSO domain belongs to another tenant")
	ErrParent   = fault.New(fault.Conflict, "P40963", "the tenant has tenants under it; delete them first, or delete with cascade")
)

// A Tenant is one tenant of one project.
type Tenant struct {
	Project  string
	ID       string
	Name     string // unique in the project
	Parent   string // the id of the tenant that it is under, for ever; empty for none
	Disabled bool
	Custom   map[string]any // custom attributes by name, of JSON's types

	// SignUpDomains are those of addresses whose people join by themselves, and
	// SSODomains those of addresses that sign in by the tenant's provider; lower case.
	SignUpDomains []string
	SSODomains    []string

	Settings   Settings
	CreatedAt  time.Time
	ModifiedAt time.Time
	Successors []string // ids of the tenants right under it, sorted
}

// The ways to sign in of a tenant's own.
const (
	AuthNone = "none"
	AuthSAML = "saml"
	AuthOIDC = "oidc"
)

// Settings are what a tenant has otherwise than its project.
type Settings struct {
	Disabled bool `json:"-"` // of the tenant

	AuthType        string   `json:"authType,omitzero"` // one of Auth…; empty is AuthNone
	EnforceSSO      bool     `json:"enforceSSO,omitzero"`
	SSOExclusions   []string `json:"enforceSSOExclusions,omitempty"` // login ids that need not
	Apps            []string `json:"federatedAppIds,omitempty"`
	RoleInheritance string   `json:"roleInheritance,omitzero"` // blank or one of Inherit…; see Reach
	DefaultRoles    []string `json:"defaultRoles,omitempty"`   // ids of the roles that a new member gets
	NoProvisioning  bool     `json:"JITDisabled,omitzero"`     // whether SSO makes no users
	Suite           Suite    `json:"ssoSetupSuiteSettings,omitzero"`
	Sessions        Sessions `json:"sessions,omitzero"`

	// Passwords are the password settings of its members, as auth/password.json has
	// them, whole; none are those of the project.
	Passwords jsontext.Value `json:"passwords,omitzero"`
}

// Suite says how an administrator of the tenant may set SSO up.
type Suite struct {
	Enabled  bool          `json:"enabled"`
	StyleID  string        `json:"styleId"`
	Disabled SuiteFeatures `json:"disabledFeatures"`
}

// SuiteFeatures are parts of a Suite.
type SuiteFeatures struct {
	SAML         bool `json:"saml"`
	OIDC         bool `json:"oidc"`
	SCIM         bool `json:"scim"`
	SSODomains   bool `json:"ssoDomains"`
	GroupMapping bool `json:"groupMapping"`
}

// Sessions are the lifetimes of sessions whose current tenant it is. They count
// only where they are Enabled.
type Sessions struct {
	Enabled    bool     `json:"enabled"`
	Refresh    Lifetime `json:"refresh"`
	Session    Lifetime `json:"session"`
	StepUp     Lifetime `json:"stepup"`
	Inactive   bool     `json:"inactive"` // whether a session ends that lies still
	Inactivity Lifetime `json:"inactivity"`
}

// A Lifetime is a length of time as it was set: a number and a unit. The zero value
// is that of the project.
type Lifetime struct {
	N    int64  `json:"n"`
	Unit string `json:"unit"`
}

func (l Lifetime) over(d time.Duration) time.Duration {
	if own, ok := l.duration(); ok && own > 0 {
		return own
	}
	return d
}

// The bounds of lifetimes, which are those of project.json.
const (
	maxNumber     = 1000
	minLifetime   = 3 * time.Minute
	minInactivity = 10 * time.Minute
)

// duration returns false where the unit is none.
func (l Lifetime) duration() (time.Duration, bool) {
	if l.N == 0 {
		return 0, true
	}
	return snapshot.Duration(float64(l.N), l.Unit)
}

// Over returns the settings of a project with the lifetimes that the tenant has
// otherwise. Where a tenant has its own and does not say that sessions which lie
// still end, none does.
func (s Settings) Over(p project.Settings) project.Settings {
	own := s.Sessions
	if !own.Enabled {
		return p
	}
	p.RefreshTokenLifetime = own.Refresh.over(p.RefreshTokenLifetime)
	p.SessionTokenLifetime = own.Session.over(p.SessionTokenLifetime)
	p.StepUpTokenLifetime = own.StepUp.over(p.StepUpTokenLifetime)
	if own.Inactive {
		p.Inactivity = own.Inactivity.over(p.Inactivity)
	} else {
		p.Inactivity = 0
	}
	return p
}

// The limits of a tenant's parts; they only keep nonsense out.
const (
	maxName = 256
	maxList = 1000
)

var (
	validID     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	validDomain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$`)
)

// ValidID reports whether a tenant may have the id.
func ValidID(id string) bool { return validID.MatchString(id) }

// settle brings a tenant that is to be stored into its form, and says what is wrong
// with it.
func (t *Tenant) settle() error {
	wrong := func(message string) error { return ErrInvalid.WithMessage("Request is invalid: " + message) }
	t.Name = strings.TrimSpace(t.Name)
	switch {
	case t.Name == "" || !store.Plain(t.Name, maxName, ""):
		return wrong("the name of a tenant has 1 to 256 bytes on one line")
	case !ValidID(t.ID):
		return wrong("the id of a tenant has 1 to 64 letters, digits, - and _")
	case len(t.Settings.SSOExclusions) > maxList || len(t.Settings.Apps) > maxList || len(t.SignUpDomains) > maxList || len(t.SSODomains) > maxList:
		return wrong("a list of a tenant has at most 1000 entries")
	}
	for _, list := range []*[]string{&t.SignUpDomains, &t.SSODomains} {
		domains, ok := settleDomains(*list)
		if !ok {
			return wrong("a domain is a name such as example.com")
		}
		*list = domains
	}
	for _, s := range slices.Concat(t.Settings.SSOExclusions, t.Settings.Apps) {
		if s == "" || !store.Plain(s, maxName, "") {
			return wrong("an entry of a list has 1 to 256 bytes on one line")
		}
	}
	return t.Settings.settle()
}

// settleDomains returns domains in lower case, each once, and whether all of them
// are some.
func settleDomains(list []string) ([]string, bool) {
	var out []string
	for _, d := range list {
		d = strings.ToLower(strings.TrimSpace(d))
		if len(d) > 253 || !validDomain.MatchString(d) {
			return nil, false
		}
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out, true
}

func (s *Settings) settle() error {
	wrong := func(message string) error { return ErrInvalid.WithMessage("Request is invalid: " + message) }
	if s.AuthType == AuthNone {
		s.AuthType = ""
	}
	switch {
	case s.AuthType != "" && s.AuthType != AuthSAML && s.AuthType != AuthOIDC:
		return wrong("authType is none, saml or oidc")
	case s.RoleInheritance != "" && s.RoleInheritance != InheritNone && s.RoleInheritance != InheritUsers:
		return wrong("roleInheritance is blank, none or userOnly")
	case !store.Plain(s.Suite.StyleID, maxName, ""):
		return wrong("styleId is not valid")
	}
	own := s.Sessions
	for _, l := range []struct {
		Lifetime
		least time.Duration
		name  string
	}{
		{own.Refresh, minLifetime, "refreshTokenExpiration"},
		{own.Session, minLifetime, "sessionTokenExpiration"},
		{own.StepUp, minLifetime, "stepupTokenExpiration"},
		{own.Inactivity, minInactivity, "inactivityTime"},
	} {
		d, ok := l.duration()
		switch {
		case !ok:
			return wrong(l.name + "Unit is seconds, minutes, hours, days or weeks")
		case l.N < 0 || l.N > maxNumber || l.N > 0 && d < l.least:
			return wrong(l.name + " is at most 1000, and at least " + l.least.String())
		}
	}
	refresh, _ := own.Refresh.duration()
	session, _ := own.Session.duration()
	if refresh > 0 && session > refresh {
		return wrong("sessionTokenExpiration is not longer than refreshTokenExpiration")
	}
	return nil
}
