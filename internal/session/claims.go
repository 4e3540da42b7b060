package session

import (
	"maps"
	"slices"
	"time"

	"postern/internal/authz"
	"postern/internal/ident"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/user"
)

// A holder is who a token speaks of: a user, an access key, or an anonymous
// visitor.
type holder struct {
	id      string
	roles   []string              // ids, in the whole project
	tenants []user.Membership     // sorted by tenant
	kind    string                // what a template calls it: "user" or "key"
	values  func() map[string]any // what a template may name of it; nil for nothing
}

// A minting is what a session token is made of.
type minting struct {
	config   *project.Config
	roles    *authz.Roles
	template project.JWTTemplate // the zero value is none
	holder   holder
	session  *Session // of an access key it is none that is stored
	issuer   string
	now      time.Time
	ends     time.Time
	stepUp   bool
}

// reserved reports whether a claim is the server's to say: no request sets it, and
// a template sets the audience and the subject alone.
func reserved(claim string) bool {
	switch claim {
	case "iss", "sub", "dsub", "aud", "exp", "nbf", "iat", "jti", "drn", "amr", "sid", "gen", "su", "did", claimDevice, "act", "cnf", "nsec",
		"roles", "permissions", "tenants", "dct":
		return true
	}
	return false
}

// claims returns those of a session token. What was asked for comes first, then the
// template, then what nobody may change.
func (m minting) claims() (map[string]any, error) {
	out := map[string]any{}
	maps.Copy(out, m.session.Extra.Trusted)
	if len(m.session.Extra.Untrusted) > 0 {
		out["nsec"] = m.session.Extra.Untrusted
	}
	subject := m.holder.id
	templated, err := m.templated()
	if err != nil {
		return nil, err
	}
	for name, v := range m.fillTemplate(templated) {
		if own, ok := v.(string); name == "sub" && ok && own != "" && m.template.OverrideSubject {
			subject = own
		}
		if name == "aud" || !reserved(name) {
			out[name] = v
		}
	}
	if m.template.OverrideSubject {
		out["dsub"] = m.holder.id
	}
	if m.template.AddJTI {
		out["jti"] = ident.New("J")
	}
	out["iss"], out["sub"], out["iat"], out["exp"], out["drn"] = m.issuer, subject, m.now.Unix(), m.ends.Unix(), drnSession
	out["amr"] = slices.Clone(m.session.AMR)
	if m.session.ID != "" {
		out["sid"] = m.session.ID
	}
	if m.stepUp {
		out["su"] = true
	}
	if m.session.Extra.Key != "" {
		out["cnf"] = confirmation(m.session.Extra.Key)
	}
	if m.session.Extra.Device != "" {
		out[claimDevice] = true
	}
	if m.session.Extra.Actor != "" { // RFC 8693 §4.1
		out["act"] = map[string]any{"sub": m.session.Extra.Actor}
	}
	m.authorize(out)
	return out, nil
}

// authorize adds the current tenant, and roles and permissions as far as the
// template lets them in.
func (m minting) authorize(out map[string]any) {
	dct := m.session.Tenant
	if dct == "" && m.template.AutoDCT && len(m.holder.tenants) == 1 {
		dct = m.holder.tenants[0].Tenant
	}
	i := slices.IndexFunc(m.holder.tenants, func(in user.Membership) bool { return dct != "" && in.Tenant == dct })
	if i >= 0 {
		out["dct"] = dct
	}
	switch m.template.AuthSchema {
	case "none":
	case "tenantOnly": // those of the current tenant stand where else those of the project do
		if i >= 0 {
			m.put(out, m.holder.tenants[i].Roles)
		}
	default:
		m.put(out, m.holder.roles)
		tenants := map[string]any{} // clients in JavaScript need it, be it empty
		for _, in := range m.holder.tenants {
			one := map[string]any{}
			m.put(one, in.Roles)
			tenants[in.Tenant] = one
		}
		out["tenants"] = tenants
	}
}

// put adds the names of roles and of what they permit.
func (m minting) put(into map[string]any, ids []string) {
	if names := m.roles.Names(ids); len(names) > 0 {
		into["roles"] = names
	}
	if names := m.roles.Permissions(ids); len(names) > 0 && !m.template.ExcludePermissions {
		into["permissions"] = names
	}
}

// ofUser returns a user as who holds a token, in the tenants that count.
func ofUser(u *user.User, roles *authz.Roles, tenants []user.Membership) holder {
	return holder{id: u.ID, roles: u.Roles, tenants: tenants, kind: "user", values: func() map[string]any { return valuesOf(u, roles, tenants) }}
}

