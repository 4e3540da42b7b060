package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/accesskey"
	"postern/internal/authz"
	"postern/internal/fault"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/tenant"
)

// infraAccessKey is an access key as infrastructure as code has it. What is missing
// or null stays as it is.
type infraAccessKey struct {
	Name         *string          `json:"name"`
	Description  *string          `json:"description"` // at most 254 characters
	Status       *string          `json:"status"`
	Expires      *number          `json:"expireTime"` // Unix seconds, 0 is never; for good
	BoundUser    *string          `json:"boundUserId"`
	Roles        *[]string        `json:"roleNames"`
	Tenants      *[]wireKeyTenant `json:"keyTenants"`
	Claims       map[string]any   `json:"customClaims"`
	Custom       jsontext.Value   `json:"customAttributes"`
	PermittedIPs *[]string        `json:"permittedIps"`
}

// longestInfraText is how long a description may be there, in characters.
const longestInfraText = 254

// check says what is wrong with the data, all of it with its place; now is the key
// that there is, or nil.
func (in *infraAccessKey) check(known *authz.Roles, tenants map[string]string, now *wireAccessKey) []snapshot.Problem {
	var out []snapshot.Problem
	wrong := func(is bool, pointer, message string) {
		if is {
			out = append(out, snapshot.Problem{Pointer: "/data/" + pointer, Code: snapshot.CodeRule, Level: snapshot.Error, Message: message})
		}
	}
	made := now == nil
	wrong(made && in.Name == nil, "name", "must be there")
	wrong(in.Description != nil && utf8.RuneCountInString(*or(in.Description, new(string))) > longestInfraText, "description", "must have at most 254 characters")
	wrong(in.Status != nil && *in.Status != accesskey.Active && *in.Status != accesskey.Inactive, "status", "must be active or inactive")
	wrong(made && in.Status != nil && *in.Status == accesskey.Inactive, "status", "an access key cannot be made inactive")
	if !made {
		wrong(in.Expires != nil && int64(*in.Expires) != now.Expires, "expireTime", "cannot be changed; make another access key")
		wrong(in.BoundUser != nil && *in.BoundUser != now.BoundUser, "boundUserId", "cannot be changed; make another access key")
	}
	role := func(tenant, name, pointer string) {
		_, err := known.IDsIn(tenant, []string{name})
		wrong(err != nil, pointer, fmt.Sprintf("Role %.100q does not exist in project", name))
	}
	roles, places := *or(in.Roles, &[]string{}), *or(in.Tenants, &[]wireKeyTenant{})
	wrong(len(roles) > 0 && len(places) > 0, "roleNames", "cannot stand beside keyTenants")
	for i, name := range roles {
		role("", name, fmt.Sprintf("roleNames/%d", i))
	}
	for i, t := range places {
		_, there := tenants[t.Tenant]
		wrong(!there, fmt.Sprintf("keyTenants/%d/tenantId", i), fmt.Sprintf("Tenant %.60q does not exist in project", t.Tenant))
		for j, name := range t.Roles {
			if there {
				role(t.Tenant, name, fmt.Sprintf("keyTenants/%d/roleNames/%d", i, j))
			}
		}
	}
	return out
}

// readInfraAccessKey reads and checks the data of a request; now is the key that there
// is, or nil.
func (s *Server) readInfraAccessKey(ctx context.Context, c *project.Config, data jsontext.Value, now *wireAccessKey) (*infraAccessKey, error) {
	in := &infraAccessKey{}
	if err := infraKeyData(data, in); err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range *or(in.Tenants, &[]wireKeyTenant{}) {
		ids = append(ids, t.Tenant)
	}
	var known *authz.Roles
	var tenants map[string]string
	err := s.AccessKeys.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if tenants, err = tenant.Names(tx, c.Project, ids); err != nil {
			return err
		}
		known, err = authz.Load(tx, c, slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return tenants[id] == "" })...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if problems := in.check(known, tenants, now); len(problems) > 0 {
		return nil, refuse(problems, nil)
	}
	return in, nil
}

// onAccessKeys returns the configuration of the project whose access keys a call is
// about, if the key may do it.
func (s *Server) onAccessKeys(ctx context.Context) (*project.Config, error) {
	c := callerOf(ctx)
	if c.Project == "" {
		return nil, errNoProject
	}
	if err := in(mgmtkey.Admin).Allow(c.Key, c.Project); err != nil {
		return nil, err
	}
	return s.configOf(ctx)
}

