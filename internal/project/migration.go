package project

import "strings"

// The former services whose sessions are taken over.
const (
	Auth0 = "auth0"
	Okta  = "okta"
)

// Migration says how sessions of a former identity service are taken over.
type Migration struct {
	Vendor   string // Auth0 or Okta
	Issuer   string // as its tokens name it
	Base     string // where it is called
	ClientID string
	Audience string   // of the access tokens; empty where ID tokens are shown
	Sources  []string // the fields there that may be the login id here, in the order in which they are tried
	Create   bool     // make users who are not here yet
	Mapping  []FieldPair
}

// A FieldPair is a field of a user there and here.
type FieldPair struct {
	There string `json:"externalKey"`
	Here  string `json:"descopeKey"`
}

// migrationFile is what project.json says of it.
type migrationFile struct {
	Auth0 *struct {
		ClientID string `json:"clientId"`
		Domain   string `json:"domain"`
		Audience string `json:"audience"`
	} `json:"auth0"`
	Okta *struct {
		ClientID string `json:"clientId"`
		Issuer   string `json:"issuer"`
	} `json:"okta"`
	Sources []string    `json:"loginIdExternalUserSources"`
	Sync    string      `json:"userSyncType"`
	Mapping []FieldPair `json:"userMapping"`
}

// compile returns nil where no service is named, or two are: then nobody can say whose
// tokens count.
func (in *migrationFile) compile() *Migration {
	if in == nil || (in.Auth0 == nil) == (in.Okta == nil) {
		return nil
	}
	out := &Migration{Sources: in.Sources, Create: in.Sync == "jit", Mapping: in.Mapping}
	if a := in.Auth0; a != nil {
		base := "https://" + strings.TrimSuffix(a.Domain, "/")
		out.Vendor, out.Base, out.Issuer, out.ClientID, out.Audience = Auth0, base, base+"/", a.ClientID, a.Audience
	} else {
		out.Vendor, out.Base, out.Issuer, out.ClientID = Okta, in.Okta.Issuer, in.Okta.Issuer, in.Okta.ClientID
	}
	return out
}