// valuesOf returns what a template may name of a user.
func valuesOf(u *user.User, roles *authz.Roles, tenants []user.Membership) map[string]any {
	login := ""
	if len(u.LoginIDs) > 0 {
		login = u.LoginIDs[0]
	}
	return map[string]any{
		"userId": u.ID, "id": u.ID, "loginId": login, "loginIds": u.LoginIDs, "name": u.Name, "displayName": u.Name,
		"givenName": u.GivenName, "middleName": u.MiddleName, "familyName": u.FamilyName,
		"email": u.Email, "verifiedEmail": u.VerifiedEmail, "phone": u.Phone, "verifiedPhone": u.VerifiedPhone,
		"picture": u.Picture, "status": string(u.Status), "test": u.Test, "createdTime": u.CreatedAt.Unix(),
		"customAttributes": u.Custom, "roleNames": roles.Names(u.Roles), "permissions": roles.Permissions(u.Roles), "tenants": tenantsOf(tenants),
	}
}

// A made is a session on the way to its tokens.
type made struct {
	ring      *key.Ring
	config    *project.Config
	user      *user.User // nil for an anonymous visitor
	roles     *authz.Roles
	tenants   []user.Membership // of the user, without those that are disabled
	session   *Session
	lifetimes lifetimes
	base      string // the URL that the request came to
	now       time.Time
	firstSeen bool
	device    *Device // that is trusted from now on; nil for none
	stepUp    bool
	refresh   bool // whether there is a new refresh token
}

// minting returns what a session token is made of, but for its issuer and its end.
func (m *made) minting() minting {
	out := minting{config: m.config, roles: m.roles, session: m.session, now: m.now, stepUp: m.stepUp}
	out.template, _ = template(m.config)
	if m.user != nil {
		out.holder = ofUser(m.user, m.roles, m.tenants)
		return out
	}
	out.holder = holder{id: m.session.ID, roles: m.session.Extra.Roles, kind: "user"}
	if m.session.Tenant != "" {
		out.holder.tenants = []user.Membership{{Tenant: m.session.Tenant}}
	}
	return out
}

// signing makes the tokens of a sign-in while the commit of its session is waited for:
// one takes a processor and the other the disk. Whoever calls what it returns, after the
// commit, has them; of one that failed nobody does.
func (s *Service) signing(m made) func() (*Tokens, error) {
	if s.DB.Kind() == store.Postgres {
		return func() (*Tokens, error) { return s.tokens(m) } // nothing is gained: what it runs again is signed again
	}
	type signed struct {
		tokens *Tokens
		err    error
		panics any
	}
	done := make(chan signed, 1)
	go func() {
		var out signed
		defer func() {
			out.panics = recover()
			done <- out
		}()
		out.tokens, out.err = s.tokens(m)
	}()
	return func() (*Tokens, error) {
		out := <-done
		if out.panics != nil {
			panic(out.panics) // here the request has somebody who takes it
		}
		return out.tokens, out.err
	}
}

// tokens makes the tokens of a session. It asks the database nothing.
func (s *Service) tokens(m made) (*Tokens, error) {
	until := m.session.until(m.lifetimes)
	life := m.lifetimes.session
	if m.stepUp {
		life = m.lifetimes.stepUp
	}
	mint := m.minting()
	mint.ends = m.now.Add(life)
	if mint.ends.After(until) {
		mint.ends = until // no session token outlives its session
	}
	mint.issuer = s.issuer(m.config, mint.template, m.base)
	claims, err := mint.claims()
	if err != nil {
		return nil, err
	}
	out := &Tokens{
		SessionExpires: mint.ends, RefreshExpires: until, Claims: claims, User: m.user, FirstSeen: m.firstSeen, Config: m.config, ID: m.session.ID,
	}
	if m.device != nil {
		out.DeviceExpires = m.device.ExpiresAt
		if out.Device, err = m.deviceToken(mint.issuer); err != nil {
			return nil, err
		}
	}
	if out.Session, err = sign(m.ring.Sign, claims); err != nil || !m.refresh {
		return out, err
	}
	renewing := renewing{
		Issuer: mint.issuer, Subject: mint.holder.id, IssuedAt: m.now.Unix(), Expires: until.Unix(), Kind: drnRefresh,
		AMR: m.session.AMR, Session: m.session.ID, Generation: m.session.Generation,
	}
	if m.session.Extra.Key != "" {
		renewing.Confirmation = confirmation(m.session.Extra.Key)
	}
	out.Refresh, err = sign(m.ring.SignReturning, renewing)
	return out, err
}

// renewing is the claims of a refresh token, in the order of their names.
type renewing struct {
	AMR          []string       `json:"amr"`
	Confirmation map[string]any `json:"cnf,omitempty"`
	Kind         string         `json:"drn"`
	Expires      int64          `json:"exp"`
	Generation   int64          `json:"gen"`
	IssuedAt     int64          `json:"iat"`
	Issuer       string         `json:"iss"`
	Session      string         `json:"sid"`
	Subject      string         `json:"sub"`
}

// confirmation is the claim that binds a token to a key (RFC 9449 §6.1).
func confirmation(thumbprint string) map[string]any { return map[string]any{"jkt": thumbprint} }
