package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/accesskey"
	"postern/internal/authz"
	"postern/internal/edge"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/tenant"
)

// wireAccessKey is an access key. Lists are never null, and times are Unix seconds.
type wireAccessKey struct {
	ID           string           `json:"id"`
	Name         string           `json:"name"`
	Description  string           `json:"description"`
	Roles        []string         `json:"roleNames"`
	Tenants      []wireUserTenant `json:"keyTenants"`
	Status       string           `json:"status"`
	Created      int64            `json:"createdTime"`
	Expires      int64            `json:"expireTime"` // 0 is never
	CreatedBy    string           `json:"createdBy"`
	ClientID     string           `json:"clientId"`
	BoundUser    string           `json:"boundUserId"`
	Claims       map[string]any   `json:"customClaims"`
	Editable     bool             `json:"editable"`
	PermittedIPs []string         `json:"permittedIps"`
	Custom       map[string]any   `json:"customAttributes"`
}

// keysOnWire writes access keys with the names that roles and tenants have now.
func (s *Server) keysOnWire(ctx context.Context, c *project.Config, keys ...*accesskey.Key) ([]wireAccessKey, error) {
	var ids []string
	for _, k := range keys {
		for _, m := range k.Tenants {
			ids = append(ids, m.Tenant)
		}
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var known *authz.Roles
	var names map[string]string
	err := s.AccessKeys.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if known, err = authz.Load(tx, c, ids...); err != nil {
			return err
		}
		names, err = tenant.Names(tx, c.Project, ids)
		return err
	})
	out := []wireAccessKey{}
	for _, k := range keys {
		wire := wireAccessKey{
			ID: k.ID, Name: k.Name, Description: k.Description, Roles: known.Names(k.Roles), Tenants: []wireUserTenant{}, Status: k.Status,
			Created: seconds(k.CreatedAt), Expires: seconds(k.ExpiresAt), CreatedBy: k.CreatedBy, ClientID: k.ID, BoundUser: k.BoundUser,
			Claims: k.Claims, Editable: true, PermittedIPs: []string{}, Custom: project.Defined(c.Attributes.AccessKey, k.Custom),
		}
		for _, m := range k.Tenants {
			wire.Tenants = append(wire.Tenants, wireUserTenant{m.Tenant, names[m.Tenant], known.Names(m.Roles), known.Permissions(m.Roles)})
		}
		delegateOf(ctx).showKey(k, &wire)
		for _, p := range k.PermittedIPs {
			text := p.String()
			if p.IsSingleIP() {
				text = p.Addr().String()
			}
			wire.PermittedIPs = append(wire.PermittedIPs, text)
		}
		out = append(out, wire)
	}
	return out, err
}

type wireKeyTenant struct {
	Tenant string   `json:"tenantId"`
	Roles  []string `json:"roleNames"`
}

type newAccessKeyRequest struct {
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	ExpireTime   number          `json:"expireTime"` // Unix seconds; 0 is never
	Roles        []string        `json:"roleNames"`
	Tenants      []wireKeyTenant `json:"keyTenants"`
	User         string          `json:"userId"`
	Claims       map[string]any  `json:"customClaims"`
	PermittedIPs []string        `json:"permittedIps"`
	Custom       map[string]any  `json:"customAttributes"`
	Clear        string          `json:"cleartext"` // of a key that was made elsewhere; only an import takes it
}

func grantsIn(list []wireKeyTenant) []accesskey.GrantIn {
	out := []accesskey.GrantIn{}
	for _, t := range list {
		out = append(out, accesskey.GrantIn{Tenant: t.Tenant, Roles: t.Roles})
	}
	return out
}

func (in *newAccessKeyRequest) key() (accesskey.New, error) {
	addresses, err := accesskey.ParseAddresses(in.PermittedIPs)
	if err != nil {
		return accesskey.New{}, err
	}
	out := accesskey.New{Grant: accesskey.Grant{Roles: in.Roles, Tenants: grantsIn(in.Tenants)}, Clear: secret.New(in.Clear)}
	out.Key = accesskey.Key{
		Name: in.Name, Description: in.Description, BoundUser: in.User, Claims: in.Claims, Custom: in.Custom, PermittedIPs: addresses,
	}
	switch {
	case in.ExpireTime < 0 || in.ExpireTime > lastExpiry:
		return accesskey.New{}, accesskey.ErrInvalid.WithMessage("Request is invalid: expireTime is in Unix seconds")
	case in.ExpireTime > 0:
		out.ExpiresAt = time.Unix(int64(in.ExpireTime), 0).UTC()
	}
	return out, nil
}

