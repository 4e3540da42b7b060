package api

import (
	"context"
	"errors"
	"maps"
	"slices"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// errAbsent is a hash of somebody who is not there.
var errAbsent = errNoUser.WithMessage("User not found: import the file of users first, or with this one")

// importUsersRequest brings the users of another service.
type importUsersRequest struct {
	Source string    `json:"source"`
	DryRun bool      `json:"dryrun"`
	Users  fileBytes `json:"users"`  // a file of that service
	Hashes fileBytes `json:"hashes"` // another one, with the hashes of their passwords
}

// importUsersAnswer says of everybody in the files what became of them.
type importUsersAnswer struct {
	Users    []wireUser          `json:"users"` // who are there now: made, or as before
	Failures []importUserFailure `json:"failures"`
}

type importUserFailure struct {
	User   string `json:"user"`
	Reason string `json:"reason"`
}

// importUsers makes the users of files of another service. Whoever is there already,
// with the same login ids, stays as they are, but for a password where they have none: so
// the same import may be made again.
func (s *Server) importUsers(ctx context.Context, in *importUsersRequest) (*importUsersAnswer, error) {
	people, failures, err := intake.Read(in.Source, in.Users, in.Hashes, mostUsers)
	if err != nil {
		return nil, err
	}
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &importUsersAnswer{Failures: []importUserFailure{}}
	for _, f := range failures {
		out.Failures = append(out.Failures, importUserFailure(f))
	}
	known, err := s.known(ctx, config, people)
	if err != nil {
		return nil, err
	}
	results, err := s.takeIn(ctx, config, people, known, in.DryRun)
	if err != nil {
		return nil, err
	}
	var there []*user.User
	for i, r := range results {
		if r.Err == nil {
			there = append(there, r.User)
			continue
		}
		out.Failures = append(out.Failures, importUserFailure{people[i].LoginIDs[0], fault.From(userFault(r.Err)).Message})
	}
	out.Users, err = s.usersOnWire(ctx, config, there...)
	return out, err
}

// known returns who of some people is there already, each at their place; nil for who is
// not.
func (s *Server) known(ctx context.Context, c *project.Config, people []intake.Person) ([]*user.User, error) {
	out := make([]*user.User, len(people))
	err := s.Users.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		for i, p := range people {
			body := creationOf(c, p)
			home := user.Home(c, onlyTenant(body.tenants()))
			for _, id := range p.LoginIDs {
				u, err := user.Find(tx, c.Project, home, id)
				if err == nil {
					out[i] = u
					break
				}
				if !errors.Is(err, user.ErrNotFound) && !isFault(err) {
					return err
				}
			}
		}
		return nil
	})
	return out, err
}

func isFault(err error) bool {
	_, ok := errors.AsType[*fault.Error](err)
	return ok
}

// takeIn makes those who are not there, and says of each what became of them.
func (s *Server) takeIn(ctx context.Context, c *project.Config, people []intake.Person, known []*user.User, dry bool) ([]user.Result, error) {
	out := make([]user.Result, len(people))
	var fresh, edited []int
	var bodies []createUserBody
	for i, p := range people {
		u := known[i]
		switch {
		case u == nil && p.HashOnly:
			out[i].Err = errAbsent
		case u == nil:
			fresh, bodies = append(fresh, i), append(bodies, creationOf(c, p))
		case !p.HashOnly && !sameLoginIDs(u, p):
			out[i] = user.Result{User: u, Err: user.ErrExists}
		case p.Hash != nil && !u.Has(user.Password):
			edited = append(edited, i)
		default:
			out[i].User = u
		}
	}
	create := s.createAll
	if dry {
		create = s.createNone
	}
	made, err := create(ctx, c, bodies, inviteBody{})
	if err != nil {
		return nil, err
	}
	for n, i := range fresh {
		out[i] = made[n]
	}
	for _, i := range edited {
		if out[i], err = s.takePassword(ctx, c, known[i], people[i].Hash, dry); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sameLoginIDs reports whether a user is found by all that a person is found by.
func sameLoginIDs(u *user.User, p intake.Person) bool {
	for _, id := range p.LoginIDs {
		if id, err := user.LoginID(id); err != nil || !slices.Contains(u.LoginIDs, id) {
			return false
		}
	}
	return true
}

// creationOf is a person as create/batch takes one.
func creationOf(c *project.Config, p intake.Person) createUserBody {
	more := p.LoginIDs[1:]
	b := createUserBody{LoginID: p.LoginIDs[0], Password: p.Password, Hashed: p.Hash, Created: number(p.Created), userBody: userBody{
		Name: p.Name, GivenName: p.GivenName, MiddleName: p.MiddleName, FamilyName: p.FamilyName, Picture: p.Picture,
		Email: p.Email, Phone: p.Phone, VerifiedEmail: p.VerifiedEmail, VerifiedPhone: p.VerifiedPhone, LoginIDs: &more, Custom: maps.Clone(p.Custom),
	}}
	if p.Disabled {
		b.Status = new(user.Disabled)
	}
	if len(p.Roles) > 0 {
		b.Roles = &p.Roles
	}
	if len(p.Tenants) > 0 {
		list := []userTenantBody{}
		for _, t := range p.Tenants {
			list = append(list, userTenantBody{ID: t.ID, Roles: t.Roles})
		}
		b.Tenants = &list
	}
	for _, a := range c.Attributes.User {
		if v, ok := p.Metadata[a.Name]; ok && v != nil {
			if b.Custom == nil {
				b.Custom = map[string]any{}
			}
			b.Custom[a.Name] = v
		}
	}
	return b
}

// createNone says what createAll would do, and does none of it.
func (s *Server) createNone(ctx context.Context, c *project.Config, list []createUserBody, how inviteBody) ([]user.Result, error) {
	out := make([]user.Result, len(list))
	drafts := make([]user.Draft, len(list))
	for i := range list {
		d, err := s.draft(ctx, c, &list[i], how)
		if err != nil && !isFault(err) {
			return nil, err
		}
		drafts[i], out[i].Err = d, err
	}
	err := s.Users.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		for i, d := range drafts {
			if out[i].Err != nil {
				continue
			}
			u, err := d.Make(tx)
			if err != nil && !isFault(err) {
				return err
			}
			if err == nil && (list[i].Password != "" || list[i].Hashed != nil) {
				u.Methods |= user.Password
			}
			out[i] = user.Result{User: u, Err: err}
		}
		return nil
	})
	return out, err
}

// takePassword gives a user who has no password one by its hash.
func (s *Server) takePassword(ctx context.Context, c *project.Config, u *user.User, hash *password.Import, dry bool) (user.Result, error) {
	prepared, err := s.Passwords.Prepare(ctx, c, u, secret.Text{}, hash)
	switch {
	case isFault(err):
		return user.Result{User: u, Err: err}, nil
	case err != nil:
		return user.Result{}, err
	case dry:
		return user.Result{User: u}, nil
	}
	by := callerOf(ctx)
	results, err := s.Users.Change(ctx, by.Origin, c.Project, user.Edit{
		Who: user.Who{ID: u.ID}, Make: func(*store.Tx, *user.User) error { return nil },
		Beside: func(tx *store.Tx, now *user.User) ([]string, error) {
			if now.Has(user.Password) { // somebody was first
				return nil, nil
			}
			if err := prepared.Store(tx, now.Project, now.ID); err != nil {
				return nil, err
			}
			now.Methods |= user.Password
			return []string{"password"}, user.SetMethod(tx, now.Project, now.ID, user.Password, true)
		},
	})
	if err != nil {
		return user.Result{}, err
	}
	return results[0], nil
}