func (s *Server) createInfraAccessKey(ctx context.Context, req *infraRequest) (*infraAnswer, error) {
	c, err := s.onAccessKeys(ctx)
	if err != nil {
		return nil, err
	}
	in, err := s.readInfraAccessKey(ctx, c, req.Data, nil)
	if err != nil {
		return nil, err
	}
	create := &newAccessKeyRequest{
		Name: *in.Name, Description: *or(in.Description, new(string)), ExpireTime: *or(in.Expires, new(number)), User: *or(in.BoundUser, new(string)),
		Roles: *or(in.Roles, &[]string{}), Tenants: *or(in.Tenants, &[]wireKeyTenant{}), Claims: in.Claims, PermittedIPs: *or(in.PermittedIPs, &[]string{}),
	}
	if in.Custom.Kind() == '{' {
		if err := decode(in.Custom, &create.Custom); err != nil {
			return nil, err
		}
	}
	made, err := s.createAccessKey(ctx, create)
	if err != nil {
		return nil, asInvalidKey(err)
	}
	out, err := infraAccessKeyAnswer(made.Key, in)
	if err == nil {
		out.Data["cleartext"] = made.Clear
	}
	return out, err
}

func (s *Server) readInfraAccess(ctx context.Context, req *infraRequest) (*infraAnswer, error) {
	if _, err := s.onAccessKeys(ctx); err != nil {
		return nil, err
	}
	k, err := s.getAccessKey(ctx, &accessKeyRequest{req.ID})
	if err != nil {
		return nil, err
	}
	return infraAccessKeyAnswer(k.Key, &infraAccessKey{})
}

func (s *Server) updateInfraAccessKey(ctx context.Context, req *infraRequest) (*infraAnswer, error) {
	c, err := s.onAccessKeys(ctx)
	if err != nil {
		return nil, err
	}
	now, err := s.getAccessKey(ctx, &accessKeyRequest{req.ID})
	if err != nil {
		return nil, err
	}
	in, err := s.readInfraAccessKey(ctx, c, req.Data, &now.Key)
	if err != nil {
		return nil, err
	}
	k, err := s.updateAccessKey(ctx, &updateAccessKeyRequest{
		ID: req.ID, Name: *or(in.Name, &now.Key.Name), Description: in.Description, Roles: in.Roles, Tenants: in.Tenants, Claims: in.Claims,
		PermittedIPs: in.PermittedIPs, Custom: in.Custom,
	})
	if err != nil {
		return nil, asInvalidKey(err)
	}
	if in.Status != nil && *in.Status != k.Key.Status {
		if err := s.AccessKeys.SetStatus(ctx, callerOf(ctx).Origin, c.Project, *in.Status, []string{req.ID}); err != nil {
			return nil, err
		}
		k.Key.Status = *in.Status
	}
	return infraAccessKeyAnswer(k.Key, in)
}

func (s *Server) deleteInfraAccessKey(ctx context.Context, req *infraRequest) (*infraAnswer, error) {
	if _, err := s.onAccessKeys(ctx); err != nil {
		return nil, err
	}
	return nil, s.deleteAccessKeys(ctx, callerOf(ctx), []string{req.ID})
}

// asInvalidKey says what is wrong with an access key by the code that clients of
// infrastructure as code show.
func asInvalidKey(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == accesskey.ErrInvalid.Code {
		return snapshot.ErrInvalid.WithMessage("data: " + f.Message)
	}
	return err
}

// infraAccessKeyAnswer writes a key; lists are in the order in which they were sent,
// since clients compare.
func infraAccessKeyAnswer(k wireAccessKey, sent *infraAccessKey) (*infraAnswer, error) {
	asSent(k.Roles, *or(sent.Roles, &[]string{}))
	places := *or(sent.Tenants, &[]wireKeyTenant{})
	at := func(id string) int {
		return slices.IndexFunc(places, func(t wireKeyTenant) bool { return t.Tenant == id })
	}
	tenants := []wireKeyTenant{}
	for _, t := range k.Tenants {
		if i := at(t.ID); i >= 0 {
			asSent(t.Roles, places[i].Roles)
		}
		tenants = append(tenants, wireKeyTenant{t.ID, t.Roles})
	}
	slices.SortStableFunc(tenants, func(a, b wireKeyTenant) int { return cmp.Compare(at(a.Tenant), at(b.Tenant)) })
	text, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	data := map[string]any{}
	if err := json.Unmarshal(text, &data); err != nil {
		return nil, err
	}
	delete(data, "id")
	delete(data, "editable")
	data["keyTenants"] = tenants
	return &infraAnswer{Entity: "access_key", ID: k.ID, Data: data}, nil
}

// asSent brings names into the order of a list that has them.
func asSent(names, sent []string) {
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(slices.Index(sent, a), slices.Index(sent, b)) })
}
