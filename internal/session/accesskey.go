package session

import (
	"context"
	"time"

	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/user"
)

// A KeyLogin is an access key whose owner has checked it.
type KeyLogin struct {
	Config    *project.Config
	KeyID     string
	Name      string
	Expires   time.Time         // of the key, which no token of it outlives; zero for never
	Roles     []string          // ids, in the whole project
	Tenants   []user.Membership // where the key counts, sorted by tenant
	Known     *authz.Roles      // what there is of roles
	BoundUser string            // id of the user that the key stands for; empty for none
	Claims    map[string]any    // that the key was made with
	Custom    map[string]any    // custom attributes of the key
	Options   Options           // CustomClaims and Tenant
	Client    Client
}

// ForKey gives a session token for an access key. There is no session and no
// refresh token: the key itself is shown again.
func (s *Service) ForKey(ctx context.Context, in KeyLogin) (*Tokens, error) {
	ring, err := s.Keys.Ring(ctx, in.Config.Project)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	ends := now.Add(in.Config.Settings.KeyTokenLifetime)
	if !in.Expires.IsZero() && in.Expires.Before(ends) {
		ends = in.Expires
	}
	m := minting{
		config: in.Config, roles: in.Known, now: now, ends: ends,
		session: &Session{Project: in.Config.Project, AMR: []string{}, Tenant: in.Options.Tenant},
		holder: holder{id: in.KeyID, roles: in.Roles, tenants: in.Tenants, kind: "key", values: func() map[string]any {
			return map[string]any{
				"id": in.KeyID, "keyId": in.KeyID, "name": in.Name, "userId": in.BoundUser, "customAttributes": in.Custom,
				"roleNames": in.Known.Names(in.Roles), "permissions": in.Known.Permissions(in.Roles),
			}
		}},
	}
	if in.Options.Tenant != "" {
		if _, ok := (&user.User{Tenants: in.Tenants}).In(in.Options.Tenant); !ok {
			return nil, ErrNotMember
		}
	}
	if t, ok := in.Config.JWTTemplates[in.Config.Settings.KeyTemplate]; ok && t.Type != "user" {
		m.template = t
	}
	m.issuer = s.issuer(in.Config, m.template, in.Client.Base)
	m.session.Extra.Key = in.Client.Key
	m.session.Extra.ask(Options{CustomClaims: in.Claims, Trusted: true})
	m.session.Extra.ask(in.Options)
	claims, err := m.claims()
	if err != nil {
		return nil, err
	}
	out := &Tokens{SessionExpires: m.ends, RefreshExpires: m.ends, Claims: claims, Config: in.Config}
	out.Session, err = sign(ring.Sign, claims)
	return out, err
}
