package challenge

import (
	"errors"
	"maps"
	"slices"
	"time"

	"postern/internal/audit"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// change gives a user the address that was proven, as part of tx, unless the session
// that asked for it has been ended. Where the address is to be a login id and another
// user has it, the two become one, unless that is not wanted or would lose somebody a
// credential. Who completes it must be who asked: else whoever has a session has the
// owner of an account open a link, and has it.
func (p *Pending) change(tx *store.Tx, c *project.Config, h *holder) (*user.User, error) {
	if p.Session != "" { // not so where management asked
		if err := session.Stands(tx, p.Project, p.Session); err != nil {
			return nil, err
		}
	}
	u, err := user.Load(tx, p.Project, p.User)
	if err != nil {
		return nil, err
	}
	if err := u.MaySignIn(time.Now()); err != nil {
		return nil, err
	}
	other, err := user.Find(tx, p.Project, u.Home, p.Address)
	switch {
	case errors.Is(err, user.ErrNotFound):
	case err != nil:
		return nil, err
	case other.ID == u.ID:
	case p.Change.FailOnConflict:
		return nil, user.ErrExists
	case p.Change.AddToLoginIDs:
		if !p.Managed {
			if err := h.holds(u); err != nil {
				return nil, err
			}
		}
		if u, err = p.merge(tx, u, other); err != nil {
			return nil, err
		}
	}
	first := u.Proves(p.Address, true)
	was := *u
	if p.Kind == message.Email {
		u.Email, u.VerifiedEmail = p.Address, true
	} else {
		u.Phone, u.VerifiedPhone = p.Address, true
	}
	if p.Change.AddToLoginIDs && !slices.Contains(u.LoginIDs, p.Address) {
		u.LoginIDs = append(u.LoginIDs, p.Address)
	}
	if err := joins(tx, c, &was, u); err != nil {
		return nil, err
	}
	changed := audit.Act{Project: p.Project, User: u.ID, Action: audit.NewAddress, Outcome: audit.Done, Method: AMR(p.Kind), Remote: h.by.Remote, Request: h.by.Request}
	if err := audit.Note(tx, changed); err != nil {
		return nil, err
	}
	if first {
		return u, h.settle(tx, u, p.Address)
	}
	return u, user.Save(tx, u)
}

// merge makes one user of who has a session and who has the address, and removes
// the other. The proof must reach that one: a login id that looks like the address
// of who is reached elsewhere is not theirs to give.
func (p *Pending) merge(tx *store.Tx, u, other *user.User) (*user.User, error) {
	if addressOf(other, p.Kind, p.Address, false) != p.Address || other.MaySignIn(time.Now()) != nil {
		return nil, ErrMerge
	}
	if u.Test != other.Test { // what lets a test user in lets nobody else in
		return nil, ErrMerge
	}
	if other.Proves(p.Address, false) { // nobody who signed up with it meanwhile comes along
		p.mark(other)
		if err := user.Reclaim(tx, other, p.Address); err != nil {
			return nil, err
		}
	}
	kept, gone := u, other
	if p.Change.UseExisting {
		kept, gone = other, u
	}
	if gone.Methods != 0 { // its passwords, passkeys and so on would go with it
		return nil, ErrMerge
	}
	for _, v := range []struct{ into, from *string }{
		{&kept.Name, &gone.Name}, {&kept.GivenName, &gone.GivenName}, {&kept.MiddleName, &gone.MiddleName}, {&kept.FamilyName, &gone.FamilyName}, {&kept.Picture, &gone.Picture},
	} {
		if *v.into == "" {
			*v.into = *v.from
		}
	}
	if kept.Email == "" {
		kept.Email, kept.VerifiedEmail = gone.Email, gone.VerifiedEmail
	}
	if kept.Phone == "" {
		kept.Phone, kept.VerifiedPhone = gone.Phone, gone.VerifiedPhone
	}
	custom := maps.Clone(gone.Custom)
	if custom == nil {
		custom = map[string]any{}
	}
	maps.Copy(custom, kept.Custom)
	kept.Custom = custom
	kept.LoginIDs = append(kept.LoginIDs, gone.LoginIDs...)
	kept.Apps = union(kept.Apps, gone.Apps)
	kept.Roles = union(kept.Roles, gone.Roles)
	for _, m := range gone.Tenants {
		i := slices.IndexFunc(kept.Tenants, func(k user.Membership) bool { return k.Tenant == m.Tenant })
		if i < 0 {
			kept.Tenants = append(kept.Tenants, m)
			continue
		}
		kept.Tenants[i].Roles = union(kept.Tenants[i].Roles, m.Roles)
	}
	return kept, user.Delete(tx, p.Project, gone.ID)
}

func union(a, b []string) []string {
	out := slices.Sorted(slices.Values(slices.Concat(a, b)))
	return slices.Compact(out)
}