type newAccessKeyAnswer struct {
	Clear string        `json:"cleartext"`
	Key   wireAccessKey `json:"key"`
}

func (s *Server) createAccessKey(ctx context.Context, in *newAccessKeyRequest) (*newAccessKeyAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	in.Clear = ""
	if err := s.newKey(ctx, in); err != nil {
		return nil, err
	}
	n, err := in.key()
	if err != nil {
		return nil, err
	}
	keys, clear, err := s.AccessKeys.Create(ctx, callerOf(ctx).Origin, c, n)
	if err != nil {
		return nil, err
	}
	wire, err := s.keysOnWire(ctx, c, keys...)
	if err != nil {
		return nil, err
	}
	return &newAccessKeyAnswer{Clear: clear[0].Reveal(), Key: wire[0]}, nil
}

type importAccessKeysRequest struct {
	Keys []newAccessKeyRequest `json:"keys"`
}

type accessKeysAnswer struct {
	Keys []wireAccessKey `json:"keys"`
}

// importAccessKeys makes keys whose cleartexts were made elsewhere.
func (s *Server) importAccessKeys(ctx context.Context, in *importAccessKeysRequest) (*accessKeysAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	var list []accesskey.New
	for _, k := range in.Keys {
		if k.Clear == "" {
			return nil, errMember.WithMessage("Request is invalid: the cleartext of each key is required")
		}
		n, err := k.key()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	keys, _, err := s.AccessKeys.Create(ctx, callerOf(ctx).Origin, c, list...)
	if err != nil {
		return nil, err
	}
	wire, err := s.keysOnWire(ctx, c, keys...)
	return &accessKeysAnswer{Keys: wire}, err
}

type accessKeyRequest struct {
	ID string `json:"id"`
}

func (k *accessKeyRequest) query(r *http.Request) error { //nolint:unparam // others fail
	if r.Method == http.MethodGet {
		k.ID = r.URL.Query().Get("id")
	}
	return nil
}

type accessKeyAnswer struct {
	Key wireAccessKey `json:"key"`
}

func (s *Server) getAccessKey(ctx context.Context, in *accessKeyRequest) (*accessKeyAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	k, err := s.AccessKeys.Get(ctx, c.Project, in.ID)
	if err != nil {
		return nil, err
	}
	return s.answerAccessKey(ctx, c, k)
}

func (s *Server) answerAccessKey(ctx context.Context, c *project.Config, k *accesskey.Key) (*accessKeyAnswer, error) {
	wire, err := s.keysOnWire(ctx, c, k)
	if err != nil {
		return nil, err
	}
	return &accessKeyAnswer{Key: wire[0]}, nil
}

type searchAccessKeysRequest struct {
	Tenants   []string       `json:"tenantIds"`
	Text      string         `json:"text"`
	BoundUser string         `json:"boundUserId"`
	CreatedBy string         `json:"creatingUser"`
	Custom    map[string]any `json:"customAttributes"`
	Sort      []wireOrder    `json:"sort"`
}

func (s *Server) searchAccessKeys(ctx context.Context, in *searchAccessKeysRequest) (*accessKeysAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	d := delegateOf(ctx)
	if err := d.searchKeys(in); err != nil {
		return nil, err
	}
	keys, err := s.AccessKeys.Search(ctx, c.Project, accesskey.Filter{
		Tenants: in.Tenants, Text: in.Text, BoundUser: in.BoundUser, CreatedBy: in.CreatedBy, Custom: in.Custom,
	})
	if err != nil {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(k *accesskey.Key) bool { return !d.hasKey(k) })
	wire, err := s.keysOnWire(ctx, c, keys...)
	sortBy(wire, in.Sort, map[string]func(a, b wireAccessKey) int{
		"name":        func(a, b wireAccessKey) int { return cmp.Compare(a.Name, b.Name) },
		"status":      func(a, b wireAccessKey) int { return cmp.Compare(a.Status, b.Status) },
		"createdtime": func(a, b wireAccessKey) int { return cmp.Compare(a.Created, b.Created) },
		"expiretime":  func(a, b wireAccessKey) int { return cmp.Compare(a.Expires, b.Expires) },
	})
	return &accessKeysAnswer{Keys: wire}, err
}

// updateAccessKeyRequest is what to change: what is missing or null stays.
type updateAccessKeyRequest struct {
	ID           string           `json:"id"`
	Name         string           `json:"name"`
	Description  *string          `json:"description"`
	Roles        *[]string        `json:"roleNames"`
	Tenants      *[]wireKeyTenant `json:"keyTenants"`
	Claims       map[string]any   `json:"customClaims"`
	PermittedIPs *[]string        `json:"permittedIps"`
	Custom       jsontext.Value   `json:"customAttributes"`
}

func (s *Server) updateAccessKey(ctx context.Context, in *updateAccessKeyRequest) (*accessKeyAnswer, error) {
	change := accesskey.Update{
		Name: &in.Name, Description: in.Description, Roles: in.Roles, Claims: in.Claims, Addresses: in.PermittedIPs,
	}
	if in.Tenants != nil {
		tenants := grantsIn(*in.Tenants)
		change.Tenants = &tenants
	}
	if in.Custom.Kind() == '{' {
		if err := decode(in.Custom, &change.Custom); err != nil {
			return nil, err
		}
	}
	return s.changeAccessKey(ctx, in.ID, change)
}

func (s *Server) changeAccessKey(ctx context.Context, id string, change accesskey.Update) (*accessKeyAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	k, err := s.AccessKeys.Update(ctx, callerOf(ctx).Origin, c, id, change)
	if err != nil {
		return nil, err
	}
	return s.answerAccessKey(ctx, c, k)
}

// accessKeysRequest names one key or several.
type accessKeysRequest struct {
	ID  string   `json:"id"`
	IDs []string `json:"ids"`
}

// onKeys makes a call on all keys that a request names.
func (s *Server) onKeys(do func(context.Context, *edge.Caller, []string) error) operation {
	return call(func(ctx context.Context, in *accessKeysRequest) (*empty, error) {
		ids := in.IDs
		if in.ID != "" {
			ids = append(ids, in.ID)
		}
		if len(ids) == 0 {
			return nil, errMember.WithMessage("Request is invalid: an id is required")
		}
		if err := s.keysHere(ctx, ids...); err != nil {
			return nil, err
		}
		return &empty{}, do(ctx, callerOf(ctx), ids)
	})
}

func (s *Server) activateAccessKeys(ctx context.Context, c *edge.Caller, ids []string) error {
	return s.AccessKeys.SetStatus(ctx, c.Origin, c.Project, accesskey.Active, ids)
}

func (s *Server) deactivateAccessKeys(ctx context.Context, c *edge.Caller, ids []string) error {
	return s.AccessKeys.SetStatus(ctx, c.Origin, c.Project, accesskey.Inactive, ids)
}

func (s *Server) deleteAccessKeys(ctx context.Context, c *edge.Caller, ids []string) error {
	return s.AccessKeys.Delete(ctx, c.Origin, c.Project, ids)
}

func (s *Server) rotateAccessKey(ctx context.Context, in *accessKeyRequest) (*newAccessKeyAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.keysHere(ctx, in.ID); err != nil {
		return nil, err
	}
	k, clear, err := s.AccessKeys.Rotate(ctx, callerOf(ctx).Origin, c.Project, in.ID)
	if err != nil {
		return nil, err
	}
	wire, err := s.keysOnWire(ctx, c, k)
	if err != nil {
		return nil, err
	}
	return &newAccessKeyAnswer{Clear: clear.Reveal(), Key: wire[0]}, nil
}

type exchangeRequest struct {
	Options struct {
		Claims map[string]any `json:"customClaims"`
		Tenant string         `json:"selectedTenant"`
	} `json:"loginOptions"`
}

type exchangeAnswer struct {
	KeyID      string `json:"keyId"`
	Session    string `json:"sessionJwt"`
	Expiration int64  `json:"expiration"` // Unix seconds
}

// exchangeAccessKey gives a session token for the key that the caller shows.
func (s *Server) exchangeAccessKey(ctx context.Context, in *exchangeRequest) (*exchangeAnswer, error) {
	caller := callerOf(ctx)
	k, known, err := s.AccessKeys.Authenticate(ctx, caller.Config, caller.Token, caller.Remote())
	if err != nil {
		return nil, err
	}
	out, err := s.Sessions.ForKey(ctx, session.KeyLogin{
		Config: caller.Config, KeyID: k.ID, Name: k.Name, Expires: k.ExpiresAt, Roles: k.Roles, Tenants: k.Tenants, Known: known, BoundUser: k.BoundUser, Claims: k.Claims,
		Custom:  project.Defined(caller.Config.Attributes.AccessKey, k.Custom),
		Options: session.Options{CustomClaims: in.Options.Claims, Tenant: in.Options.Tenant, Trusted: caller.Key != nil}, Client: clientOf(caller),
	})
	if err != nil {
		return nil, err
	}
	return &exchangeAnswer{KeyID: k.ID, Session: out.Session.Reveal(), Expiration: seconds(out.SessionExpires)}, nil
}
